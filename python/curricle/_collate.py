"""Batches as dicts of tensors, which is what trainers move to devices and hand to models."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch

from ._native import Batch

__all__ = ["tensors", "usual_keys"]


def usual_keys(layout: str) -> tuple[str, ...]:
    """What a model needs of batches of a layout.

    Where samples share a row there is no ``attention_mask``: it says of a place whether it holds a token, and not which tokens may see each
    other. Models of transformers tell samples apart by their ``position_ids``, if no mask is given.
    """
    return ("input_ids", "position_ids", "labels", "attention_mask")[: 4 if layout == "padded" else 3]


def tensors(batch: Batch, keys: Sequence[str] | None = None, pin_memory: bool = False) -> dict[str, torch.Tensor]:
    """A batch as a dict of tensors, under the names that models of transformers have for their arguments.

    All are rows × columns; packed batches are one row. Each is written in one pass of native code, into pinned memory too.

    =================  =======  =============================================================================================
    ``input_ids``      int64    tokens
    ``position_ids``   int64    place of each token in its sample, 0 where there is none
    ``labels``         int64    the tokens, but -100 where there is none, and where a sample begins behind another, which is not
                                to be predicted from it. They are not shifted: models of transformers do that.
    ``attention_mask`` int64    1 where there is a token, 0 where there is none
    ``sample_index``   int64    which sample of the batch each token is of, -1 where there is none
    ``cu_seqlens``     int32    where samples begin and the last ends, one dimension; of packed batches only
    ``ids``            uint64   sample ids, one dimension
    ``lengths``        uint32   tokens of each sample, one dimension
    =================  =======  =============================================================================================

    Args:
        batch: What a :class:`curricle.Loader` yielded.
        keys: Which of these, or names of the columns in ``batch.columns`` (float64, one dimension). Left out, the first three, and the
            fourth if each sample has a row.
        pin_memory: Makes them in memory that a GPU reads directly.
    """
    found = {}
    for key in usual_keys(batch.layout) if keys is None else keys:
        if key in _WRITTEN:
            found[key] = torch.empty(_rows(batch), dtype=torch.int64, pin_memory=pin_memory)
            _WRITTEN[key](batch, found[key].numpy())
            continue
        numbers = _numbers(batch, key)
        found[key] = torch.empty(numbers.shape, dtype=_DTYPES[numbers.dtype.name], pin_memory=pin_memory)
        found[key].numpy()[...] = numbers
    return found


def _rows(batch: Batch) -> tuple[int, ...]:
    return (1, *batch.tokens.shape) if batch.layout == "packed" else batch.tokens.shape


_WRITTEN: dict[str, Callable[[Batch, np.ndarray], None]] = {
    "input_ids": Batch.copy_tokens,
    "position_ids": Batch.copy_position_ids,
    "labels": Batch.copy_labels,
    "attention_mask": Batch.copy_attention_mask,
    "sample_index": Batch.copy_sample_index,
}
"""What writes each into memory of the tensor's own."""


_DTYPES = {"int32": torch.int32, "uint32": torch.uint32, "uint64": torch.uint64, "float64": torch.float64}


def _numbers(batch: Batch, key: str) -> np.ndarray:
    """A number of each sample, which is little to copy."""
    if key in ("ids", "lengths"):
        return batch.ids if key == "ids" else batch.lengths
    if key == "cu_seqlens":
        offsets = batch.cu_seqlens
        if offsets is None:
            raise ValueError(f"`keys`: `cu_seqlens` is of packed batches, and this one is {batch.layout}; ask for `sample_index`")
        return offsets
    if key in batch.columns:
        return batch.columns[key]
    known = ", ".join([*_WRITTEN, "cu_seqlens", "ids", "lengths", *batch.columns])
    raise ValueError(f"`keys`: a batch has no `{key}`; there are {known}, and columns that `values` in the run file names")
