"""For Lightning: a loader whose place Lightning itself keeps in its checkpoints.

>>> from curricle.lightning import KeepPlace, Loader
>>> class Model(lightning.LightningModule):
...     def training_step(self, batch, batch_idx):
...         return self.network(**batch).loss
...     ...
>>> trainer = lightning.Trainer(max_epochs=3, accumulate_grad_batches=4, callbacks=[KeepPlace()])
>>> trainer.fit(Model(), Loader("curricle.toml", steps_per_epoch="dataset"), ckpt_path="last.ckpt")

Lightning shards data loaders of torch and no other iterables, so there is nothing to switch off here. It does shard a data loader with a
:class:`curricle.torch.BatchSampler`: that one takes ``Trainer(use_distributed_sampler=False)``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from lightning.pytorch.callbacks import Callback
from lightning.pytorch.trainer.states import TrainerFn
from lightning.pytorch.utilities import CombinedLoader

import curricle.torch

from .errors import ConfigError, StateError

__all__ = ["KeepPlace", "Loader"]


class Loader(curricle.torch.Loader):
    """A :class:`curricle.torch.Loader` for ``Trainer.fit``.

    Its length has to be known, by ``steps`` or ``epochs`` in the run file or by ``steps_per_epoch``: where Lightning knows none it reads one
    batch ahead, and saves a state that is as far ahead.
    """

    # Lightning takes what has a `sampler` for a data loader of torch, and looks for this too.
    batch_sampler = None
    # Whether a batch was asked of the last iterator that was made.
    _asked = False

    def _iterate(self, then: Callable[[Any], Any] | None = None) -> Iterator[Any]:
        self._asked = False
        return super()._iterate(then)

    def _epoch(self, then: Callable[[Any], Any] | None) -> Iterator[Any]:
        self._asked = True
        yield from super()._epoch(then)

    def __len__(self) -> int:
        try:
            return super().__len__()
        except TypeError as error:
            raise ConfigError(f"Lightning would save a state that is a batch ahead: {error}", code="config") from None

    def _read(self, state: dict[str, Any]) -> tuple[str, int, str]:
        native, into, begun = super()._read(state)
        if into:
            raise StateError(
                "state `in memory`: it was saved in the middle of a step, and Lightning saves no gradient, so that of the samples before it is lost;"
                " resume from a checkpoint of the end of a step: with `callbacks=[curricle.lightning.KeepPlace()]` those of"
                " `ModelCheckpoint(every_n_train_steps=…)` are",
                code="state",
            )
        return native, into, begun

    def _is_at_start(self) -> bool:
        """Whether nothing was yielded, skipped or restored."""
        self._start()
        return self._step == 0 and not self._skip

    @property
    def sampler(self) -> _Epochs:
        """What Lightning tells the number of the epoch."""
        return _Epochs(self)


class _Epochs:
    """Refuses to guess where an epoch begins, and ends the training where nothing of the run is left.

    From a checkpoint of the end of an epoch Lightning restores no loader, and tells the number of the epoch that follows. That may be one that
    was trained on: the number falls behind with a resume at the last step of an epoch, and it counts epochs of Lightning, which are others than
    the run's where ``limit_train_batches`` ends those early. A loader that was used or restored goes on from where it is.

    Of ``max_steps`` beyond the end of a run Lightning would make epochs without a batch for ever. It tells the epoch where ``StopIteration``
    ends the training. Not in its first epoch, in which it may have to finish what a checkpoint was saved in the middle of.
    """

    def __init__(self, loader: Loader) -> None:
        self._loader = loader

    def set_epoch(self, epoch: int) -> None:
        loader = self._loader
        if loader._asked and loader._is_over():
            raise StopIteration
        if epoch > 0 and loader._is_at_start():
            raise StateError(
                f"Lightning goes on with its epoch {epoch} and gave the loader no place in the run, as from a checkpoint of the end of an epoch;"
                " give the trainer `callbacks=[curricle.lightning.KeepPlace()]`, which takes it from the checkpoint, and make the loader once, or"
                " call its `set_epoch` yourself; for validation use a `curricle.torch.Loader`",
                code="state",
            )


class KeepPlace(Callback):
    """Keeps a :class:`Loader` where its checkpoint was taken, for ``Trainer(callbacks=[…])``.

    It gives the loader its state also from a checkpoint of the end of an epoch, counts an epoch that begins after a resume at the last step of the
    one before, which Lightning leaves out, and lets ``ModelCheckpoint`` save after a batch only where a step ends: after a resume Lightning would
    write the checkpoint of the step it resumed from once more, in the middle of the next.
    """

    def __init__(self) -> None:
        self._states: list[Any] | None = None

    def setup(self, trainer: Any, pl_module: Any, stage: str) -> None:
        for checkpoint in trainer.checkpoint_callbacks:
            vars(checkpoint)["on_train_batch_end"] = partial(_at_end_of_step, checkpoint)

    def on_load_checkpoint(self, trainer: Any, pl_module: Any, checkpoint: dict[str, Any]) -> None:
        if trainer.state.fn == TrainerFn.FITTING:
            fit_loop = checkpoint.get("loops", {}).get("fit_loop", {})
            self._states = fit_loop.get("state_dict", {}).get("combined_loader")

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        states, self._states = self._states, None
        # Those that Lightning saves a state of.
        stateful = [loader for loader in _flat(trainer) if hasattr(loader, "state_dict") and hasattr(loader, "load_state_dict")]
        if states is None or len(states) != len(stateful):
            return
        for loader, state in zip(stateful, states):
            if isinstance(loader, Loader) and loader._is_at_start():
                loader.load_state_dict(state)

    def on_train_batch_start(self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int) -> None:
        progress = trainer.fit_loop.epoch_progress
        if progress.current.ready == progress.current.processed:
            progress.increment_ready()
            progress.increment_started()


def _flat(trainer: Any) -> list[Any]:
    """The loaders that are trained on."""
    return CombinedLoader(trainer.train_dataloader).flattened


def _at_end_of_step(checkpoint: Any, trainer: Any, *args: Any, **options: Any) -> None:
    """What a checkpoint callback does after a batch, where no loader is in the middle of a step."""
    if all(loader.is_last_of_step for loader in _flat(trainer) if isinstance(loader, Loader)):
        type(checkpoint).on_train_batch_end(checkpoint, trainer, *args, **options)
