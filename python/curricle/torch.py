"""For torch: tensors of a batch, and a batch sampler for people who keep their own ``Dataset``."""

from __future__ import annotations

import torch
from torch.utils.data import Sampler

from . import _native
from ._steps import Source, Steps

__all__ = ["BatchSampler", "tokens"]


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


class BatchSampler(Steps[list[int]], Sampler[list[int]]):
    """Lists of sample ids, one for each batch of this rank: for ``DataLoader(dataset, batch_sampler=…)``.

    With torchdata's ``StatefulDataLoader`` a resume is exact at any number of workers, since the state is taken with each list. With a plain
    ``DataLoader`` the state runs ahead of the trainer by what the workers prefetch; use the other, or :class:`curricle.Loader`.

    It knows its rank, so nothing may shard it again: with Accelerate see :mod:`curricle.accelerate`, with Lightning :mod:`curricle.lightning`.
    Arguments are those of :class:`curricle.Loader`; the ids are those of the run's dataset, which yours has to be in the order of.
    """

    _what = "sampler"

    def _make(self, state: str | None) -> Source[list[int]]:
        return _native.Planner(self.run._open(), state, self._allow)

    @property
    def batch_size(self) -> int:
        """Samples of a batch; the last of a run of ``epochs`` may have fewer, and those under a budget of tokens have as many as fit."""
        return self.run.micro_batch_size

    @property
    def drop_last(self) -> bool:
        """That the last batch is not left out by anybody but the run file."""
        return False
