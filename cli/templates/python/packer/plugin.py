"""{{summary}}."""

from collections.abc import Sequence

from curricle_guest import Config, Packer


class {{Name}}(Packer):
    def configure(self, config: Config) -> None:
        self.open = config.get("open", 8)

    def pack(self, lengths: Sequence[int], capacity: int, max_samples: int | None) -> list[int]:
        most = max_samples or len(lengths)
        tokens: list[int] = []
        samples: list[int] = []
        answer = []
        for length in lengths:
            for row in range(max(len(tokens) - self.open, 0), len(tokens)):
                if tokens[row] + length <= capacity and samples[row] < most:
                    break
            else:
                row = len(tokens)
                tokens.append(0)
                samples.append(0)
            tokens[row] += length
            samples[row] += 1
            answer.append(row)
        return answer
