"""The place of loaders and samplers in their run: as states tell it, and after what failed or was interrupted."""

from __future__ import annotations

import itertools
import pickle
from pathlib import Path
from typing import Any

import pytest
from conftest import run_file

import curricle

pytest.importorskip("torch")

import curricle.torch
from curricle.torch import BatchSampler


def ids_of(path: Path, n: int) -> list[list[int]]:
    """Ids of the first batches that the loader yields."""
    return [batch.ids.tolist() for batch, _ in zip(curricle.Loader(path), range(n))]


def test_a_batch_of_which_nothing_could_be_made_is_the_next_one(folder: Path) -> None:
    path = run_file(folder, batch="micro-batch-size = 4")
    whole = ids_of(path, 8)
    failures = [KeyboardInterrupt, None, MemoryError, None, None, None, MemoryError]

    def collate(batch: Any) -> Any:
        failure = failures.pop(0) if failures else None
        if failure is not None:
            raise failure
        return batch.ids.tolist()

    loader = curricle.torch.Loader(path, collate=collate)
    found: list[Any] = []
    while len(found) < 8:
        try:
            for made in loader:
                found.append(made)
                assert loader.batch is not None and loader.batch.ids.tolist() == made
                if len(found) == 8:
                    break
        except (KeyboardInterrupt, MemoryError):
            # The state is of what was yielded, too.
            other = curricle.Loader(path)
            other.load_state_dict(loader.state_dict())
            assert next(iter(other)).ids.tolist() == whole[len(found)]
    assert found == whole and not failures


def test_the_keys_of_a_state_are_those_of_a_fresh_object_wherever_it_stands(folder: Path) -> None:
    path = run_file(folder, batch="micro-batch-size = 8")
    for kind in (curricle.Loader, curricle.torch.Loader, BatchSampler):
        fresh = set(kind(path, steps_per_epoch=3).state_dict())
        walking = kind(path, steps_per_epoch=3)
        items = iter(walking)
        # In a step, at the end of one, at the end of an epoch, and behind it.
        for _ in range(7):
            next(items, None)
            state = walking.state_dict()
            assert set(state) == fresh == set(pickle.loads(pickle.dumps(walking)).state_dict())
            # As `torch.distributed.checkpoint` loads: what the fresh one has, and no more.
            other = kind(path, steps_per_epoch=3)
            other.load_state_dict({key: state[key] for key in fresh})
            if kind is not BatchSampler:
                assert other.state_dict() == state
            # What was saved before there were as many keys is read too.
            needed = {key: value for key, value in state.items() if value or key in ("version", "state")}
            other.load_state_dict(needed)


class Interrupted:
    """A source that hands a step out while an exception of a signal goes through."""

    def __init__(self, source: Any) -> None:
        self._source = source

    def next(self) -> Any:
        self._source.next()
        raise KeyboardInterrupt

    def __getattr__(self, name: str) -> Any:
        return getattr(self._source, name)


@pytest.mark.parametrize("kind", [curricle.Loader, BatchSampler])
@pytest.mark.parametrize("taken", [2, 3, 6])
def test_a_step_that_was_handed_out_and_did_not_arrive_is_the_next_one(folder: Path, kind: Any, taken: int) -> None:
    path = run_file(folder, batch="micro-batch-size = 8")
    whole = ids_of(path, 16)
    first = kind(path)
    items = iter(first)
    for _ in range(taken):
        next(items)
    # Restored, since in the middle of a step the next one is not asked for.
    steps = kind(path, steps_per_epoch=4)
    steps.load_state_dict(first.state_dict())
    before = steps.state_dict()
    steps._source = Interrupted(steps._source)
    with pytest.raises(KeyboardInterrupt):
        next(iter(steps))
    assert steps.state_dict() == before
    assert [list(getattr(item, "ids", item)) for item in itertools.chain(steps, steps)] == whole[taken:]
    # An epoch ahead begins with its own first step, too.
    again = kind(path, steps_per_epoch=4)
    again.load_state_dict(before)
    again._source = Interrupted(again._source)
    with pytest.raises(KeyboardInterrupt):
        next(iter(again))
    again.set_epoch(1)
    item = next(iter(again))
    assert list(getattr(item, "ids", item)) == whole[8]
