"""Whole numbers that people give, of whichever type."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

__all__ = ["whole"]


def whole(number: Any) -> int | None:
    """A whole number as an int, numpy's too; None for all else. True and False are no numbers."""
    if isinstance(number, (bool, np.bool_)):
        return None
    try:
        return operator.index(number)
    except TypeError:
        return None
