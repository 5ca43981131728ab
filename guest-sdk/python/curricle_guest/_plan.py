from collections.abc import Iterable, Sequence

from . import _host
from ._streams import Stream


class Plan:
    """The global batch in the making. What is added must come to exactly ``size`` samples."""

    __slots__ = ("size",)

    size: int
    """Samples asked for, over all ranks and micro-batches; in the last batch of a run perhaps fewer than before."""

    def __init__(self) -> None:
        self.size = _host.current.size()

    def draw(self, stream: Stream, count: int) -> None:
        """Adds the next ``count`` samples of a stream."""
        _host.current.draw([stream.number], [count])

    def draw_all(self, counts: Iterable[tuple[Stream, int]]) -> None:
        """Adds the next samples of many streams, in one call; each is named at most once."""
        counts = list(counts)
        _host.current.draw([stream.number for stream, _ in counts], [count for _, count in counts])

    def append(self, ids: Sequence[int]) -> None:
        """Adds these samples."""
        _host.current.append(ids)

    def truncate(self, length: int) -> None:
        """Cuts every sample of the batch to its first ``length`` tokens; at least 1."""
        _host.current.truncate(length)

    def annotate(self, name: str, value: float) -> None:
        """Puts a finite number beside the batch for the trainer to read; at most 64 names a step."""
        _host.current.annotate(name, value)

    def ordered(self) -> None:
        """Keeps the samples in the order in which they were added; without it the host shuffles the batch."""
        _host.current.ordered()
