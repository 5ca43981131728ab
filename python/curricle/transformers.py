"""For the Trainer of transformers: a mixin that trains on a loader and keeps its state beside each checkpoint.

>>> import curricle.transformers
>>> from curricle.torch import Loader
>>> class Trainer(curricle.transformers.LoaderMixin, transformers.Trainer):
...     pass
>>> arguments = transformers.TrainingArguments("out", num_train_epochs=3, gradient_accumulation_steps=4, save_steps=1000)
>>> trainer = Trainer(model=model, args=arguments, loader=Loader("curricle.toml", steps_per_epoch="dataset"))
>>> trainer.train(resume_from_checkpoint=True)

The loader knows its rank, so nothing shards it: ``split_batches`` and ``dispatch_batches`` have no effect on it, nor have
``per_device_train_batch_size``, ``dataloader_num_workers`` and ``train_sampling_strategy``. On resuming it goes to its place at once, so the
mixin turns the Trainer's own skipping of batches off (``ignore_data_skip``).
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from transformers.trainer_utils import PREFIX_CHECKPOINT_DIR, get_last_checkpoint

from .errors import ConfigError, StateError
from .torch import Loader

__all__ = ["STATE_FILE", "EqualEpochs", "LoaderEpochs", "LoaderMixin", "LoaderState"]

STATE_FILE = "curricle.json"
"""Name of the loader's state in the folder of a checkpoint."""


class LoaderEpochs(TrainerCallback):
    """Counts the epochs of the Trainer's state by the place of the loader."""

    def __init__(self, loader: Loader) -> None:
        self.loader = loader

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        # The Trainer counts batches from where it resumed, as if that were the start of the epoch.
        with contextlib.suppress(TypeError):
            state.epoch = state.global_step * args.gradient_accumulation_steps / len(EqualEpochs(self.loader))


class LoaderState(LoaderEpochs):
    """Writes the loader's state into the folder of each checkpoint that the Trainer tells of, for who does without the mixin."""

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        # The same on all ranks; those who save the Trainer's own state save it.
        if args.should_save:
            checkpoint = Path(args.output_dir or ".") / f"{PREFIX_CHECKPOINT_DIR}-{state.global_step}"
            save_state(self.loader.state_dict(), checkpoint)


class EqualEpochs:
    """A loader as the Trainer takes it: the length is that of a whole epoch, wherever the loader stands; all else is the loader's.

    The Trainer divides steps by one length for all epochs. That of a last epoch with fewer steps, or of none behind the run's end, would
    count epochs that were never trained.
    """

    def __init__(self, loader: Loader) -> None:
        self.loader = loader

    def __iter__(self) -> Iterator[Any]:
        return iter(self.loader)

    def __len__(self) -> int:
        return self.loader._epochs.n_micro_batches(0)

    def __getattr__(self, name: str) -> Any:
        if name == "loader":
            # Asked for while it is unpickled, before it has one.
            raise AttributeError(name)
        return getattr(self.loader, name)


def save_state(state: dict[str, Any], checkpoint: Path) -> None:
    """Writes a loader's state into a checkpoint's folder, whole or not at all."""
    part = checkpoint / f"{STATE_FILE}.part"
    with open(part, "w", encoding="utf-8") as file:
        file.write(json.dumps(state))
        file.flush()
        # After a power loss the name must not lead to an empty file.
        os.fsync(file.fileno())
    os.replace(part, checkpoint / STATE_FILE)


def load_state(loader: Loader, checkpoint: str | os.PathLike[str]) -> None:
    """Lets the loader go on where it was when the checkpoint was saved.

    Raises:
        StateError: if there is no state in the folder, or that of another run.
    """
    path = Path(checkpoint) / STATE_FILE
    try:
        state = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise StateError(f"state `{path}`: cannot read it: {error}; resume from a checkpoint that has one", code="state") from error
    loader.load_state_dict(state)


class LoaderMixin:
    """To inherit from before ``transformers.Trainer``; takes one argument more, ``loader``."""

    loader: Loader
    args: TrainingArguments
    state: TrainerState

    # Steps that the Trainer had done when it last took batches, and where the loader was before.
    _before_step: tuple[int, dict[str, Any]] | None = None

    def __init__(self, *args: Any, loader: Loader, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.loader = loader
        self.args.ignore_data_skip = True
        self.add_callback(LoaderEpochs(loader))  # type: ignore[attr-defined]

    def get_train_dataloader(self) -> EqualEpochs:
        if self.args.auto_find_batch_size:
            raise ConfigError("`auto_find_batch_size`: the run file has the size of batches; leave it out", code="config")
        wanted = self.args.gradient_accumulation_steps
        if self.loader.run.accumulation != wanted:
            raise ConfigError(
                f"`gradient_accumulation_steps` of the Trainer is {wanted}, and a step of the run has {self.loader.run.accumulation} batches on"
                " this rank; give both the same",
                code="config",
            )
        if not 0 < self.args.max_steps < (self.loader.run.n_steps or 0):
            # It counts batches from where it resumed, and from the start of each epoch.
            self.loader.run._refuse_short_end("the Trainer")
        return EqualEpochs(self.loader)

    def get_batch_samples(self, *args: Any, **kwargs: Any) -> Any:
        if self.args.should_save:
            self._before_step = (self.state.global_step, self.loader.state_dict())
        return super().get_batch_samples(*args, **kwargs)  # type: ignore[misc]

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        """As of the Trainer, with the loader's state; first of all, since older checkpoints are deleted at its end."""
        if self.args.should_save:
            done = self.state.global_step
            checkpoint = Path(self._get_output_dir(trial=trial)) / f"{PREFIX_CHECKPOINT_DIR}-{done}"  # type: ignore[attr-defined]
            checkpoint.mkdir(parents=True, exist_ok=True)
            before = self._before_step
            # Told to stop, the Trainer also saves before a step is done whose batches it has taken already.
            save_state(before[1] if before is not None and before[0] == done else self.loader.state_dict(), checkpoint)
        super()._save_checkpoint(model, trial)  # type: ignore[misc]

    def num_examples(self, dataloader: Any) -> int:
        """Samples of an epoch over all ranks."""
        if not isinstance(dataloader, EqualEpochs):
            return super().num_examples(dataloader)  # type: ignore[misc, no-any-return]
        return len(dataloader) * self.loader.run.micro_batch_size * self.loader.run.dp_world_size

    def set_initial_training_values(self, args: TrainingArguments, dataloader: Any) -> tuple[Any, ...]:
        """As of the Trainer, but with no more steps than the run has: over these the learning rate goes, and behind the last one it saves."""
        *others, max_steps = super().set_initial_training_values(args, dataloader)  # type: ignore[misc]
        n_steps = self.loader.run.n_steps
        return (*others, max_steps if n_steps is None else min(max_steps, n_steps))

    def train(self, resume_from_checkpoint: str | bool | None = None, *args: Any, **kwargs: Any) -> Any:
        """As of the Trainer; with a checkpoint the loader goes on where it was when that was saved."""
        checkpoint = get_last_checkpoint(self.args.output_dir) if resume_from_checkpoint is True else resume_from_checkpoint  # type: ignore[no-untyped-call]
        if checkpoint:
            load_state(self.loader, checkpoint)
        return super().train(resume_from_checkpoint, *args, **kwargs)  # type: ignore[misc]
