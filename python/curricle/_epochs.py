"""Where a run is divided into epochs, for trainers that count them."""

from __future__ import annotations

from ._run import Run
from ._whole import LARGEST, whole

__all__ = ["Epochs"]


class Epochs:
    """Equal spans of steps over one run; with ``given`` left out the run is one epoch."""

    def __init__(self, run: Run, given: int | str | None) -> None:
        number = None if isinstance(given, str) else whole(given)
        named = isinstance(given, str) and given == "dataset"
        if not (given is None or named or (number is not None and number > 0)):
            raise ValueError(f'`steps_per_epoch` is {given!r}; give a number of steps, at least 1, or "dataset"')
        self._run = run
        self.given = given if number is None else number

    @property
    def _steps(self) -> int | None:
        if self.given == "dataset":
            return max(self._run.n_samples // self._run.global_batch_size, 1)
        return self.given  # type: ignore[return-value]

    def of(self, step: int) -> int:
        """The epoch of a step."""
        steps = self._steps
        return 0 if steps is None else step // steps

    def end_of(self, step: int) -> int | None:
        """The step at which the epoch of ``step`` ends; None for the end of the run."""
        steps = self._steps
        return None if steps is None else (step // steps + 1) * steps

    def end_of_epoch(self, epoch: int) -> int | None:
        """The step at which an epoch ends; None for the end of the run."""
        steps = self._steps
        return None if steps is None else (self._number(epoch) + 1) * steps

    def start_of(self, epoch: int, step: int) -> int | None:
        """The step to go to for an epoch; None where ``step`` is in it already. Of an epoch behind the run that is its end."""
        number, steps = self._number(epoch), self._steps
        if steps is None or step // steps == number:
            return None
        start, n_steps = number * steps, self._run.n_steps
        if n_steps is None and start > LARGEST:
            raise ValueError(f"`epoch` is {epoch}; of {steps} steps each, the last is {LARGEST // steps}")
        return start if n_steps is None else min(start, n_steps)

    @staticmethod
    def _number(epoch: int) -> int:
        number = whole(epoch)
        if number is None or number < 0:
            raise ValueError(f"`epoch` is {epoch!r}; epochs count from 0")
        return number

    def n_micro_batches(self, step: int) -> int:
        """Micro-batches of this rank in the epoch of ``step``."""
        steps = self._steps
        if steps is not None:
            epoch = step // steps
            return self._run._n_micro_batches(epoch * steps, (epoch + 1) * steps)
        n_steps = self._run.n_steps
        if n_steps is None:
            raise TypeError(
                "nobody knows the length of this run: only its policy ends it; give `steps` or `epochs` in the run file, or `steps_per_epoch`"
            )
        return self._run._n_micro_batches(0, n_steps)
