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


def test_a_batch_that_could_not_be_moved_is_the_next_one(folder: Path, monkeypatch: Any) -> None:
    path = run_file(folder)
    prepared = curricle.accelerate.prepare(accelerate.Accelerator(cpu=True), Loader(path, keys=KEYS))
    moved, failures = curricle.accelerate.send_to_device, [None, MemoryError]

    def send(batch: Any, *arguments: Any, **options: Any) -> Any:
        failure = failures.pop(0) if failures else None
        if failure is not None:
            raise failure
        return moved(batch, *arguments, **options)

    monkeypatch.setattr(curricle.accelerate, "send_to_device", send)
    found = []
    with pytest.raises(MemoryError):
        for batch in prepared:
            found.append(batch["ids"].tolist())
    for batch, _ in zip(prepared, range(2)):
        found.append(batch["ids"].tolist())
    assert found == whole(path, 3)


def weights_by_hand(path: Path) -> tuple[dict[str, torch.Tensor], int]:
    """Weights after a loop that steps the optimizer where steps end, and how often it did."""
    network, n = Tiny(), 0
    optimizer = torch.optim.AdamW(network.parameters())
    loader = Loader(path, keys=KEYS)
    for batch in loader:
        (network(**batch)["loss"] / loader.run.accumulation).backward()
        if loader.is_last_of_step:
            optimizer.step()
            optimizer.zero_grad()
            n += 1
    return network.state_dict(), n


def short(folder: Path, rest: str = "") -> Path:
    """A run of 13 steps: the last has 8 of the 200 samples, so that two batches of 4 are left instead of four."""
    return run_file(folder, batch="micro-batch-size = 4", rest=f"epochs = 1\n{rest}")


@pytest.mark.parametrize("steps_per_epoch", [None, 5])
def test_a_last_step_with_fewer_batches_steps_the_optimizer_also_after_resuming(folder: Path, steps_per_epoch: int | None) -> None:
    path = short(folder)
    seen = whole(path, 100)
    expected, n = weights_by_hand(path)
    assert n == 13 and len(seen) == 50

    def same(training: Training) -> None:
        for name, value in training.network.state_dict().items():
            assert torch.equal(value, expected[name]), name

    first = Training(path, 4, steps_per_epoch=steps_per_epoch)
    for _ in range(3):
        first.epoch(folder)
    assert first.network.seen == seen and first.accelerator.gradient_state.active_dataloader is None
    same(first)
    for taken in (12, 40, 48):
        resumed = Training(path, 4, steps_per_epoch=steps_per_epoch)
        resumed.accelerator.load_state(str(folder / f"checkpoint-{taken}"))
        while len(resumed.network.seen) < 50 - taken:
            resumed.epoch()
        assert resumed.network.seen == seen[taken:]
        same(resumed)


def test_a_last_step_with_fewer_batches_is_refused_where_nobody_would_be_told_of_its_end(folder: Path) -> None:
    def data_loader(path: Path) -> Any:
        return StatefulDataLoader(range(N), batch_sampler=BatchSampler(path))  # type: ignore[arg-type]

    for plugin, make in ((True, data_loader), (False, Loader)):
        options = accelerate.utils.GradientAccumulationPlugin(num_steps=4, sync_with_dataloader=plugin)
        accelerator = accelerate.Accelerator(cpu=True, gradient_accumulation_plugin=options)
        with pytest.raises(curricle.ConfigError, match=r"last step has fewer batches than the 4 .* the accelerator .*`drop-last = true`"):
            curricle.accelerate.prepare(accelerator, make(short(folder)))
        for rest in ("drop-last = true", "steps = 12"):
            curricle.accelerate.prepare(accelerator, make(short(folder, rest)))


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
