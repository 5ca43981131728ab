"""Doubles of the host in memory, for unit tests without WebAssembly.

    run = Run(samples=100, columns={"seqlen": range(100)}, config={"longest": 9}).start(ShortFirst)
    assert max(run.step(8).ids) <= 9

Orders are as random as the host's and are not the same; what is exact is what the contract promises of them.
"""

from __future__ import annotations

import random
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from . import _host
from ._errors import ConfigError, DataError, Exhausted, Refusal, StateError
from ._plan import Plan
from ._samples import Samples
from ._traits import Config, Metric, Packer, Pacing, Policy, StatefulPolicy
from .dataset import Between, Category, Column, Condition, Quantiles

P = TypeVar("P", bound=Policy)
# Taken at once: in a component these would be taken away.
_Random = random.Random


@dataclass
class Batch:
    """What one step was filled with."""

    ids: list[int] = field(default_factory=list)
    draws: list[tuple[str, int]] = field(default_factory=list)
    """Names of streams, and how many samples each gave."""
    annotations: dict[str, float] = field(default_factory=dict)
    truncate: int | None = None
    ordered: bool = False


@dataclass
class _Stream:
    name: str
    conditions: tuple[Condition, ...]
    order: Any
    ids: list[int]
    position: int = 0
    epoch: tuple[int, list[int]] = (-1, [])


