"""Several threads at one object: who takes batches of it, and who opens what it is made of."""

from __future__ import annotations

import os
from collections.abc import Callable
from threading import RLock, get_ident
from typing import TypeVar
from weakref import WeakSet

__all__ = ["Threads"]

Done = TypeVar("Done")


class Threads:
    """Lets one thread at a time take a batch or go elsewhere in the run; another that would do so meanwhile is refused.

    Who asks for a state goes on beside it, and waits for ``moving`` alone: held while native code is opened or replaced, and never while a step
    is awaited.
    """

    def __init__(self, what: str) -> None:
        self._what = what
        # The thread that is at it. Set and unset where no signal is heard, so that Ctrl-C leaves nobody inside.
        self.inside: int | None = None
        self.moving = RLock()
        _all.add(self)

    def enter(self, me: int) -> None:
        """Sets ``inside``, which the caller unsets if it is ``me``."""
        # Threads change at calls, and none is between these.
        if self.inside is not None and self.inside != me:
            raise RuntimeError(
                f"another thread is taking a batch of this {self._what}, or moving it to another place of the run; let one thread at a time do"
                f" so, or give each a {self._what} of its own"
            )
        self.inside = me

    def alone(self, work: Callable[[], Done]) -> Done:
        """Does some work while no other thread is inside."""
        me = get_ident()
        try:
            self.enter(me)
            return work()
        finally:
            if self.inside == me:
                self.inside = None

    def _free(self) -> None:
        self.inside = None
        self.moving = RLock()


_all: WeakSet[Threads] = WeakSet()


def _free_all() -> None:
    # Whoever was inside, or held a lock, is not there to let go of it.
    for threads in list(_all):
        threads._free()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_free_all)
