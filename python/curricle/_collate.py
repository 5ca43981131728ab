"""Batches as dicts of tensors, which is what trainers move to devices and hand to models."""

from __future__ import annotations

from collections.abc import Callable, Sequence

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

    All are rows × columns; packed batches are one row. Each is made in one pass of native code.

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
        pin_memory: Copies to memory that a GPU reads directly.
    """
    found = {}
    for key in usual_keys(batch.layout) if keys is None else keys:
        make = _MADE.get(key)
        if make is not None:
            tensor = make(batch)
        elif key in batch.columns:
            tensor = torch.from_numpy(batch.columns[key])
        else:
            known = ", ".join([*_MADE, *batch.columns])
            raise ValueError(f"`keys`: a batch has no `{key}`; there are {known}, and columns that `values` in the run file names")
        found[key] = tensor.pin_memory() if pin_memory else tensor
    return found


def _rows(batch: Batch) -> tuple[int, ...]:
    return (1, *batch.tokens.shape) if batch.layout == "packed" else batch.tokens.shape


def _copied(copy: Callable[[Batch], Callable[..., None]]) -> Callable[[Batch], torch.Tensor]:
    def make(batch: Batch) -> torch.Tensor:
        tensor = torch.empty(_rows(batch), dtype=torch.int64)
        copy(batch)(tensor.numpy())
        return tensor

    return make


def _offsets(batch: Batch) -> torch.Tensor:
    offsets = batch.cu_seqlens
    if offsets is None:
        raise ValueError(f"`keys`: `cu_seqlens` is of packed batches, and this one is {batch.layout}; ask for `sample_index`")
    return torch.from_numpy(offsets)


_MADE: dict[str, Callable[[Batch], torch.Tensor]] = {
    "input_ids": _copied(lambda batch: batch.copy_tokens),
    "position_ids": lambda batch: torch.from_numpy(batch.position_ids).view(_rows(batch)),
    "labels": _copied(lambda batch: batch.copy_labels),
    "attention_mask": lambda batch: torch.from_numpy(batch.attention_mask).view(_rows(batch)).to(torch.int64),
    "sample_index": lambda batch: torch.from_numpy(batch.sample_index).view(_rows(batch)),
    "cu_seqlens": _offsets,
    "ids": lambda batch: torch.from_numpy(batch.ids),
    "lengths": lambda batch: torch.from_numpy(batch.lengths),
}
