from collections.abc import Iterator, Sequence

# By bytes per token; WebAssembly is little-endian, as the tokens are.
_FORMATS = {1: "B", 2: "H", 4: "I"}


class Samples:
    """Consecutive samples, each of them a view of its token ids without a copy. Built-ins such as ``set``, ``sum`` and ``max`` read a view
    ten times faster than a loop does.

    ``first`` is the id of the first sample, ``tokens`` the view of all of them end to end, and sample i is
    ``tokens[offsets[i]:offsets[i + 1]]``. Where the metric says ``tokens = False`` the view is empty and the lengths are still there.
    """

    __slots__ = ("first", "offsets", "tokens")

    def __init__(self, first: int, width: int, tokens: bytes, offsets: Sequence[int]) -> None:
        self.first = first
        self.tokens = memoryview(tokens).cast(_FORMATS[width])
        self.offsets = offsets

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, i: int) -> memoryview:
        if not 0 <= i < len(self):
            raise IndexError(i)
        return self.tokens[self.offsets[i] : self.offsets[i + 1]]

    def __iter__(self) -> Iterator[memoryview]:
        tokens, start = self.tokens, 0
        for end in self.offsets[1:]:
            yield tokens[start:end]
            start = end

    @property
    def lengths(self) -> list[int]:
        """Tokens of each sample."""
        return [end - start for start, end in zip(self.offsets, self.offsets[1:])]
