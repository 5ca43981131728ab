"""What a policy may know of the data: one value per sample and column, never a token. Answers never change during a run."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from . import _host


@dataclass(frozen=True)
class Column:
    """A column without its values. Of a category, ``min`` is 0 and ``max`` the number of categories less 1."""

    name: str
    kind: Literal["number", "category"]
    min: float
    max: float


@dataclass(frozen=True)
class Between:
    """``above`` < value ≤ ``at_most``; a side that is None is open."""

    column: str
    above: float | None
    at_most: float | None


@dataclass(frozen=True)
class Quantiles:
    """Part of the column's ascending order, ties by sample id."""

    column: str
    start: float
    end: float


@dataclass(frozen=True)
class Category:
    """The samples whose category is one of these codes."""

    column: str
    codes: tuple[int, ...]


Condition = Between | Quantiles | Category


def between(column: str, above: float | None = None, at_most: float | None = None) -> Condition:
    """The samples with ``above`` < value ≤ ``at_most`` in a column of numbers; a side left out is open."""
    return Between(column, above, at_most)


def quantiles(column: str, start: float, end: float) -> Condition:
    """Positions floor(start × n) up to, but without, floor(end × n) of the column's ascending order; 0 ≤ start ≤ end ≤ 1."""
    return Quantiles(column, start, end)


def category(column: str, *codes: int) -> Condition:
    """The samples whose category is one of these positions in ``categories(column)``."""
    return Category(column, codes)


def length() -> int:
    """Number of samples in the run's view of the dataset; at least 1."""
    return _host.current.len()


def columns() -> list[Column]:
    """The columns that the run file grants, in the order of their names' bytes."""
    return _host.current.columns()


def values(column: str, ids: Sequence[int]) -> list[float]:
    """Values of the given samples, in order; a category's are its codes. Ask for thousands at a time, at most 1 048 576."""
    return _host.current.values(column, ids)


def quantile(column: str, q: float) -> float:
    """Smallest value v such that at least the fraction ``q`` of the samples is ≤ v; 0 gives the minimum."""
    return _host.current.quantile(column, q)


def categories(column: str) -> list[tuple[str, int]]:
    """Name and number of samples of each category, by code."""
    return _host.current.categories(column)


def count(*conditions: Condition) -> int:
    """Number of samples that meet every condition; O(log n) for one, several are intersected."""
    return _host.current.count(conditions)
