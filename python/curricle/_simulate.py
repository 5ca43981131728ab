"""What a run would draw, without a token being read."""

from __future__ import annotations

import os
from dataclasses import dataclass

import numpy as np

from . import _native
from ._run import Run
from ._whole import LARGEST, whole

__all__ = ["Simulation", "simulate"]


@dataclass(frozen=True)
class Simulation:
    """Steps of a run, a row each."""

    step: np.ndarray
    """Number of the step, uint64."""
    samples: np.ndarray
    """Samples of the global batch, uint32."""
    streams: dict[str, np.ndarray]
    """What was drawn from each stream, uint32."""
    annotations: dict[str, np.ndarray]
    """What the policy noted, float64; NaN where it noted nothing."""
    fuel: np.ndarray
    """Work of the policy, uint64, in the virtual machine's units: the same on every machine."""
    digest: list[str]
    """Identity of each global batch."""

    def shares(self) -> dict[str, np.ndarray]:
        """The share of each stream in each batch, from 0 to 1."""
        whole = np.maximum(self.samples, 1)
        return {name: drawn / whole for name, drawn in self.streams.items()}


def simulate(run: str | os.PathLike[str] | Run, steps: int) -> Simulation:
    """Plans the first steps of a run, or all if it has fewer. ``curricle simulate --report`` makes a page of the same.

    Args:
        run: Path of a run file, or a :class:`Run`.
        steps: Steps to plan, a few microseconds each.

    Raises:
        PluginError: if the policy fails.
    """
    number = whole(steps)
    if number is None or number < 0:
        raise ValueError(f"`steps` is {steps!r}; give a number of steps")
    found = _native.Planner(Run(run)._open()).simulate(min(number, LARGEST))
    return Simulation(**found)
