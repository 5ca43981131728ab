"""With Lightning: its own checkpoints keep the loader's place, and nothing shards it again."""

from __future__ import annotations

import os
from contextlib import nullcontext
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from conftest import run_file, tokens_of

pytest.importorskip("torch")
lightning = pytest.importorskip("lightning")
pytest.importorskip("torchdata")

import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from processes import run_ranks
from tiny import KEYS, Tiny
from torchdata.stateful_dataloader import StatefulDataLoader

import curricle
import curricle.torch
from curricle.lightning import KeepPlace, Loader
from curricle.torch import BatchSampler


class Killed(Exception):
    pass


class Model(lightning.LightningModule):
    def __init__(self, kill_at: int | None = None) -> None:
        super().__init__()
        self.network = Tiny()
        self.validated: list[list[int]] = []
        self.kill_at = kill_at

    def training_step(self, batch: dict[str, torch.Tensor], batch_idx: int) -> torch.Tensor:
        if len(self.network.seen) == self.kill_at:
            raise Killed
        return self.network(**batch)["loss"]

    def validation_step(self, batch: dict[str, torch.Tensor], batch_idx: int) -> None:
        self.validated.append(batch["ids"].tolist())

    test_step = predict_step = validation_step

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.AdamW(self.parameters())


def trainer_of(folder: Path, epochs: int = 3, checkpoints: ModelCheckpoint | None = None, keep: bool = True, **options: Any) -> Any:
    return lightning.Trainer(
        default_root_dir=folder,
        accelerator="cpu",
        max_epochs=epochs,
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        callbacks=([KeepPlace()] if keep else []) + ([] if checkpoints is None else [checkpoints]),
        enable_checkpointing=checkpoints is not None,
        **options,
    )


def every_step(folder: Path) -> ModelCheckpoint:
    return ModelCheckpoint(folder / "checkpoints", filename="{step}", every_n_train_steps=1, save_top_k=-1)


def every_epoch(folder: Path) -> ModelCheckpoint:
    return ModelCheckpoint(folder / "checkpoints", filename="{epoch}", save_top_k=-1, save_on_train_epoch_end=True)


def whole(path: Path, n: int) -> list[list[int]]:
    return [batch.ids.tolist() for batch, _ in zip(curricle.Loader(path), range(n))]


def fit(
    path: Path,
    folder: Path,
    epochs: int = 3,
    checkpoint: Path | None = None,
    steps_per_epoch: int = 5,
    kill_at: int | None = None,
    validation: Any = None,
    **options: Any,
) -> Model:
    model = Model(kill_at)
    trainer = trainer_of(folder, epochs, **options)
    with nullcontext() if kill_at is None else pytest.raises(Killed):
        trainer.fit(model, Loader(path, steps_per_epoch=steps_per_epoch, keys=KEYS), validation, ckpt_path=checkpoint)
    return model


def test_epochs_follow_one_another(folder: Path) -> None:
    path = run_file(folder)
    assert fit(path, folder).network.seen == whole(path, 15)


@pytest.mark.parametrize("accumulation", [1, 2])
def test_a_checkpoint_of_any_step_goes_on_at_the_next_batch(folder: Path, accumulation: int) -> None:
    path = run_file(folder, batch=f"gradient-accumulation-steps = {accumulation}")
    seen = whole(path, 15 * accumulation)
    first = fit(path, folder, checkpoints=every_step(folder), accumulate_grad_batches=accumulation)
    assert first.network.seen == seen
    # Steps in an epoch and at the end of one.
    for step in (1, 4, 5, 7, 10, 14):
        resumed = fit(path, folder, checkpoint=folder / "checkpoints" / f"step={step}.ckpt", accumulate_grad_batches=accumulation)
        assert resumed.network.seen == seen[step * accumulation :], step
        for name, value in first.state_dict().items():
            assert torch.equal(value, resumed.state_dict()[name]), (step, name)


def test_a_checkpoint_of_an_epoch_goes_on_with_the_next(folder: Path) -> None:
    path = run_file(folder)
    seen = whole(path, 15)
    fit(path, folder, checkpoints=every_epoch(folder))
    for epoch in (0, 1):
        resumed = fit(path, folder, checkpoint=folder / "checkpoints" / f"epoch={epoch}.ckpt")
        assert resumed.network.seen == seen[(epoch + 1) * 5 :], epoch


def test_resumes_at_the_ends_of_epochs_train_on_each_batch_once(folder: Path) -> None:
    path = run_file(folder)
    seen = whole(path, 20)
    fit(path, folder, 4, kill_at=6, checkpoints=every_step(folder))
    for step in (5, 10):
        checkpoint = folder / "checkpoints" / f"step={step}.ckpt"
        assert fit(path, folder, 4, checkpoint, kill_at=6, checkpoints=every_step(folder)).network.seen == seen[step : step + 6], step
    # Lightning counts as many epochs as there were.
    assert fit(path, folder, 4, folder / "checkpoints" / "step=15.ckpt").network.seen == seen[15:]


