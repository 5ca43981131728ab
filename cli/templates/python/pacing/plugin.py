"""{{summary}}."""

from curricle_guest import Config, Pacing


class {{Name}}(Pacing):
    def configure(self, config: Config) -> None:
        self.start, self.end, self.steps = config["from"], config["to"], config["steps"]

    def difficulty(self, step: int) -> float:
        return self.start + (self.end - self.start) * (min(step, self.steps) / self.steps)
