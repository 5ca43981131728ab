"""With Accelerate: `save_state` keeps the loader's place, and `prepare` shards nothing again."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import N, run_file

pytest.importorskip("torch")
accelerate = pytest.importorskip("accelerate")
pytest.importorskip("torchdata")

import torch
from accelerate.state import AcceleratorState, GradientState, PartialState
from processes import run_ranks
from tiny import KEYS, Tiny
from torchdata.stateful_dataloader import StatefulDataLoader

import curricle
import curricle.accelerate
from curricle.torch import BatchSampler, Loader


@pytest.fixture(autouse=True)
def alone() -> Iterator[None]:
    """Accelerate keeps its state in the classes."""
    yield
    AcceleratorState._reset_state(reset_partial_state=True)
    GradientState._reset_state()


def whole(path: Path, n: int) -> list[list[int]]:
    return [batch.ids.tolist() for batch, _ in zip(curricle.Loader(path), range(n))]


class Training:
    """A model, and what it is trained with."""

    def __init__(self, path: Path, accumulation: int = 1, **options: Any) -> None:
        self.accelerator = accelerate.Accelerator(cpu=True, gradient_accumulation_steps=accumulation)
        self.network = Tiny()
        self.loader = curricle.accelerate.prepare(self.accelerator, Loader(path, keys=KEYS, **options))
        # Given to Accelerate too, it comes back as it is.
        optimizer = torch.optim.AdamW(self.network.parameters())
        self.model, self.optimizer, same = self.accelerator.prepare(self.network, optimizer, self.loader)
        assert same is self.loader

    def epoch(self, folder: Path | None = None) -> None:
        for batch in self.loader:
            with self.accelerator.accumulate(self.model):
                self.accelerator.backward(self.model(**batch)["loss"])
                self.optimizer.step()
                self.optimizer.zero_grad()
            if folder is not None:
                self.accelerator.save_state(str(folder / f"checkpoint-{len(self.network.seen)}"))


@pytest.mark.parametrize("accumulation", [1, 2])
def test_a_saved_state_goes_on_at_the_next_batch(folder: Path, accumulation: int) -> None:
    path = run_file(folder, batch=f"gradient-accumulation-steps = {accumulation}")
    seen = whole(path, 15)
    first = Training(path, accumulation, steps_per_epoch=15 // (3 * accumulation))
    for _ in range(3):
        first.epoch(folder)
    batches = len(first.network.seen)
    assert first.network.seen == seen[:batches] and batches >= 12
    for taken in (accumulation, 4, batches - 2):
        resumed = Training(path, accumulation, steps_per_epoch=15 // (3 * accumulation))
        resumed.accelerator.load_state(str(folder / f"checkpoint-{taken}"))
        while len(resumed.network.seen) < batches - taken:
            resumed.epoch()
        assert resumed.network.seen == seen[taken:batches]
        for name, value in first.network.state_dict().items():
            assert torch.equal(value, resumed.network.state_dict()[name]), (taken, name)


@pytest.mark.parametrize("workers", [0, 2])
def test_a_stateful_data_loader_with_the_batch_sampler_keeps_its_place_too(folder: Path, workers: int) -> None:
    path = run_file(folder)
    seen = whole(path, 8)

    def prepared() -> tuple[Any, Any]:
        accelerator = accelerate.Accelerator(cpu=True)
        loader = StatefulDataLoader(range(N), batch_sampler=BatchSampler(path), num_workers=workers)  # type: ignore[arg-type]
        return accelerator, curricle.accelerate.prepare(accelerator, loader)

    accelerator, loader = prepared()
    batches = iter(loader)
    assert [next(batches).tolist() for _ in range(3)] == seen[:3]
    accelerator.save_state(str(folder / "checkpoint"))
    accelerator, loader = prepared()
    accelerator.load_state(str(folder / "checkpoint"))
    batches = iter(loader)
    assert [next(batches).tolist() for _ in range(5)] == seen[3:]


def test_what_cannot_be_saved_or_accumulates_otherwise_is_refused(folder: Path) -> None:
    path = run_file(folder, batch="gradient-accumulation-steps = 2")
    accelerator = accelerate.Accelerator(cpu=True)
    loader = torch.utils.data.DataLoader(range(N), batch_sampler=BatchSampler(path))  # type: ignore[arg-type]
    with pytest.raises(curricle.ConfigError, match=r"`DataLoader` has no state.*StatefulDataLoader"):
        curricle.accelerate.prepare(accelerator, loader)
    with pytest.raises(curricle.ConfigError, match=r"gradient_accumulation_steps` is 1, .* has 2 batches"):
        curricle.accelerate.prepare(accelerator, Loader(path))


def train(rank: int, world: int, path: Path, folder: Path, checkpoint: Path | None) -> list[list[int]]:
    os.environ.update({"LOCAL_RANK": str(rank), "RANK": str(rank), "WORLD_SIZE": str(world), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "0"})
    training = Training(path, steps_per_epoch=5)
    assert PartialState().num_processes == world
    if checkpoint is not None:
        training.accelerator.load_state(str(checkpoint))
    for _ in range(2):
        training.epoch(folder if checkpoint is None else None)
    return training.network.seen


def test_two_processes_see_disjoint_shares_also_after_resuming(folder: Path) -> None:
    path = run_file(folder)
    seen = whole(path, 10)
    shares = run_ranks(folder, 2, train, path, folder, None)
    assert [a + b for a, b in zip(*shares)] == seen
    rest = run_ranks(folder, 2, train, path, folder, folder / "checkpoint-3")
    assert [a + b for a, b in zip(*rest)] == seen[3:]
