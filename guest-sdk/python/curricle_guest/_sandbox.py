"""Says plainly what a plugin does not have. Without this a clock, a file or entropy would end in a bare trap or, worse, in numbers that
were drawn once when the plugin was built."""

import builtins
import os
import random
import sys
import time
from collections.abc import Callable
from typing import Any

_CLOCKS = ["time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns", "process_time", "process_time_ns", "sleep"]


building = True
"""Whether no call has come yet."""


class _Lines:
    """A stream of text whose lines are logged."""

    encoding = "utf-8"

    def __init__(self, log: Callable[[str, str], None], level: str) -> None:
        self._log, self._level, self._rest = log, level, ""

    def write(self, text: str) -> int:
        *whole, self._rest = (self._rest + text).split("\n")
        for line in whole:
            self._log(self._level, line)
        return len(text)

    def flush(self) -> None:
        """Lines are logged as they end."""


def _lacking(name: str, instead: str) -> Callable[..., Any]:
    def lack(*arguments: Any, **named: Any) -> Any:
        raise RuntimeError(f"`{name}` is not for plugins: {instead}")

    return lack


def enter() -> None:
    """Takes away clocks and chance, before the author's module is imported and can hold on to them."""
    for name in _CLOCKS:
        setattr(time, name, _lacking(f"time.{name}", "no clock may reach a result; count steps"))
    chance = "it would be the same in every run; let a stream shuffle, or use `random.Random` with a seed from the configuration"
    for name in random.__all__:
        if callable(getattr(random, name)) and not isinstance(getattr(random, name), type):
            setattr(random, name, _lacking(f"random.{name}", chance))
    os.urandom = _lacking("os.urandom", chance)


class _Late:
    """Finds no module: by the time that a call imports one there are no files any more."""

    @staticmethod
    def find_spec(name: str, path: object = None, target: object = None) -> None:
        raise ImportError(f"`{name}` was not imported when the plugin was built; import it at the top of the file")


def leave_build(log: Callable[[str, str], None]) -> None:
    """Takes away files, which building needed, and gives `print` to the log, which was not there yet."""
    global building
    building = False
    builtins.open = _lacking("open", "there are no files; what it needs is in the configuration")
    builtins.input = _lacking("input", "there is nobody to ask")
    sys.meta_path[:] = [_Late]
    sys.stdout, sys.stderr = _Lines(log, "info"), _Lines(log, "warn")
