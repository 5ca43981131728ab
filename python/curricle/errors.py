"""What can go wrong: one class for each kind of error of the library, with its stable ``code``."""

from __future__ import annotations

__all__ = [
    "ColumnError",
    "ConfigError",
    "CurricleError",
    "DataError",
    "DatasetError",
    "ForkError",
    "InternalError",
    "IoError",
    "PluginContractError",
    "PluginError",
    "PluginLimitError",
    "PluginLinkError",
    "PluginLoadError",
    "PluginRefusedError",
    "PluginStateError",
    "PluginTrapError",
    "RanksError",
    "StateError",
]


class CurricleError(Exception):
    """Base of all others. The message says what could not be done, to which named thing, and what to do about it."""

    code: str = "error"
    """A short word that stays the same across releases."""

    def __init__(self, message: str, **facts: object) -> None:
        super().__init__(message)
        for name, value in facts.items():
            setattr(self, name, value)

    def _facts(self) -> dict[str, object]:
        """What it was made with besides the message, to make the same elsewhere."""
        return dict(self.__dict__)

    def __reduce__(self) -> tuple[object, ...]:
        return _again, (type(self), str(self), self._facts())


def _again(kind: type[CurricleError], message: str, facts: dict[str, object]) -> CurricleError:
    return kind(message, **facts)


class IoError(CurricleError, OSError):
    """The operating system refused: a file that is not there, a full disk. ``errno`` and ``filename`` say more."""

    code = "io"

    def _facts(self) -> dict[str, object]:
        # `OSError` keeps these beside the attributes.
        return {**super()._facts(), "errno": self.errno, "filename": self.filename}

    def __str__(self) -> str:
        # `OSError` would write its own words around the number.
        return str(self.args[0]) if self.args else ""


class DatasetError(CurricleError):
    """A dataset's files are damaged, foreign, or do not fit how they are opened."""

    code = "dataset"


class ColumnError(CurricleError):
    """A column is damaged, foreign, or does not fit how it is used."""

    code = "column"


class DataError(CurricleError):
    """A request that the data cannot meet: an unknown column, an empty selection."""

    code = "data"


class ConfigError(CurricleError, ValueError):
    """A run file or an option is wrong."""

    code = "config"


class StateError(CurricleError):
    """A saved state is damaged or belongs to another run."""

    code = "state"


class RanksError(CurricleError):
    """The ranks of a run no longer agree, so that going on would train on other batches than those planned."""

    code = "ranks"
    ranks: list[int]
    """Ranks that differ from most."""


class InternalError(CurricleError):
    """The library itself failed. A defect of Curricle: report it with the message."""

    code = "internal"


class ForkError(CurricleError):
    """An object was used in a process that was forked from the one it was in use in."""

    code = "fork"


class PluginError(CurricleError):
    """A plugin failed; each kind of fault has a class of its own below."""

    code = "plugin"
    plugin: str
    """Name or path, as the run file gave it."""
    call: str
    """The call that failed, ``load`` before any."""
    step: int | None
    """Step of the run, where there is one."""
    deterministic: bool
    """Whether every machine comes to the same end at the same call."""
    log: list[str]
    """Last lines that the plugin logged in the call."""


class PluginLoadError(PluginError):
    """The file is no component, or cannot be compiled."""

    code = "plugin-load"


class PluginLinkError(PluginError):
    """The component is of another world or version, or asks for what it is not granted."""

    code = "plugin-link"


class PluginLimitError(PluginError):
    """It used more memory, fuel, time or room for answers than it is allowed."""

    code = "plugin-limit"


class PluginTrapError(PluginError):
    """It trapped: a panic, an access out of bounds, a stack overflow."""

    code = "plugin-trap"


class PluginContractError(PluginError):
    """It answered what its contract forbids: a wrong count, NaN, an unknown stream."""

    code = "plugin-contract"


class PluginRefusedError(PluginError):
    """It refused its configuration or the data, in its own words."""

    code = "plugin-refused"


class PluginStateError(PluginError):
    """It refused the state that it was given back."""

    code = "plugin-state"
