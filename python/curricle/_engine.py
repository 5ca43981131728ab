"""What the adapters to engines share: the outline of a dataset, what a worker does, and the collector of the driver."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from . import _native, errors
from ._analysis import Analysis
from ._dataset import Dataset
from ._whole import whole
from .errors import ConfigError, CurricleError, PluginLoadError

__all__ = ["Collector", "Found", "Job", "Outline", "SpanWorker", "blocks_of_a_task", "find"]

LARGEST_SPAN = 64
"""Blocks of a task, at most. A power of four, since results of neighbouring blocks are merged by fours."""
TASKS_A_WORKER = 4
"""Tasks that every worker should get, so that all end at about the same time."""


class Outline:
    """A dataset without its tokens: what an analysis elsewhere has to know of it. A few kilobytes of JSON.

    It says how many samples there are and of what, and has hashes of a few blocks of them, by which other data or another order are noticed.
    """

    def __init__(self, native: _native.Outline) -> None:
        self._native = native

    @staticmethod
    def of(dataset: Dataset | str | os.PathLike[str]) -> Outline:
        """The outline of a dataset that is here. Up to eight blocks of it are read, of about 2 MiB each.

        Raises:
            DatasetError: if a sample of those blocks is damaged.
        """
        opened = dataset if isinstance(dataset, Dataset) else Dataset(dataset)
        return Outline(_native.Outline.of(opened._open()))

    @staticmethod
    def from_json(text: str) -> Outline:
        """Reads what :meth:`to_json` gave.

        Raises:
            DataError: for anything else.
        """
        return Outline(_native.Outline.from_json(text))

    @staticmethod
    def load(path: str | os.PathLike[str]) -> Outline:
        """Reads what :meth:`save` wrote."""
        return Outline.from_json(Path(path).read_text(encoding="utf-8"))

    def to_json(self) -> str:
        """The outline as JSON."""
        return self._native.to_json()

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the outline to a file."""
        Path(path).write_text(self.to_json(), encoding="utf-8")

    def __len__(self) -> int:
        """Number of samples."""
        return len(self._native)

    @property
    def n_tokens(self) -> int:
        """Tokens in the dataset's files."""
        return self._native.n_tokens

    @property
    def fingerprint(self) -> str:
        """Identity of content and view, 32 hexadecimal digits."""
        return self._native.fingerprint

    @property
    def n_blocks(self) -> int:
        """Blocks, the pieces in which the dataset is analyzed."""
        return self._native.n_blocks

    @property
    def samples_per_block(self) -> int:
        """Samples of a block: sample ``i`` is in block ``i // samples_per_block``."""
        return self._native.samples_per_block

    def __reduce__(self) -> tuple[object, ...]:
        return Outline.from_json, (self.to_json(),)

    def __repr__(self) -> str:
        return f"Outline({str(self._native.name)!r}, {len(self)} samples, {self.n_tokens} tokens of {self._native.token_type})"


@dataclass(frozen=True)
class Job:
    """What workers of a round are to do. It has all that they need: the plugin's file too, so that their machines need not."""

    name: str
    wasm: bytes
    sha256: str
    config: str
    limits: str
    outline: str
    """JSON of the :class:`Outline`."""
    merged: tuple[bytes, ...]
    """Results of the passes that are done."""
    column: str
    lengths: bool = False
    """Whether the column has numbers of tokens instead of tokens."""

    @property
    def key(self) -> str:
        """The same for jobs for which one instance of the metric will do."""
        digest = hashlib.sha256()
        texts = (self.sha256, self.config, self.limits, self.outline)
        for part in (*(text.encode() for text in texts), *self.merged):
            digest.update(len(part).to_bytes(8, "little") + part)
        return digest.hexdigest()


@dataclass(frozen=True)
class Found:
    """What came of a span of blocks: a finding, or what went wrong."""

    start: int
    """The first block."""
    finding: bytes | None
    tokens: int
    failure: str | None
    """An error as JSON. Errors of the data and of the metric are the same on every machine, so an engine shall not try again."""