def test_a_loader_that_was_given_no_place_begins_no_later_epoch(folder: Path) -> None:
    path = run_file(folder)
    fit(path, folder, checkpoints=every_epoch(folder))
    with pytest.raises(curricle.StateError, match=r"epoch 1 and gave the loader no place.*KeepPlace"):
        fit(path, folder, checkpoint=folder / "checkpoints" / "epoch=0.ckpt", keep=False)


def test_one_epoch_may_be_the_whole_run(folder: Path) -> None:
    path = run_file(folder, rest="epochs = 2")
    seen = [batch.ids.tolist() for batch in curricle.Loader(path)]
    first = Model()
    trainer_of(folder, 1, every_step(folder)).fit(first, Loader(path, keys=KEYS))
    assert first.network.seen == seen
    second = Model()
    trainer_of(folder, 1).fit(second, Loader(path, keys=KEYS), ckpt_path=folder / "checkpoints" / "step=9.ckpt")
    assert second.network.seen == seen[9:]


def test_nothing_is_left_behind_a_run_of_one_epoch(folder: Path) -> None:
    path = run_file(folder, rest="epochs = 1")
    seen = [batch.ids.tolist() for batch in curricle.Loader(path)]
    first = Model()
    trainer_of(folder, 1, every_epoch(folder)).fit(first, Loader(path, keys=KEYS))
    assert first.network.seen == seen
    second = Model()
    trainer_of(folder, 3).fit(second, Loader(path, keys=KEYS), ckpt_path=folder / "checkpoints" / "epoch=0.ckpt")
    assert second.network.seen == []


class FewEpochs(lightning.Callback):
    """Fails where epochs go on without end."""

    def on_train_epoch_start(self, trainer: Any, *_: Any) -> None:
        assert trainer.current_epoch < 20


@pytest.mark.parametrize(("n", "steps_per_epoch", "known"), [(10, 5, True), (12, 5, True), (7, None, True), (10, 5, False), (12, 5, False)])
def test_training_ends_with_the_run_where_more_steps_were_asked_for(
    folder: Path, monkeypatch: Any, n: int, steps_per_epoch: int | None, known: bool
) -> None:
    path = run_file(folder, rest=f"steps = {n}")
    if not known:
        # As of a run that only its policy ends.
        monkeypatch.setattr(curricle.Run, "n_steps", property(lambda run: None))
        monkeypatch.setattr(curricle.Run, "_n_micro_batches", lambda run, start, end: end - start)
    model = Model()
    trainer = trainer_of(folder, -1, max_steps=50)
    trainer.callbacks.append(FewEpochs())
    trainer.fit(model, Loader(path, steps_per_epoch=steps_per_epoch, keys=KEYS))
    assert model.network.seen == whole(path, 50) and len(model.network.seen) == trainer.global_step == n


def test_epochs_that_lightning_ends_early_leave_nothing_out(folder: Path) -> None:
    path = run_file(folder)
    # Two of five, two more, the last of the five, two of the next.
    limited: dict[str, Any] = {"epochs": 4, "limit_train_batches": 2}
    assert fit(path, folder, checkpoints=every_step(folder), **limited).network.seen == whole(path, 7)
    for step in (1, 3):
        resumed = fit(path, folder, checkpoint=folder / "checkpoints" / f"step={step}.ckpt", **limited)
        assert resumed.network.seen == whole(path, 7)[step:], step
    one = Model()
    ends = run_file(folder, rest="steps = 12", name="ends.toml")
    trainer_of(folder, 3, limit_train_batches=5).fit(one, Loader(ends, keys=KEYS))
    assert one.network.seen == whole(ends, 12)


def test_the_end_of_an_epoch_that_lightning_ended_early_is_gone_on_from(folder: Path) -> None:
    path = run_file(folder)
    limited: dict[str, Any] = {"epochs": 4, "limit_train_batches": 2}
    fit(path, folder, checkpoints=every_epoch(folder), **limited)
    for epoch, done in ((0, 2), (1, 4), (2, 5)):
        resumed = fit(path, folder, checkpoint=folder / "checkpoints" / f"epoch={epoch}.ckpt", **limited)
        assert resumed.network.seen == whole(path, 7)[done:], epoch


def test_a_checkpoint_is_saved_where_a_step_ends(folder: Path) -> None:
    path = run_file(folder, batch="gradient-accumulation-steps = 2")
    seen = whole(path, 30)
    accumulated: dict[str, Any] = {"accumulate_grad_batches": 2}
    fit(path, folder, kill_at=5, checkpoints=every_step(folder), **accumulated)
    checkpoint = folder / "checkpoints" / "step=2.ckpt"
    # Killed in the second half of a step, after a resume; and where time has come in the middle of each.
    fit(path, folder, checkpoint=checkpoint, kill_at=1, checkpoints=every_step(folder), **accumulated)
    often = ModelCheckpoint(folder / "often", filename="{step}", train_time_interval=timedelta(0), save_top_k=-1)
    fit(path, folder, checkpoint=checkpoint, kill_at=5, checkpoints=often, **accumulated)
    assert sorted(file.name for file in (folder / "often").iterdir()) == ["step=3.ckpt", "step=4.ckpt"]
    for file, step in ((checkpoint, 2), (folder / "often" / "step=3.ckpt", 3), (folder / "often" / "step=4.ckpt", 4)):
        assert fit(path, folder, checkpoint=file, **accumulated).network.seen == seen[step * 2 :], step


