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

__all__ = ["Prepared", "prepare"]


class Prepared:
    """An iterable whose batches are on the accelerator's device; all else is what it was made of."""

    def __init__(self, accelerator: Accelerator, loader: Any) -> None:
        self._accelerator = accelerator
        self.loader = loader

    def __iter__(self) -> Iterator[Any]:
        for batch in self.loader:
            yield send_to_device(batch, self._accelerator.device, non_blocking=True)

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
        ConfigError: if its state cannot be saved, or the accelerator accumulates gradients over other batches than those of a step.
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
    accelerator.register_for_checkpointing(loader)
    return Prepared(accelerator, loader)
