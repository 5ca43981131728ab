"""Whole numbers that people give, of whichever type."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

__all__ = ["LARGEST", "named", "whole"]

LARGEST = (1 << 64) - 1
"""What native code takes for numbers of steps, samples and tokens."""


def whole(number: Any) -> int | None:
    """A whole number as an int, numpy's too; None for all else. True and False are no numbers."""
    if isinstance(number, (bool, np.bool_)):
        return None
    try:
        return operator.index(number)
    except TypeError:
        return None


def named(name: str, number: Any, least: int, most: int = LARGEST) -> int:
    """A whole number within bounds; ValueError, with the argument's name, for all else."""
    found = whole(number)
    if found is None or not least <= found <= most:
        raise ValueError(f"`{name}` is {number!r}; give a whole number from {least} to {most}")
    return found
