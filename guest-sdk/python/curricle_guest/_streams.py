from __future__ import annotations

from typing import Literal

from . import _host
from .dataset import Condition

Order = Literal["shuffled", "independent", "sequential"] | tuple[Literal["ascending"], str]


class Stream:
    """An endless order over a selection of samples, whose position the host keeps: what only draws from streams has nothing to save."""

    __slots__ = ("name", "number")

    def __init__(self, name: str, number: int) -> None:
        self.name = name
        self.number = number

    def __repr__(self) -> str:
        return f"Stream({self.name!r})"

    @staticmethod
    def shuffled(name: str, *conditions: Condition) -> Stream:
        """The samples that meet every condition, in a random order that is new each epoch: every sample once before any twice.

        ``name`` is 1 to 128 bytes; seed and name together decide the order. Opening a name again, after a resume too, goes on where it
        stood. Allowed in ``configure``, ``restore`` and ``fill``.
        """
        return Stream.open(name, conditions, "shuffled")

    @staticmethod
    def independent(name: str, *conditions: Condition) -> Stream:
        """Each draw independent of the others, with replacement, all samples equally likely."""
        return Stream.open(name, conditions, "independent")

    @staticmethod
    def sequential(name: str, *conditions: Condition) -> Stream:
        """Ascending by sample id, again and again."""
        return Stream.open(name, conditions, "sequential")

    @staticmethod
    def ascending(name: str, column: str, *conditions: Condition) -> Stream:
        """Ascending by a column of numbers, ties by sample id, again and again."""
        return Stream.open(name, conditions, ("ascending", column))

    @staticmethod
    def open(name: str, conditions: tuple[Condition, ...], order: Order) -> Stream:
        """Opens a stream in any order."""
        return Stream(name, _host.current.open(name, conditions, order))

    def __len__(self) -> int:
        """Samples in one epoch; at least 1."""
        return _host.current.length(self.number)

    @property
    def position(self) -> int:
        """Samples drawn so far, over all epochs."""
        return _host.current.position(self.number)

    def take(self, count: int) -> list[int]:
        """Draws samples into the plugin's memory, to be looked at before some are appended to the plan. They count as drawn."""
        return _host.current.take(self.number, count)
