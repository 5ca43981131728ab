"""A run file, opened when it is first needed: what every object that follows one is made of."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from . import _native
from ._whole import whole
from .errors import ConfigError, ForkError

__all__ = ["Run"]


def _distributed() -> Any | None:
    """``torch.distributed``, if somebody imported and initialised it."""
    torch = sys.modules.get("torch")
    distributed = getattr(torch, "distributed", None)
    if distributed is None or not distributed.is_available() or not distributed.is_initialized():
        return None
    return distributed


# The group that was initialised when this process was forked from a member of it.
_left_behind: Any | None = None


def _remember_group() -> None:
    global _left_behind
    distributed = _distributed()
    _left_behind = None if distributed is None else distributed.group.WORLD


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_remember_group)


def _forked_from_rank() -> bool:
    """Whether this process was forked from a rank: it then takes itself for that rank, and cannot speak with the others."""
    distributed = _distributed()
    return _left_behind is not None and distributed is not None and distributed.group.WORLD is _left_behind


def _place_in(distributed: Any, group: Any | None) -> tuple[int, int]:
    """Rank and number of ranks of this process in a group; None for the default one."""
    rank = distributed.get_rank(group)
    if rank < 0:
        raise ConfigError(
            f"`group`: process {distributed.get_rank()} is not in that process group; give the one that it is in, or load nothing in it",
            code="config",
        )
    return rank, distributed.get_world_size(group)


def _whole_or_none(name: str, number: int | None) -> int | None:
    found = whole(number)
    if found is None and number is not None:
        raise ValueError(f"`{name}` is {number!r}; give a whole number")
    return found


class Run:
    """A run file: dataset, columns, plugins and the shape of batches, for one rank.

    Making one reads the file and nothing else; what was unpickled reads it when it is first used. What it names is opened when it is first
    needed, so that a ``Run`` can be pickled and sent, and a process can fork before it uses it. Pickled where ``torch.distributed`` is
    initialised, it keeps the rank that it has there, and so it does behind the end of the group if it was opened before.

    Args:
        run: Path of the run file, or another ``Run``.
        dp_rank: Data-parallel rank; left out, that of ``torch.distributed`` where it is initialised, and else that of the run file.
        dp_world_size: Number of data-parallel ranks; left out, likewise. Give both or neither.
        group: Process group of the ranks that load data, where these are not all of ``torch.distributed``. It is not pickled.
        text: The run file itself, instead of ``run``.
        folder: What relative paths in ``text`` are relative to.
    """

    def __init__(
        self,
        run: str | os.PathLike[str] | Run | None = None,
        *,
        dp_rank: int | None = None,
        dp_world_size: int | None = None,
        group: Any | None = None,
        text: str | None = None,
        folder: str | os.PathLike[str] | None = None,
    ) -> None:
        self._path: str | None
        self._text: str | None
        self._folder: str | None
        self._rank: tuple[int | None, int | None]
        self._group: Any | None
        # None in what was unpickled, until it is used.
        self._file: _native.RunFile | None
        if isinstance(run, Run):
            if text is not None or folder is not None:
                raise TypeError("`text` and `folder` stand for a run file, and one was given")
            self._path, self._text, self._folder = run._path, run._text, run._folder
            if dp_rank is None and dp_world_size is None:
                dp_rank, dp_world_size = run._rank
            group = run._group if group is None else group
            self._file = run._file
        else:
            # Absolute, since the object may be sent to a process in another folder.
            self._path = None if run is None else str(Path(os.fspath(run)).absolute())
            self._text = text
            self._folder = None if folder is None and text is None else str(Path(folder or ".").absolute())
            self._file = _native.RunFile(self._path, self._text, self._folder)
        if (dp_rank is None) != (dp_world_size is None):
            raise ConfigError("`dp_rank` and `dp_world_size`: one without the other; give both or neither", code="config")
        # As ints, since they go into states.
        self._rank = (_whole_or_none("dp_rank", dp_rank), _whole_or_none("dp_world_size", dp_world_size))
        self._group = group
        self._opened: tuple[int, _native.Run] | None = None

    def _read(self) -> _native.RunFile:
        if self._file is None:
            self._file = _native.RunFile(self._path, self._text, self._folder)
        return self._file

    def _ranks(self) -> tuple[int, int]:
        rank, world = self._rank
        if rank is not None and world is not None:
            return rank, world
        distributed = _distributed()
        if distributed is not None:
            return _place_in(distributed, self._group)
        # What was opened stays so when the process leaves its group.
        return self._read().rank if self._opened is None else (self._opened[1].dp_rank, self._opened[1].dp_world_size)

    def _open(self) -> _native.Run:
        if self._opened is not None:
            process, opened = self._opened
            if process != os.getpid():
                raise ForkError(
                    f"this run was opened in process {process} before process {os.getpid()} was forked from it; make it in the process that"
                    " uses it, or start that with `spawn`"
                )
            # Somebody may have asked for a length before the ranks knew of each other.
            if (opened.dp_rank, opened.dp_world_size) == self._ranks():
                return opened
        rank, world = self._ranks()
        for name, number in (("dp_rank", rank), ("dp_world_size", world)):
            if not 0 <= number < 1 << 32:
                raise ConfigError(f"`{name}` is {number}; ranks count from 0 to `dp_world_size` less 1", code="config")
        opened = self._read().open(rank, world)
        self._opened = (os.getpid(), opened)
        return opened

    @property
    def dp_rank(self) -> int:
        """Data-parallel rank that is served."""
        return self._ranks()[0]

    @property
    def dp_world_size(self) -> int:
        """Number of data-parallel ranks."""
        return self._ranks()[1]

    @property
    def global_batch_size(self) -> int:
        """Samples of a step over all ranks; under a budget of tokens micro-batches."""
        return self._open().global_batch_size

    @property
    def micro_batch_size(self) -> int:
        """Samples of one forward pass on one rank; under a budget of tokens 1, a micro-batch."""
        return self._open().micro_batch_size

    @property
    def accumulation(self) -> int:
        """Forward passes of one rank per step."""
        return self._open().accumulation

    @property
    def layout(self) -> str:
        """How tokens lie: ``"packed"`` end to end, ``"padded"`` a sample a row, ``"rows"`` several samples a row."""
        return self._read().layout

    @property
    def n_steps(self) -> int | None:
        """Steps of the whole run, or None where only its policy ends it."""
        return self._open().n_steps

    @property
    def n_samples(self) -> int:
        """Samples of the dataset."""
        return self._open().n_samples

    @property
    def identity(self) -> dict[str, Any]:
        """What decides the order of samples, as names and hashes: dataset, plugin, plugin_sha256, config, columns, seed."""
        return self._open().identity

    def _n_micro_batches(self, start: int, end: int) -> int:
        """Micro-batches of this rank in the steps from ``start`` to before ``end``."""
        opened = self._open()
        n_steps = opened.n_steps
        if n_steps is not None:
            end = min(end, n_steps)
        if end <= start:
            return 0
        return (end - 1 - start) * opened.accumulation + opened.n_micro_batches(end - 1)

    def _ends_short(self) -> bool:
        """Whether the last step has fewer micro-batches on this rank than the others."""
        opened = self._open()
        n_steps = opened.n_steps or 0
        return n_steps > 0 and opened.n_micro_batches(n_steps - 1) < opened.accumulation

    def _refuse_short_end(self, who: str) -> None:
        """Refuses a run whose last step has too few micro-batches for whoever steps the optimizer after a fixed number of them."""
        if self._ends_short():
            raise ConfigError(
                f"{self!r}: its last step has fewer batches than the {self.accumulation} of the others on this rank, and {who} would not step"
                " the optimizer after them; set `drop-last = true` in the run file, or `steps`",
                code="config",
            )

    def __getstate__(self) -> dict[str, Any]:
        # Where it arrives nobody may know of the group: workers of a rank are in none. Nor does this process, once it left its group.
        opened = None if self._opened is None else (self._opened[1].dp_rank, self._opened[1].dp_world_size)
        keeps = _distributed() is not None or (opened is not None and opened != self._read().rank)
        rank = self._ranks() if keeps else self._rank
        return {"path": self._path, "text": self._text, "folder": self._folder, "rank": rank}

    def __setstate__(self, state: dict[str, Any]) -> None:
        # Nothing is read before it is used: the object may still be on its way.
        self._path, self._text, self._folder, self._rank = state["path"], state["text"], state["folder"], state["rank"]
        self._group = self._file = self._opened = None

    def __repr__(self) -> str:
        return f"Run({self._path or 'text'!r})"