_idle: dict[str, _native.Worker] = {}
"""The instance that this process used last, by the key of its job: tasks of one round follow each other."""


class SpanWorker:
    """Goes over spans of blocks, with an instance of the metric that is kept for the next ones."""

    def __init__(self, job: Job) -> None:
        self._job, self._key = job, job.key
        self._outline = _native.Outline.from_json(job.outline)
        self._native = _idle.pop(self._key) if self._key in _idle else self._make()
        self._tokens = 0
        self._start = 0

    def _make(self) -> _native.Worker:
        job = self._job
        metric = _native.Metric(job.name, job.wasm, job.config, job.limits)
        if metric.sha256 != job.sha256:
            problem = f"plugin `{job.name}`: what arrived has SHA-256 {metric.sha256}, and {job.sha256} was sent"
            raise PluginLoadError(f"{problem}; send it again", code="plugin-load", plugin=job.name, call="load")
        return _native.Worker(metric, self._outline, list(job.merged))

    @property
    def n_samples(self) -> int:
        """Samples of the dataset."""
        return len(self._outline)

    def first_sample(self, block: int) -> int:
        """The first sample of a block, or the number of samples behind the last one."""
        return min(block * self._outline.samples_per_block, self.n_samples)

    def block_of(self, sample: int) -> int:
        """The block that a sample is in."""
        return sample // self._outline.samples_per_block

    def begin(self, start: int, end: int) -> None:
        """Begins with blocks ``start`` to ``end``, exclusive."""
        self._native.begin(start, end)
        self._start, self._tokens = start, 0

    @property
    def next(self) -> int:
        """Sample that is to come next."""
        return self._native.next

    def feed(self, batches: object, first: int) -> None:
        """Takes the rows of record batches, of which the first is sample ``first``."""
        self._tokens += self._native.feed(batches, self._job.column, first, self._job.lengths)

    def finish(self) -> Found:
        """What was found in the span."""
        return Found(self._start, self._native.finish(), self._tokens, None)

    def keep(self) -> None:
        """Keeps the instance for the next task of this process. One that failed is not to be kept."""
        _idle.clear()
        _idle[self._key] = self._native


def find(job: Job, start: int, end: int, batches: Iterable[object]) -> Found:
    """Goes over blocks ``start`` to ``end``, exclusive, whose samples are the rows of the batches."""
    try:
        worker = SpanWorker(job)
        worker.begin(start, end)
        for batch in batches:
            worker.feed(batch, worker.next)
        found = worker.finish()
        worker.keep()
        return found
    except CurricleError as error:
        return failed(start, error)


def failed(start: int, error: CurricleError) -> Found:
    """What came of a span is an error."""
    facts = error._facts()
    path = facts.get("filename")
    if isinstance(path, os.PathLike):
        facts["filename"] = os.fspath(path)
    return Found(start, None, 0, json.dumps({"kind": type(error).__name__, "message": str(error), "facts": facts}))


def raised(failure: str) -> CurricleError:
    """The error of a worker, to be raised here."""
    said = json.loads(failure)
    kind = getattr(errors, said["kind"], CurricleError)
    facts = said["facts"]
    if facts.get("filename") is not None:
        facts["filename"] = Path(facts["filename"])
    return kind(said["message"], **facts)


def blocks_of_a_task(outline: Outline, workers: int, wanted: int | None) -> int:
    """Blocks of a task, so that all workers have enough to do. No result depends on it."""
    if wanted is not None:
        return at_least_one("blocks_per_task", wanted)
    size = LARGEST_SPAN
    while size > 1 and outline.n_blocks < size * max(workers, 1) * TASKS_A_WORKER:
        size //= 4
    return size


def at_least_one(name: str, wanted: int) -> int:
    """What an option counts; ConfigError if there is none of it."""
    number = whole(wanted)
    if number is None or number < 1:
        raise ConfigError(f"`{name}`: it is {wanted!r}; give a whole number of at least 1", code="config")
    return number


