"""For torch: batches as tensors, and a batch sampler for people who keep their own ``Dataset``.

>>> from curricle.torch import Loader
>>> loader = Loader("curricle.toml", device="cuda", pin_memory=True)
>>> for batch in loader:
...     loss = model(**batch).loss
...     loss.backward()
...     if loader.is_last_of_step:
...         optimizer.step()
...         optimizer.zero_grad()
...         torch.save({"model": model.state_dict(), "loader": loader.state_dict()}, "checkpoint.pt")

Or with a dataset of your own, and torchdata's data loader:

>>> from curricle.torch import BatchSampler
>>> loader = StatefulDataLoader(dataset, batch_sampler=BatchSampler("curricle.toml"), num_workers=4)
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch.utils.data import Sampler

import curricle

from . import _native
from ._collate import tensors
from ._run import Run
from ._steps import Source, Steps
from .errors import StateError

__all__ = ["BatchSampler", "Loader", "sampler_state", "tensors", "tokens"]


def tokens(batch: _native.Batch, dtype: torch.dtype | None = None, pin_memory: bool = False) -> torch.Tensor:
    """The tokens of a batch as a tensor; ``batch.torch()`` is the same.

    Args:
        batch: What a :class:`curricle.Loader` yielded.
        dtype: ``torch.int64`` or ``torch.int32`` copies, in one pass of native code; left out, the tensor shares the batch's memory and has
            the type in which the dataset stores tokens.
        pin_memory: Copies to memory that a GPU reads directly; as int64 unless ``dtype`` says otherwise.
    """
    if dtype is None and not pin_memory:
        return torch.utils.dlpack.from_dlpack(batch.tokens)
    dtype = torch.int64 if dtype is None else dtype
    if dtype not in (torch.int64, torch.int32):
        raise TypeError(f"`dtype` is {dtype}; tokens are copied to torch.int64 or torch.int32")
    tensor = torch.empty(batch.tokens.shape, dtype=dtype, pin_memory=pin_memory)
    batch.copy_tokens(tensor.numpy())
    return tensor


class Loader(curricle.Loader):
    """A :class:`curricle.Loader` whose batches are dicts of tensors.

    Args:
        run: As of :class:`curricle.Loader`, and so are all others that are not here.
        keys: What the dicts hold; see :func:`tensors`.
        device: Where the tensors are moved to; left out, they stay in the memory of the host.
        pin_memory: Makes them in memory that a GPU reads directly, and moves them while the GPU computes.
        collate: Makes something else of a batch, instead of ``keys``; ``device`` and ``pin_memory`` are then its own affair.
    """

    def __init__(
        self,
        run: str | os.PathLike[str] | Run,
        *,
        keys: Sequence[str] | None = None,
        device: torch.device | str | int | None = None,
        pin_memory: bool = False,
        collate: Callable[[_native.Batch], Any] | None = None,
        **options: Any,
    ) -> None:
        if isinstance(keys, str):
            raise TypeError("`keys` is a text; give a list of them")
        super().__init__(run, **options)
        self._keys = None if keys is None else list(keys)
        self.device = device
        self._pin_memory = pin_memory
        self._collate = collate
        self.batch: _native.Batch | None = None
        """The batch that was yielded last, as numpy arrays, with its step, digest and annotations."""

    @property
    def is_last_of_step(self) -> bool:
        """Whether to step the optimizer after the batch that was yielded last."""
        return self.batch is not None and self.batch.is_last_of_step

    def _made(self, item: _native.Batch) -> Any:
        made = self._made_of(item)
        self.batch = item
        return made

    def _made_of(self, batch: _native.Batch) -> Any:
        if self._collate is not None:
            return self._collate(batch)
        made = tensors(batch, self._keys, self._pin_memory)
        if self.device is None:
            return made
        return {name: tensor.to(self.device, non_blocking=self._pin_memory) for name, tensor in made.items()}

    def __getstate__(self) -> dict[str, Any]:
        own = {"keys": self._keys, "device": self.device, "pin_memory": self._pin_memory, "collate": self._collate}
        return {**super().__getstate__(), **own}


class BatchSampler(Steps[list[int]], Sampler[list[int]]):
    """Lists of sample ids, one for each batch of this rank: for ``DataLoader(dataset, batch_sampler=…)``.

    With torchdata's ``StatefulDataLoader`` a resume is exact at any number of workers, since the state is taken with each list. With a plain
    ``DataLoader`` the state runs ahead of the trainer by what the workers prefetch; use the other, or :class:`curricle.Loader`.

    It knows its rank, so nothing may shard it again: with Accelerate see :mod:`curricle.accelerate`, with Lightning :mod:`curricle.lightning`.
    Arguments are those of :class:`curricle.Loader`; the ids are those of the run's dataset, which yours has to be in the order of.
    """

    _what = "sampler"
    # End of the epoch that was asked for and not begun yet.
    _asked_until: int | None = None

    def _iterate(self, then: Callable[[Any], Any] | None = None) -> Iterator[Any]:
        # Not before the first list is asked for: a data loader restores the sampler behind `set_epoch`, and with workers behind `iter` too.
        over, self._over, self._asked_until = self._over, False, None
        if not over:
            yield from self._epoch(then)

    def _make(self, state: str | None) -> Source[list[int]]:
        return _native.Planner(self.run._open(), state, self._allow)

    def state_dict(self) -> dict[str, Any]:
        """Where this rank stands; after the last list of an epoch also that the epoch was not left yet.

        A data loader that resumes from there gets an iterator with nothing left, as it does from torch's own samplers.
        """
        state, over = self._told()
        return {"epoch_is_over": over, **state}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        super().load_state_dict(state)
        was_over = self._asked_until is not None and self._asked_until <= self._restored
        self._over = was_over or state.get("epoch_is_over") is True

    def set_epoch(self, epoch: int) -> None:
        super().set_epoch(epoch)
        # A data loader may be about to restore a state in which this epoch was over.
        self._asked_until = self._epochs.end_of_epoch(epoch)

    @property
    def batch_size(self) -> int:
        """Samples of a batch; the last of a run of ``epochs`` may have fewer, and those under a budget of tokens have as many as fit."""
        return self.run.micro_batch_size

    @property
    def drop_last(self) -> bool:
        """That the last batch is not left out by anybody but the run file."""
        return False


def sampler_state(state: dict[str, Any]) -> dict[str, Any]:
    """The batch sampler's own part of what ``StatefulDataLoader.state_dict()`` returned.

    torchdata resumes with as many workers as it was saved with. This part alone decides the order, and fits any number of them: give it to
    :meth:`BatchSampler.load_state_dict` before the new data loader is iterated over.

    Raises:
        StateError: if there is none in it, or it is older than the batch that was yielded last.
    """
    if isinstance(state, dict) and state.get("_steps_since_snapshot"):
        raise StateError(
            f"the data loader's state is {state['_steps_since_snapshot']} batches older than its last batch; give it `snapshot_every_n_steps=1`,"
            " or resume with as many workers",
            code="state",
        )
    found = _ours(state)
    if found is None:
        raise StateError("the data loader's state has none of a `curricle.torch.BatchSampler`; give what its `state_dict()` returned", code="state")
    return found


def _ours(state: Any) -> dict[str, Any] | None:
    if not isinstance(state, dict):
        return None
    if isinstance(state.get("state"), str) and "version" in state:
        return state
    return next((found for found in map(_ours, state.values()) if found is not None), None)
