"""For Lightning: a loader whose place Lightning itself keeps in its checkpoints.

>>> from curricle.lightning import Loader
>>> class Model(lightning.LightningModule):
...     def training_step(self, batch, batch_idx):
...         return self.network(**batch).loss
...     ...
>>> trainer = lightning.Trainer(max_epochs=3, accumulate_grad_batches=4)
>>> trainer.fit(Model(), Loader("curricle.toml", steps_per_epoch="dataset"), ckpt_path="last.ckpt")

Lightning shards data loaders of torch and no other iterables, so there is nothing to switch off here. It does shard a data loader with a
:class:`curricle.torch.BatchSampler`: that one takes ``Trainer(use_distributed_sampler=False)``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import curricle.torch

from .errors import ConfigError

__all__ = ["Loader"]


class Loader(curricle.torch.Loader):
    """A :class:`curricle.torch.Loader` for ``Trainer.fit``.

    Its length has to be known, by ``steps`` or ``epochs`` in the run file or by ``steps_per_epoch``: where Lightning knows none it reads one
    batch ahead, and saves a state that is as far ahead.
    """

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

    @property
    def sampler(self) -> _Epochs:
        """What Lightning tells the number of the epoch."""
        return _Epochs(self)


class _Epochs:
    """Goes to an epoch that lies ahead, and ends the training where nothing of the run is left.

    From a checkpoint of the end of an epoch Lightning restores no loader, and tells the epoch that follows: a loader at its beginning goes there.
    One that was used or restored goes on from where it is. Its epochs are others than Lightning's where ``limit_train_batches`` ends those early,
    and what these left is to be trained on.

    Of ``max_steps`` beyond the end of a run Lightning would make epochs without a batch for ever. It tells the epoch where ``StopIteration``
    ends the training. Not in its first epoch, in which it may have to finish what a checkpoint was saved in the middle of.
    """

    def __init__(self, loader: Loader) -> None:
        self._loader = loader

    def set_epoch(self, epoch: int) -> None:
        loader = self._loader
        if loader._asked and loader._is_over():
            raise StopIteration
        loader._start()
        if epoch == 0 or loader._step > 0 or loader._skip:
            return
        if loader._epochs.given is not None:
            loader.set_epoch(epoch)
        elif (end := loader.run.n_steps) is not None:
            # The run is one epoch: of those behind it there is nothing.
            loader._skip_to(end)