class _World:
    """The host's functions over data in memory."""

    def __init__(self, samples: int, columns: Mapping[str, Sequence[Any]], pacings: Mapping[str, Any], seed: int) -> None:
        if samples < 1:
            raise ValueError("a dataset has at least one sample")
        self.samples, self.seed, self.pacings = samples, seed, pacings
        self.numbers: dict[str, list[float]] = {}
        self.names: dict[str, list[str]] = {}
        for name, given in columns.items():
            given = list(given)
            if len(given) != samples:
                raise ValueError(f"column `{name}` has {len(given)} values for {samples} samples")
            if given and isinstance(given[0], str):
                self.names[name] = sorted(set(given))
                given = [self.names[name].index(value) for value in given]
            self.numbers[name] = [float(value) for value in given]
        self.streams: list[_Stream] = []
        self.positions: dict[str, int] = {}
        self.plan: tuple[int, Batch] | None = None
        self.lines: list[tuple[str, str]] = []

    def log(self, level: str, message: str) -> None:
        self.lines.append((level, str(message)))

    def len(self) -> int:
        return self.samples

    def columns(self) -> list[Column]:
        kind = lambda name: "category" if name in self.names else "number"
        top = lambda name: len(self.names[name]) - 1.0 if name in self.names else max(self.numbers[name])
        bottom = lambda name: 0.0 if name in self.names else min(self.numbers[name])
        return [Column(name, kind(name), bottom(name), top(name)) for name in sorted(self.numbers, key=str.encode)]

    def _column(self, name: str, category: bool | None = None) -> list[float]:
        if name not in self.numbers:
            raise DataError(f"there is no column `{name}`; there are {', '.join(sorted(self.numbers)) or 'none'}")
        if category is not None and category != (name in self.names):
            raise DataError(f"column `{name}` is one of {'numbers' if category else 'categories'}")
        return self.numbers[name]

    def values(self, column: str, ids: Sequence[int]) -> list[float]:
        values = self._column(column)
        return [values[self._known(sample)] for sample in ids]

    def _known(self, sample: int) -> int:
        if not 0 <= sample < self.samples:
            raise DataError(f"there is no sample {sample}; there are {self.samples}")
        return sample

    def quantile(self, column: str, q: float) -> float:
        values = sorted(self._column(column, False))
        if not 0 <= q <= 1:
            raise DataError(f"{q} is no fraction; it must be from 0 to 1")
        return next(value for i, value in enumerate(values) if i + 1 >= q * len(values))

    def categories(self, column: str) -> list[tuple[str, int]]:
        codes = self._column(column, True)
        return [(name, codes.count(code)) for code, name in enumerate(self.names[column])]

    def count(self, conditions: Sequence[Condition]) -> int:
        return len(self._select(conditions))

    def _select(self, conditions: Sequence[Condition]) -> list[int]:
        chosen = set(range(self.samples))
        for condition in conditions:
            match condition:
                case Between(column, above, at_most):
                    values = self._column(column, False)
                    low, high = (-float("inf") if above is None else above), (float("inf") if at_most is None else at_most)
                    chosen &= {i for i, value in enumerate(values) if (above is None or low < value) and value <= high}
                case Quantiles(column, start, end):
                    if not 0 <= start <= end <= 1:
                        raise DataError(f"quantiles from {start} to {end}; they must be 0 ≤ start ≤ end ≤ 1")
                    values = self._column(column, False)
                    order = sorted(range(self.samples), key=lambda i: (values[i], i))
                    chosen &= set(order[int(start * self.samples) : int(end * self.samples)])
                case Category(column, codes):
                    values = self._column(column, True)
                    chosen &= {i for i, value in enumerate(values) if value in codes}
                case _:
                    raise TypeError(f"{condition!r} is no condition; `between`, `quantiles` and `category` make one")
        return sorted(chosen)

    def open(self, name: str, conditions: tuple[Condition, ...], order: Any) -> int:
        if not 1 <= len(name.encode()) <= 128 or not name.isprintable():
            raise StateError(f"`{name}` names no stream: 1 to 128 bytes without control characters do")
        for number, stream in enumerate(self.streams):
            if stream.name == name:
                if (stream.conditions, stream.order) != (tuple(conditions), order):
                    raise StateError(f"stream `{name}` is open with other conditions or another order")
                return number
        ids = self._select(conditions)
        if not ids:
            raise DataError(f"no sample meets the conditions of stream `{name}`")
        if isinstance(order, tuple):
            values = self._column(order[1], False)
            ids.sort(key=lambda sample: (values[sample], sample))
        self.streams.append(_Stream(name, tuple(conditions), order, ids, self.positions.pop(name, 0)))
        return len(self.streams) - 1

    def length(self, stream: int) -> int:
        return len(self.streams[stream].ids)

    def position(self, stream: int) -> int:
        return self.streams[stream].position

    def take(self, stream: int, count: int) -> list[int]:
        return [self._next(self.streams[stream]) for _ in range(count)]

    def _next(self, stream: _Stream) -> int:
        epoch, place = divmod(stream.position, len(stream.ids))
        stream.position += 1
        if stream.order == "independent":
            return _Random(f"{self.seed}/{stream.name}/{stream.position}").choice(stream.ids)
        if stream.order != "shuffled":
            return stream.ids[place]
        if stream.epoch[0] != epoch:
            ids = stream.ids.copy()
            _Random(f"{self.seed}/{stream.name}/{epoch}").shuffle(ids)
            stream.epoch = (epoch, ids)
        return stream.epoch[1][place]

    def _batch(self, more: int = 0) -> Batch:
        if self.plan is None:
            raise RuntimeError("there is a plan during `fill` only")
        size, batch = self.plan
        if len(batch.ids) + more > size:
            raise DataError(f"{more} more samples do not fit into a batch of {size} that holds {len(batch.ids)}")
        return batch

    def size(self) -> int:
        self._batch()
        assert self.plan
        return self.plan[0]

    def draw(self, streams: Sequence[int], counts: Sequence[int]) -> None:
        if len(set(streams)) != len(streams):
            raise DataError("a stream is named twice in one `draw`")
        batch = self._batch(sum(counts))
        for number, count in zip(streams, counts, strict=True):
            batch.ids += self.take(number, count)
            batch.draws.append((self.streams[number].name, count))

    def append(self, ids: Sequence[int]) -> None:
        self._batch(len(ids)).ids += [self._known(sample) for sample in ids]

    def truncate(self, length: int) -> None:
        if length < 1:
            raise RuntimeError("a sample cannot be cut to 0 tokens")
        self._batch().truncate = length

    def annotate(self, name: str, value: float) -> None:
        if value != value or value in (float("inf"), -float("inf")):
            raise DataError(f"annotation `{name}` is {value}, not a finite number")
        self._batch().annotations[name] = value

    def ordered(self) -> None:
        self._batch().ordered = True

    def difficulty(self, name: str, step: int) -> float:
        if name not in self.pacings:
            raise ConfigError(f"the run file has no `[pacing.{name}]`")
        return float(self.pacings[name](step))

    @contextmanager
    def active(self) -> Iterator[None]:
        before, _host.current = _host.current, self
        try:
            yield
        finally:
            _host.current = before


@dataclass
class _Step:
    index: int = 0
    consumed_samples: int = 0
    consumed_tokens: int | None = 0


@dataclass(frozen=True)
class State:
    """All that a run remembers between steps."""

    step: tuple[int, int]
    positions: dict[str, int]
    policy: bytes