def test_a_state_of_the_middle_of_a_step_is_refused(folder: Path) -> None:
    loader = Loader(run_file(folder, batch="gradient-accumulation-steps = 2"))
    batches = iter(loader)
    next(batches)
    with pytest.raises(curricle.StateError, match=r"middle of a step.*resume from a checkpoint of the end of a step"):
        Loader(loader.run).load_state_dict(loader.state_dict())
    next(batches)
    Loader(loader.run).load_state_dict(loader.state_dict())


@pytest.mark.parametrize("what", ["validate", "test", "predict"])
def test_a_loader_also_serves_runs_that_do_not_train(folder: Path, what: str) -> None:
    path = run_file(folder, rest="steps = 4")
    model = Model()
    getattr(trainer_of(folder), what)(model, Loader(path, keys=KEYS))
    assert model.validated == whole(path, 4)


class Anew:
    """The batches of a run from its first on, each time."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __iter__(self) -> Any:
        return iter(curricle.torch.Loader(self.path, keys=KEYS))


def test_validation_begins_anew_with_a_loader_of_its_own_each_time(folder: Path) -> None:
    path, held_out = run_file(folder), run_file(folder, rest="steps = 2", name="held-out.toml")
    model = fit(path, folder, validation=Anew(held_out), num_sanity_val_steps=1, checkpoints=every_epoch(folder))
    assert model.network.seen == whole(path, 15)
    assert model.validated == whole(held_out, 1) + 3 * whole(held_out, 2)
    resumed = fit(path, folder, checkpoint=folder / "checkpoints" / "epoch=0.ckpt", validation=Anew(held_out), num_sanity_val_steps=0)
    assert resumed.network.seen == whole(path, 15)[5:] and resumed.validated == 2 * whole(held_out, 2)


def test_a_loader_of_unknown_length_is_refused(folder: Path) -> None:
    with pytest.raises(curricle.ConfigError, match=r"batch ahead.*steps_per_epoch"):
        trainer_of(folder, 1).fit(Model(), Loader(run_file(folder), keys=KEYS))


def train_sampled(rank: int, world: int, path: Path, folder: Path, epochs: int, checkpoint: Path | None) -> list[list[int]]:
    os.environ.update({"LOCAL_RANK": str(rank), "NODE_RANK": "0", "WORLD_SIZE": str(world)})
    loader = StatefulDataLoader(curricle.Dataset(folder / "corpus"), batch_sampler=BatchSampler(path, steps_per_epoch=5), collate_fn=firsts)
    model = Model()
    trainer = trainer_of(folder, epochs, every_step(folder), devices=world, strategy="ddp", use_distributed_sampler=False)
    trainer.fit(model, loader, ckpt_path=checkpoint)
    return model.network.seen


def firsts(samples: list[Any]) -> dict[str, torch.Tensor]:
    """The first token of each sample, by which it is known."""
    first = torch.tensor([int(sample[0]) for sample in samples])
    return {"input_ids": torch.stack([first, first], 1), "labels": torch.stack([first, first], 1), "ids": first}


def test_a_data_loader_with_the_batch_sampler_is_not_sharded_again_where_that_is_switched_off(folder: Path) -> None:
    path = run_file(folder)
    seen = [[int(tokens_of(i)[0]) for i in ids] for ids in whole(path, 10)]
    shares = run_ranks(folder, 2, train_sampled, path, folder, 2, None)
    assert [a + b for a, b in zip(*shares)] == seen
    rest = run_ranks(folder, 2, train_sampled, path, folder, 2, folder / "checkpoints" / "step=7.ckpt")
    assert [a + b for a, b in zip(*rest)] == seen[7:]


def train(rank: int, world: int, path: Path, folder: Path, epochs: int, checkpoint: Path | None) -> list[list[int]]:
    # As a launcher sets it; the ranks have met already.
    os.environ.update({"LOCAL_RANK": str(rank), "NODE_RANK": "0", "WORLD_SIZE": str(world)})
    options: dict[str, Any] = {"devices": world, "strategy": "ddp", "checkpoints": every_step(folder)}
    return fit(path, folder, epochs, checkpoint, **options).network.seen


def test_two_processes_see_disjoint_shares_also_after_resuming(folder: Path) -> None:
    path = run_file(folder)
    seen = whole(path, 15)
    shares = run_ranks(folder, 2, train, path, folder, 2, None)
    assert [a + b for a, b in zip(*shares)] == seen[:10]
    rest = run_ranks(folder, 2, train, path, folder, 3, folder / "checkpoints" / "step=7.ckpt")
    assert [a + b for a, b in zip(*rest)] == seen[7:]
    # One process goes on with what two began.
    assert fit(path, folder, checkpoint=folder / "checkpoints" / "step=7.ckpt").network.seen == seen[7:]
