"""Whether the ranks of a run are about to train on the same batches."""

from __future__ import annotations

import os
from collections import Counter
from typing import Any, NamedTuple

from . import _native
from ._run import Run, _distributed, _forked_from_rank, _place_in
from .errors import ForkError, RanksError

__all__ = ["check_ranks", "compare_ranks"]


class Within(NamedTuple):
    """A place in a step."""

    step: int
    samples: int
    """Samples of the step that were trained on, over all ranks; under a budget of tokens micro-batches."""
    batch: str
    """Digest of its global batch, empty where nobody knows it."""

    def __str__(self) -> str:
        if not self.samples:
            return f"at the start of step {self.step}"
        return f"{self.samples} samples into step {self.step}" + (f", batch {self.batch}" if self.batch else "")


class Rank(NamedTuple):
    """What a process says of itself."""

    digest: bytes | None
    identity: dict[str, Any] | None = None
    place: tuple[int, int] | None = None
    failure: str | None = None
    within: Within | None = None


def check_ranks(digest: bytes, identity: dict[str, Any] | None = None, group: Any | None = None) -> None:
    """Compares the ranks of ``torch.distributed``, in a call that all of them make; of one rank nothing is asked.

    Args:
        digest: What :meth:`Loader.rank_digest` gave, 16 bytes.
        identity: Told of the ranks that differ: what :attr:`Run.identity` is.
        group: Process group of the data-parallel ranks, the default one if left out.

    Raises:
        RanksError: on every rank alike, naming the ranks that differ, by their place in the group, and in what.
        ForkError: in a process that was forked from a rank.
    """
    _agree(_all(Rank(digest, identity), group))


def compare_ranks(run: Run, digest: bytes | None, failure: str | None = None, within: Within | None = None) -> None:
    """Compares the ranks of the run's group before the first batch: what they plan, how far into a step they are, and that between them they
    serve every share.

    A rank that failed tells the others why, so that they do not wait for it, and raises its own error.
    """
    if failure is not None:
        if not _forked_from_rank():
            _all(Rank(None, failure=failure), run._group)
        return
    ranks = _all(Rank(digest, run.identity, run._ranks(), within=within), run._group)
    failed = [i for i, rank in enumerate(ranks) if rank.failure is not None]
    if failed:
        told = "\n  ".join(f"rank {i}: {ranks[i].failure}" for i in failed)
        raise RanksError(f"not all ranks could start; mend what they say and start all again\n  {told}", ranks=failed, code="ranks")
    _agree(ranks)
    _agree_within(ranks)
    places = [rank.place for rank in ranks if rank.place is not None]
    world = places[0][1] if places else 0
    if any(place[1] != world for place in places) or {place[0] for place in places} != set(range(world)):
        told = ", ".join(f"{rank} of {world}" for rank, world in places)
        raise RanksError(
            f"the processes serve the data-parallel ranks {told}: some samples would be trained on twice, or never; give each its `dp_rank`"
            " and all one `dp_world_size`",
            ranks=list(range(len(places))),
            code="ranks",
        )


def _all(own: Rank, group: Any | None = None) -> list[Rank]:
    """What all ranks say, in their order; nothing where there is one."""
    distributed = _distributed()
    if distributed is None:
        return []
    _, world = _place_in(distributed, group)
    if world == 1:
        return []
    if _forked_from_rank():
        raise ForkError(
            f"process {os.getpid()} was forked from rank {distributed.get_rank()}, and what connects that to the other ranks was not: it cannot"
            " compare itself with them; give `check_ranks=False`, or start it with `spawn`"
        )
    found: list[Any] = [None] * world
    distributed.all_gather_object(found, tuple(own), group=group)
    return [Rank(*rank) for rank in found]


def _agree(ranks: list[Rank]) -> None:
    if not ranks:
        return
    try:
        _native.agree([rank.digest or bytes(16) for rank in ranks])
    except RanksError as error:
        differences = _differences([rank.identity for rank in ranks], error.ranks)
        if not differences:
            raise
        raise RanksError(f"{error}\n  {differences}", ranks=error.ranks, code=error.code) from None


def _agree_within(ranks: list[Rank]) -> None:
    """The digests that ranks compare are of whole steps: of one step, they may be at different micro-batches."""
    places = [Within(*rank.within) if rank.within is not None else Within(0, 0, "") for rank in ranks]
    # States of earlier releases do not tell the batch, and fit any.
    known = next((place.batch for place in places if place.batch), "")
    common = Counter((place.samples, place.batch or known) for place in places).most_common(1)
    apart = [i for i, place in enumerate(places) if (place.samples, place.batch or known) != common[0][0]]
    if not apart:
        return
    other = next(i for i in range(len(places)) if i not in apart)
    told = ", ".join(f"rank {i} is {places[i]}" for i in apart)
    raise RanksError(
        f"the ranks are not at the same place of a step: {told}, rank {other} is {places[other]}; load the same state on all ranks",
        ranks=apart,
        code="ranks",
    )


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