class Run:
    """A run to be: a dataset in memory, pacing functions, a configuration. A column of texts is one of categories, in alphabetical order."""

    def __init__(
        self,
        samples: int,
        columns: Mapping[str, Sequence[Any]] | None = None,
        config: Mapping[str, Any] | None = None,
        pacings: Mapping[str, Any] | None = None,
        seed: int = 0,
    ) -> None:
        self._config = Config(config or {})
        self._world = lambda: _World(samples, columns or {}, pacings or {}, seed)

    def start(self, policy: type[P]) -> Started[P]:
        """Configures the policy. Raises what ``configure`` refuses."""
        return Started(policy, self._world(), self._config)

    def resume(self, policy: type[P], state: State) -> Started[P]:
        """Configures the policy and gives it back a state."""
        return Started(policy, self._world(), self._config, state)


class Started(Generic[P]):
    """A policy at work; ``policy`` is the author's object."""

    def __init__(self, policy: type[P], world: _World, config: Config, state: State | None = None) -> None:
        self._world, self._step = world, _Step()
        if state:
            world.positions = dict(state.positions)
            self._step = _Step(state.step[0], state.step[1], state.step[1])
        self.policy = policy()
        with world.active():
            self.policy.configure(Config(config))
            if state and isinstance(self.policy, StatefulPolicy):
                self.policy.restore(state.policy)

    def step(self, size: int) -> Batch:
        """Has the policy fill the next batch. Every sample counts as one token."""
        batch = Batch()
        self._world.plan = (size, batch)
        try:
            with self._world.active():
                self.policy.fill(_Step(**vars(self._step)), Plan())
        finally:
            self._world.plan = None
        if len(batch.ids) != size:
            raise AssertionError(f"the plan of step {self._step.index} has {len(batch.ids)} samples; it must come to {size}")
        self._step.index += 1
        self._step.consumed_samples += size
        self._step.consumed_tokens = self._step.consumed_samples
        return batch

    @property
    def log(self) -> list[tuple[str, str]]:
        """Level and text of what was logged so far."""
        return self._world.lines

    def state(self) -> State:
        """The state between two steps."""
        with self._world.active():
            saved = bytes(self.policy.save()) if isinstance(self.policy, StatefulPolicy) else b""
        positions = {**self._world.positions, **{stream.name: stream.position for stream in self._world.streams}}
        return State((self._step.index, self._step.consumed_samples), positions, saved)


def samples(*tokens: Iterable[int], first: int = 0, width: int = 2) -> Samples:
    """A chunk of samples; ``width`` is the bytes of a token."""
    chunk, offsets = array({1: "B", 2: "H", 4: "I"}[width]), [0]
    for sample in tokens:
        chunk.extend(sample)
        offsets.append(len(chunk))
    return Samples(first, width, chunk.tobytes(), offsets)


def analyze(metric: type[Metric], *chunks: Samples, config: Mapping[str, Any] | None = None) -> tuple[list[float], list[float]]:
    """Values of all samples and totals, as an analysis of these chunks would give."""
    made = metric()
    made.configure(Config(config or {}))
    for number in range(made.passes):
        partials = []
        for chunk in chunks:
            made.accumulate(number, chunk)
            partials.append(bytes(made.partial(number)))
        made.finish(number, bytes(made.merge(number, partials)))
    values = [value for chunk in chunks for value in made.measure(chunk)] if made.values is not None else []
    return values, list(made.totals())


def difficulties(pacing: type[Pacing], steps: Iterable[int], config: Mapping[str, Any] | None = None) -> list[float]:
    """Difficulties at these steps."""
    made = pacing()
    made.configure(Config(config or {}))
    return [float(made.difficulty(step)) for step in steps]


def pack(
    packer: type[Packer],
    lengths: Sequence[int],
    capacity: int,
    max_samples: int | None = None,
    config: Mapping[str, Any] | None = None,
) -> list[list[int]]:
    """The lengths in each bin. A bin that is too full, or a number that is left out, is an error."""
    made = packer()
    made.configure(Config(config or {}))
    numbers = list(made.pack(lengths, capacity, max_samples))
    bins: list[list[int]] = [[] for _ in range(max(numbers, default=-1) + 1)]
    for length, number in zip(lengths, numbers, strict=True):
        bins[number].append(length)
    for number, held in enumerate(bins):
        if not held or sum(held) > capacity or max_samples is not None and len(held) > max_samples:
            raise AssertionError(f"bin {number} holds {held}; its capacity is {capacity} tokens and {max_samples or 'any number of'} samples")
    return bins


__all__ = ["Batch", "Exhausted", "Refusal", "Run", "Started", "State", "analyze", "difficulties", "pack", "samples"]