class Collector:
    """The driver's side: gives out the job of a round, takes what workers find, and makes the column.

    Args:
        metric: Name of a built-in metric, or the path of a ``.wasm`` file.
        dataset: The dataset as a trainer will open it, or its outline.
        column: Column of the engine's data that holds the tokens.
        out: Folder of the result; left out, the dataset's own.
        name: Name of the result; left out, that of the metric.
        config: Configuration of the metric.
        limits: ``"interpreted"`` for plugins that bring an interpreter.
        force: Makes it though it is up to date.
    """

    def __init__(
        self,
        metric: str | os.PathLike[str],
        *,
        dataset: Dataset | Outline | str | os.PathLike[str],
        column: str = "tokens",
        out: str | os.PathLike[str] | None = None,
        name: str | None = None,
        config: Mapping[str, Any] | None = None,
        limits: str = "compiled",
        force: bool = False,
    ) -> None:
        if out is None and isinstance(dataset, Outline):
            raise ConfigError("`out`: an outline has no folder for columns; say where the result shall be", code="config")
        opened = dataset if isinstance(dataset, (Dataset, Outline)) else Dataset(dataset)
        self.outline = opened if isinstance(opened, Outline) else Outline.of(opened)
        folder = opened.columns_dir if out is None and isinstance(opened, Dataset) else Path(out or "")
        called = os.fspath(metric)
        target = folder.absolute() / f"{name or Path(called).stem}.arrow"
        wasm = _native.find_plugin(called).read_bytes()
        text = json.dumps(dict(config or {}))
        loaded = _native.Metric(called, wasm, text, limits)
        self._job = Job(called, wasm, loaded.sha256, text, limits, self.outline.to_json(), (), column)
        self._native, there = _native.Collector.open(loaded, self.outline._native, str(target), force)
        self._tokens = 0
        self.done: Analysis | None = None
        """What it came to, once it is there."""
        self._continued = self._native is not None and self._native.continued
        if there is not None:
            self.done = self._analysis(there, made=False)

    @property
    def reads_tokens(self) -> bool:
        """Whether the metric reads tokens. If not, their numbers are enough: see :meth:`job`."""
        return self._open().reads_tokens

    def job(self, lengths: bool = False) -> Job:
        """What workers are to do in the round under way; with ``lengths``, of a column that has the number of tokens of each sample, as int32."""
        return replace(self._job, merged=tuple(self._open().merged()), lengths=lengths)

    def add(self, found: Found) -> None:
        """Takes what a worker found.

        Raises:
            CurricleError: the worker's error; or if the finding does not belong here.
        """
        if found.failure is not None:
            raise raised(found.failure)
        self._open().add(found.finding or b"")
        self._tokens += found.tokens

    def finish_round(self) -> Analysis | None:
        """Ends a round; after the last one, what it came to.

        Raises:
            ColumnError: if blocks did not arrive.
        """
        came_to = self._open().finish_round()
        if came_to is not None:
            self.done = self._analysis(came_to, made=True)
        return self.done

    def progress(self) -> tuple[int, int, int, int, int]:
        """Rounds done, rounds in all, samples done in this round, samples in all, tokens gone through."""
        return (*self._open().progress(), self._tokens)

    def close(self) -> None:
        """Lets go of its files; passes that are done are kept for the next try."""
        if self._native is not None:
            self._native.close()

    def __enter__(self) -> Collector:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def spans(self, size: int) -> Iterator[tuple[int, int]]:
        """The blocks in spans of this size: first block, and the one behind the last."""
        n = self.outline.n_blocks
        return ((start, min(start + size, n)) for start in range(0, n, size))

    def _open(self) -> _native.Collector:
        if self._native is None:
            raise ValueError("the result is there and up to date")
        return self._native

    def _analysis(self, came_to: dict[str, Any], made: bool) -> Analysis:
        path = came_to["path"]
        return Analysis(None if path is None else Path(path), made, self._continued, self._tokens)
