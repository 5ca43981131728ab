"""Whether the ranks of a run are about to train on the same batches."""

from __future__ import annotations

from typing import Any

from . import _native
from ._run import _distributed
from .errors import RanksError

__all__ = ["check_ranks"]


def check_ranks(digest: bytes, identity: dict[str, Any] | None = None, group: Any | None = None) -> None:
    """Compares the ranks of ``torch.distributed``, in a call that all of them make; of one rank nothing is asked.

    Args:
        digest: What :meth:`Loader.rank_digest` gave, 16 bytes.
        identity: Told of the ranks that differ: what :attr:`Run.identity` is.
        group: Process group of the data-parallel ranks, the default one if left out.

    Raises:
        RanksError: on every rank alike, naming the ranks that differ and in what.
    """
    distributed = _distributed()
    if distributed is None or distributed.get_world_size(group) == 1:
        return
    found: list[Any] = [None] * distributed.get_world_size(group)
    distributed.all_gather_object(found, (digest, identity), group=group)
    try:
        _native.agree([digest for digest, _ in found])
    except RanksError as error:
        differences = _differences([identity for _, identity in found], error.ranks)
        if not differences:
            raise
        raise RanksError(f"{error}\n  {differences}", ranks=error.ranks, code=error.code) from None


def _differences(identities: list[dict[str, Any] | None], apart: list[int]) -> str:
    """What the first of the ranks apart has, beside what the first of the others has."""
    others = [rank for rank in range(len(identities)) if rank not in apart]
    if not apart or not others:
        return ""
    one, other = identities[apart[0]], identities[others[0]]
    if one is None or other is None:
        return ""
    parts = [f"{name}: {one[name]} on rank {apart[0]}, {other[name]} on rank {others[0]}" for name in one if one[name] != other.get(name)]
    return "\n  ".join(parts)
