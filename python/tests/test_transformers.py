"""With the Trainer of transformers: the state lies beside each checkpoint, and nothing is skipped twice."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from conftest import run_file

os.environ.setdefault("HF_HUB_OFFLINE", "1")
pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
pytest.importorskip("accelerate")

import torch
from processes import run_ranks
from tiny import KEYS, VOCABULARY, Tiny
from transformers.trainer_jit_checkpoint import JITCheckpointCallback

import curricle
from curricle.torch import Loader
from curricle.transformers import STATE_FILE, LoaderMixin, LoaderState


class Trainer(LoaderMixin, transformers.Trainer):
    pass


def trainer_of(
    path: Path, folder: Path, steps_per_epoch: int | str | None = 5, keys: list[str] | None = KEYS, model: Any = None, **options: Any
) -> Any:
    usual = {"num_train_epochs": 3, "save_steps": 1, "report_to": [], "use_cpu": True, "disable_tqdm": True, "save_total_limit": None}
    arguments = transformers.TrainingArguments(str(folder / "out"), **{**usual, **options})
    loader = Loader(path, steps_per_epoch=steps_per_epoch, keys=keys)
    return Trainer(model=model or Tiny(), args=arguments, loader=loader)


def whole(path: Path, n: int) -> list[list[int]]:
    return [batch.ids.tolist() for batch, _ in zip(curricle.Loader(path), range(n))]


@pytest.mark.parametrize("accumulation", [1, 2])
def test_a_checkpoint_of_any_step_goes_on_at_the_next_batch(folder: Path, accumulation: int) -> None:
    path = run_file(folder, batch=f"gradient-accumulation-steps = {accumulation}")
    seen = whole(path, 15 * accumulation)
    first = trainer_of(path, folder, gradient_accumulation_steps=accumulation)
    first.train()
    assert first.model.seen == seen
    for step in (1, 4, 5, 7, 10, 14):
        resumed = trainer_of(path, folder, gradient_accumulation_steps=accumulation)
        checkpoint = folder / "out" / f"checkpoint-{step}"
        assert (checkpoint / STATE_FILE).exists()
        resumed.train(resume_from_checkpoint=str(checkpoint))
        assert resumed.model.seen == seen[step * accumulation :], step
        assert resumed.state.global_step == 15 and resumed.state.epoch == pytest.approx(3)
        for name, value in first.model.state_dict().items():
            assert torch.equal(value, resumed.model.state_dict()[name]), (step, name)


ENDS = {
    "at the end of an epoch": ("steps = 10", 5, 2, 10),
    "in an epoch": ("steps = 12", 5, 3, 12),
    "before all epochs of the Trainer": ("steps = 10", 5, 4, 10),
    "in the first epoch": ("steps = 4", 5, 3, 4),
    # 600 samples are 37 steps and a half; an epoch of the data has 12.
    "with the samples": ("epochs = 3", "dataset", 4, 38),
    "in one epoch": ("steps = 7", None, 2, 7),
}


@pytest.mark.parametrize("accumulation", [1, 2])
@pytest.mark.parametrize("end", ENDS)
def test_all_steps_of_a_run_that_ends_are_trained_also_after_resuming(folder: Path, end: str, accumulation: int) -> None:
    rest, steps_per_epoch, epochs, n = ENDS[end]
    if accumulation == 2 and rest.startswith("epochs"):
        rest, n = f"{rest}\ndrop-last = true", 37
    path = run_file(folder, batch=f"gradient-accumulation-steps = {accumulation}", rest=rest)
    seen = whole(path, 1000)
    assert len(seen) == n * accumulation
    of_epoch = {5: min(5, n), "dataset": 12, None: n}[steps_per_epoch]
    options = {"gradient_accumulation_steps": accumulation, "num_train_epochs": epochs, "save_steps": max(n // 4, 1)}
    first = trainer_of(path, folder, steps_per_epoch, **options)
    first.train()
    assert first.model.seen == seen
    assert first.state.global_step == first.state.max_steps == n and first.state.epoch == pytest.approx(n / of_epoch)
    # The last step has a checkpoint of its own, and one of each epoch's end is among the others.
    checkpoints = sorted(int(found.name.split("-")[1]) for found in (folder / "out").glob("checkpoint-*"))
    assert checkpoints[-1] == n and len(checkpoints) >= 4
    for step in checkpoints:
        resumed = trainer_of(path, folder, steps_per_epoch, **options)
        resumed.train(resume_from_checkpoint=str(folder / "out" / f"checkpoint-{step}"))
        assert resumed.model.seen == seen[step * accumulation :], step
        assert resumed.state.global_step == n and resumed.state.epoch == pytest.approx(n / of_epoch), step
        for name, value in first.model.state_dict().items():
            assert torch.equal(value, resumed.model.state_dict()[name]), (step, name)


def test_a_run_can_be_trained_on_again(folder: Path) -> None:
    path = run_file(folder, rest="steps = 10")
    trainer = trainer_of(path, folder, num_train_epochs=2)
    trainer.train()
    trainer.train()
    assert trainer.model.seen == whole(path, 10) * 2


def test_the_last_checkpoint_is_found(folder: Path) -> None:
    path = run_file(folder)
    trainer_of(path, folder, max_steps=7).train()
    resumed = trainer_of(path, folder)
    resumed.train(resume_from_checkpoint=True)
    assert resumed.model.seen == whole(path, 15)[7:]


def test_a_run_whose_length_nobody_knows_takes_max_steps(folder: Path) -> None:
    path = run_file(folder)
    trainer = trainer_of(path, folder, steps_per_epoch=None, max_steps=6)
    trainer.train()
    assert trainer.model.seen == whole(path, 6)
    resumed = trainer_of(path, folder, steps_per_epoch=None, max_steps=9)
    resumed.train(resume_from_checkpoint=str(folder / "out" / "checkpoint-4"))
    assert resumed.model.seen == whole(path, 9)[4:]


def test_a_checkpoint_without_a_state_is_refused(folder: Path) -> None:
    path = run_file(folder)
    trainer_of(path, folder, max_steps=2).train()
    (folder / "out" / "checkpoint-2" / STATE_FILE).unlink()
    with pytest.raises(curricle.StateError, match=f"checkpoint-2/{STATE_FILE}.*resume from a checkpoint that has one"):
        trainer_of(path, folder).train(resume_from_checkpoint=True)


def test_another_accumulation_than_that_of_the_run_is_refused(folder: Path) -> None:
    path = run_file(folder, batch="gradient-accumulation-steps = 2")
    with pytest.raises(curricle.ConfigError, match=r"gradient_accumulation_steps.* is 4, .* has 2 batches"):
        trainer_of(path, folder, gradient_accumulation_steps=4).train()


def test_a_search_for_a_batch_size_is_refused(folder: Path) -> None:
    with pytest.raises(curricle.ConfigError, match=r"auto_find_batch_size.*run file"):
        trainer_of(run_file(folder), folder, auto_find_batch_size=True).train()


def test_a_last_step_with_fewer_batches_is_refused_where_it_would_be_reached(folder: Path) -> None:
    # 37 steps and a half, and an optimizer that is stepped after every second batch.
    path = run_file(folder, batch="gradient-accumulation-steps = 2", rest="epochs = 3")
    options = {"gradient_accumulation_steps": 2, "num_train_epochs": 1, "save_strategy": "no"}
    with pytest.raises(curricle.ConfigError, match=r"last step has fewer batches than the 2 .* the Trainer .*`drop-last = true`"):
        trainer_of(path, folder, **options).train()
    trainer_of(path, folder, max_steps=3, **options).train()


class Terminated(transformers.TrainerCallback):
    """What SIGTERM does some seconds later: asks for a checkpoint, at the event that follows on one in a step."""

    def __init__(self, event: str, step: int, trainer: Any) -> None:
        [self.jit] = [found for found in trainer.callback_handler.callbacks if isinstance(found, JITCheckpointCallback)]
        self.step = step
        setattr(self, event, self.ask)

    def ask(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if state.global_step == self.step and self.jit.jit_manager is not None:
            self.jit.jit_manager.is_checkpoint_requested = True


# Told behind this event with so many steps done, the Trainer saves at the next one with so many.
TOLD = {
    "at the start of a step": ("on_step_end", 3, 3),
    "before the optimizer's step": ("on_step_begin", 3, 3),
    "at the end of a step": ("on_pre_optimizer_step", 3, 4),
}


@pytest.mark.parametrize("accumulation", [1, 2])
@pytest.mark.parametrize("told", TOLD)
def test_a_checkpoint_of_a_trainer_that_is_told_to_stop_goes_on_at_the_first_batch_that_is_not_in_it(
    folder: Path, told: str, accumulation: int
) -> None:
    event, step, saved = TOLD[told]
    path = run_file(folder, batch=f"gradient-accumulation-steps = {accumulation}")
    options: dict[str, Any] = {"gradient_accumulation_steps": accumulation, "save_strategy": "no"}
    first = trainer_of(path, folder, enable_jit_checkpoint=True, **options)
    first.add_callback(Terminated(event, step, first))
    first.train()
    assert [found.name for found in (folder / "out").glob("checkpoint-*")] == [f"checkpoint-{saved}"]
    resumed = trainer_of(path, folder, **options)
    resumed.train(resume_from_checkpoint=True)
    assert resumed.model.seen == whole(path, 15 * accumulation)[saved * accumulation :]


def test_a_checkpoint_of_a_trial_has_the_state_in_its_own_folder(folder: Path) -> None:
    path = run_file(folder)
    trainer = trainer_of(path, folder, max_steps=3, save_strategy="no")
    trainer.train()
    trainer.hp_search_backend = transformers.trainer_utils.HPSearchBackend.OPTUNA
    trainer._save_checkpoint(trainer.model, SimpleNamespace(number=5))
    checkpoint = folder / "out" / "run-5" / "checkpoint-3"
    assert (checkpoint / STATE_FILE).exists() and not (folder / "out" / "checkpoint-3").exists()
    resumed = trainer_of(path, folder, max_steps=6)
    resumed.train(resume_from_checkpoint=str(checkpoint))
    assert resumed.model.seen == whole(path, 6)[3:]


def test_a_checkpoint_has_its_state_before_older_ones_are_deleted(folder: Path, monkeypatch: Any) -> None:
    deleting, there = transformers.trainer.rotate_checkpoints, []

    def rotate(output_dir: str, **options: Any) -> None:
        there.append((Path(output_dir) / f"checkpoint-{len(there) + 1}" / STATE_FILE).exists())
        deleting(output_dir=output_dir, **options)

    monkeypatch.setattr(transformers.trainer, "rotate_checkpoints", rotate)
    trainer_of(run_file(folder), folder, max_steps=3, save_total_limit=1).train()
    assert there == [True] * 3


def test_the_callback_alone_writes_the_state_too(folder: Path) -> None:
    path = run_file(folder)
    loader = Loader(path, steps_per_epoch=5, keys=KEYS)

    class Plain(transformers.Trainer):
        def get_train_dataloader(self) -> Any:
            return loader

    options: dict[str, Any] = {"max_steps": 3, "save_steps": 1, "report_to": [], "use_cpu": True, "disable_tqdm": True}
    arguments = transformers.TrainingArguments(str(folder / "out"), **options)
    Plain(model=Tiny(), args=arguments, callbacks=[LoaderState(loader)]).train()
    resumed = trainer_of(path, folder, max_steps=6)
    resumed.train(resume_from_checkpoint=str(folder / "out" / "checkpoint-2"))
    assert resumed.model.seen == whole(path, 6)[2:]


def causal_model() -> Any:
    torch.manual_seed(3)
    config = transformers.LlamaConfig(
        vocab_size=VOCABULARY, hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2, max_position_embeddings=64
    )
    return transformers.LlamaForCausalLM(config)


@pytest.mark.parametrize("layout", ['layout = "packed"', 'layout = "padded"', 'layout = "rows"\nrow-length = 64\npacker = "first-fit"'])
def test_a_model_of_transformers_has_the_same_loss_of_a_batch_however_it_lies(folder: Path, layout: str) -> None:
    """So no sample sees another, nothing is predicted across samples, and nothing of what fills up counts."""
    batch = next(iter(curricle.Loader(run_file(folder, batch=layout))))
    model = causal_model()
    with torch.no_grad():
        found = model(**curricle.torch.tensors(batch), use_cache=False).loss
        total, predicted = 0.0, 0
        dataset = curricle.Dataset(folder / "corpus")
        for i in batch.ids.tolist():
            tokens = torch.tensor(dataset[i].astype("int64"))[None]
            if tokens.shape[1] > 1:
                total += model(input_ids=tokens, labels=tokens).loss.item() * (tokens.shape[1] - 1)
                predicted += tokens.shape[1] - 1
    assert found.item() == pytest.approx(total / predicted, rel=1e-5)


def test_the_trainer_trains_a_model_of_transformers(folder: Path) -> None:
    path = run_file(folder)
    trainer = trainer_of(path, folder, keys=None, model=causal_model(), max_steps=3)
    assert trainer.train().training_loss > 0


def train(rank: int, world: int, path: Path, folder: Path, epochs: int, checkpoint: str | None) -> list[list[int]]:
    os.environ.update({"LOCAL_RANK": str(rank), "RANK": str(rank), "WORLD_SIZE": str(world), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "0"})
    trainer = trainer_of(path, folder, num_train_epochs=epochs, ddp_backend="gloo")
    trainer.train(resume_from_checkpoint=checkpoint)
    return trainer.model.seen


def test_two_processes_see_disjoint_shares_also_after_resuming(folder: Path) -> None:
    path = run_file(folder)
    seen = whole(path, 15)
    shares = run_ranks(folder, 2, train, path, folder, 2, None)
    assert [a + b for a, b in zip(*shares)] == seen[:10]
    checkpoint = str(folder / "out" / "checkpoint-7")
    rest = run_ranks(folder, 2, train, path, folder, 3, checkpoint)
    assert [a + b for a, b in zip(*rest)] == seen[7:]
    alone = trainer_of(path, folder)
    alone.train(resume_from_checkpoint=checkpoint)
    assert alone.model.seen == seen[7:]
