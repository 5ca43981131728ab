"""The only way to speak to a person. At most 64 lines a call and 1 KiB a line are kept; ``print`` ends here too, as ``info``."""

from . import _host


def debug(message: str) -> None:
    """Detail that only the plugin's author wants."""
    _host.current.log("debug", message)


def info(message: str) -> None:
    """What is worth knowing of a run that goes well."""
    _host.current.log("info", message)


def warn(message: str) -> None:
    """What the run's user should look at."""
    _host.current.log("warn", message)


def error(message: str) -> None:
    """What went wrong."""
    _host.current.log("error", message)
