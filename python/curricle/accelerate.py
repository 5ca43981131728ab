"""For Accelerate: the loader beside what ``prepare`` makes, its place in what ``save_state`` saves.

>>> import curricle.accelerate
>>> from curricle.torch import Loader
>>> accelerator = Accelerator(gradient_accumulation_steps=4)
>>> model, optimizer = accelerator.prepare(model, optimizer)
>>> loader = curricle.accelerate.prepare(accelerator, Loader("curricle.toml"))
>>> for batch in loader:
...     with accelerator.accumulate(model):
...         accelerator.backward(model(**batch).loss)
...         optimizer.step()
...         optimizer.zero_grad()
...     accelerator.save_state("checkpoint")

``Accelerator.prepare`` would take every n-th batch of a data loader for each process, of shares that are already of one process; it reads one
batch ahead; and it counts epochs from 0 after ``load_state``. So data loaders go to :func:`prepare` here and not there.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from accelerate import Accelerator
from accelerate.utils import send_to_device

from ._steps import Steps
from .errors import ConfigError
from .torch import Loader

__all__ = ["Prepared", "prepare"]


class Prepared:
    """An iterable whose batches are on the accelerator's device; all else is what it was made of.

    While it is iterated over it is the accelerator's active data loader, and tells it where steps end.
    """

    remainder = 0
    """Samples that fill up the last batch, for ``gather_for_metrics``: there are none."""

    def __init__(self, accelerator: Accelerator, loader: Any) -> None:
        self._accelerator = accelerator
        self.loader = loader
        self.end_of_dataloader = False
        """Whether the accelerator shall step the optimizer after the batch that was yielded last, however many there were."""

    def __iter__(self) -> Iterator[Any]:
        if not isinstance(self.loader, Loader):
            yield from map(self._moved, self.loader)
            return
        gradients = self._accelerator.gradient_state
        gradients._add_dataloader(self)
        try:
            for batch in self.loader._iterate(self._moved):
                self.end_of_dataloader = self.loader.is_last_of_step
                yield batch
        finally:
            self.end_of_dataloader = False
            gradients._remove_dataloader(self)

    def _moved(self, batch: Any) -> Any:
        return send_to_device(batch, self._accelerator.device, non_blocking=True)

    def __len__(self) -> int:
        return len(self.loader)

    def __getattr__(self, name: str) -> Any:
        if name in ("_accelerator", "loader"):
            # Asked for while it is unpickled, before it has them.
            raise AttributeError(name)
        return getattr(self.loader, name)


def prepare(accelerator: Accelerator, loader: Any) -> Prepared:
    """Registers a loader's state with the accelerator and moves its batches to the accelerator's device.

    Args:
        accelerator: Which saves and restores the state; restoring takes a loader that is registered in the same order.
        loader: A :class:`curricle.torch.Loader`, or torchdata's ``StatefulDataLoader`` with a :class:`curricle.torch.BatchSampler`.

    Raises:
        ConfigError: if its state cannot be saved, the accelerator accumulates gradients over other batches than those of a step, or would
            not step the optimizer after a last step that has fewer.
    """
    if not (hasattr(loader, "state_dict") and hasattr(loader, "load_state_dict")):
        raise ConfigError(
            f"a `{type(loader).__name__}` has no state that Accelerate could save; give a `curricle.torch.Loader`, or torchdata's"
            " `StatefulDataLoader` instead of torch's `DataLoader`",
            code="config",
        )
    steps = loader if isinstance(loader, Steps) else getattr(loader, "batch_sampler", None)
    if isinstance(steps, Steps) and accelerator.gradient_accumulation_steps != steps.run.accumulation:
        raise ConfigError(
            f"the accelerator's `gradient_accumulation_steps` is {accelerator.gradient_accumulation_steps}, and a step of the run has"
            f" {steps.run.accumulation} batches on this rank; give both the same",
            code="config",
        )
    if isinstance(steps, Steps) and not (isinstance(loader, Loader) and accelerator.gradient_state.sync_with_dataloader):
        # Nothing says where in a step the batches of others are; without `sync_with_dataloader` the accelerator does not ask.
        steps.run._refuse_short_end("the accelerator")
    accelerator.register_for_checkpointing(loader)
    return Prepared(accelerator, loader)
