from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, Literal, Protocol

from ._errors import ConfigError
from ._plan import Plan
from ._samples import Samples


class Config(dict[str, Any]):
    """The configuration, checked against the plugin's schema if it has one. A key that is missing is refused by name."""

    def __missing__(self, key: str) -> Any:
        raise ConfigError(f"`{key}` is missing")


class Step(Protocol):
    """Where training stands. Everything counts what the trainer was given, from the start of the run."""

    index: int
    """Number of the global batch, from 0."""
    consumed_samples: int
    """Samples in the global batches before this one."""
    consumed_tokens: int | None
    """Tokens in them; None if the run file says `count-tokens = false`."""


class Plugin:
    """What all plugins share."""

    def configure(self, config: Config) -> None:
        """Called once, before everything else. Raise :class:`ConfigError` for what the schema cannot judge."""


class Policy(Plugin):
    """Decides what each global batch holds: the same calls give the same answers on every rank."""

    def fill(self, step: Step, plan: Plan) -> None:
        """Fills the plan of one global batch."""
        raise NotImplementedError


class StatefulPolicy(Policy):
    """A policy that remembers more than the positions of its streams."""

    def save(self) -> bytes:
        """What it remembers, between any two steps; must not change what it does next. A few hundred bytes is good manners."""
        raise NotImplementedError

    def restore(self, state: bytes) -> None:
        """Called after ``configure`` with bytes that ``save`` gave. Raise :class:`StateError` for what cannot be used."""
        raise NotImplementedError


class Metric(Plugin):
    """Computes one value per sample, or numbers about the dataset as a whole, over samples that the host reads."""

    values: ClassVar[Literal["float32", "float64", "uint32", "uint64", None]] = "float64"
    """Type of the column; None for a metric that has only totals."""
    tokens: ClassVar[bool] = True
    """Whether it reads tokens at all, or lengths alone."""
    passes: ClassVar[int] = 0
    """Passes of ``accumulate`` over the dataset before ``measure``; at most 16."""

    def accumulate(self, number: int, samples: Samples) -> None:
        """One chunk of a pass, counted from 0."""
        raise NotImplementedError

    def partial(self, number: int) -> bytes:
        """What was accumulated since the last call of ``partial``; empties it."""
        raise NotImplementedError

    def merge(self, number: int, partials: list[bytes]) -> bytes:
        """Joins the partial results of consecutive chunks, in order."""
        raise NotImplementedError

    def finish(self, number: int, merged: bytes) -> None:
        """Gives every instance the result of the pass."""
        raise NotImplementedError

    def totals(self) -> Iterable[float]:
        """Numbers about the dataset as a whole, kept beside the column."""
        return ()

    def measure(self, samples: Samples) -> Iterable[float]:
        """The values of a chunk, in order, as many as it has samples. They may not depend on other calls of ``measure``."""
        raise NotImplementedError


class Pacing(Plugin):
    """How hard the data may be at a step."""

    def difficulty(self, step: int) -> float:
        """A finite number, the same for the same step whenever and however often it is asked."""
        raise NotImplementedError


class Packer(Plugin):
    """Arranges samples into bins of a fixed capacity."""

    def pack(self, lengths: Sequence[int], capacity: int, max_samples: int | None) -> Sequence[int]:
        """Bin of each sample, given its length in tokens; bins are numbered from 0 without gaps. Keeps nothing from call to call."""
        raise NotImplementedError
