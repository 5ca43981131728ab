"""The host's functions: those of the component where there is one, else those of the run of `curricle_guest.testing` that is under way."""

from typing import Any


class NoRun:
    """Stands for the host where there is none."""

    def __getattr__(self, name: str) -> Any:
        if name == "log":
            return lambda level, message: None
        raise RuntimeError("no run is under way; start the plugin with `curricle_guest.testing`")


current: Any = NoRun()
