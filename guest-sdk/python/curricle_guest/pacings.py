"""Pacing functions that the run file names: built in, or plugins themselves."""

from . import _host


def difficulty(name: str, step: int) -> float:
    """Difficulty at a step, counted from 0. :class:`ConfigError` if the run file has no ``[pacing.NAME]``."""
    return _host.current.difficulty(name, step)
