"""The ``curricle`` command that comes with the package."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from .errors import ConfigError, CurricleError, DataError, InternalError, IoError, PluginError

__all__ = ["main", "path", "run"]

# What the command's exit codes stand for; `curricle --help` lists them.
_ERRORS: dict[int, type[CurricleError]] = {2: ConfigError, 3: DataError, 4: PluginError, 5: IoError, 6: InternalError}
# Seconds from Ctrl-C to the command's end. What it has done by then is kept, and it goes on there.
_PATIENCE = 0.05


def path() -> str:
    """Where the command is: in the package, or else on the path.

    Raises:
        IoError: if it is nowhere, since the package was built without it.
    """
    own = Path(__file__).parent / "bin" / "curricle"
    found = str(own) if own.is_file() else shutil.which("curricle")
    if found is None:
        raise IoError(f"cannot start `{own}`: there is no such file; install the package from a wheel, or the command with cargo", code="io")
    return found


def run(arguments: Sequence[str]) -> str:
    """Runs the command and gives what it printed; its progress goes to standard error, where that is a terminal.

    Raises:
        CurricleError: of the class that its exit code stands for, in its words.
    """
    watched = sys.stderr.isatty()
    with subprocess.Popen([path(), *arguments], stdout=subprocess.PIPE, stderr=None if watched else subprocess.PIPE, text=True) as child:
        try:
            out, err = child.communicate()
        except KeyboardInterrupt:
            child.send_signal(signal.SIGINT)
            try:
                child.wait(_PATIENCE)
            except subprocess.TimeoutExpired:
                child.kill()
            raise
    if child.returncode == 0:
        return out
    if child.returncode == 130:
        raise KeyboardInterrupt
    words = (err or "").strip().removeprefix("error: ") or f"`curricle {arguments[0]}` failed; it says why above"
    kind = _ERRORS.get(child.returncode, CurricleError)
    raise kind(words, code=kind.code)


def main() -> NoReturn:
    """Becomes the command: the entry point `curricle` of the package."""
    try:
        command = path()
    except IoError as error:
        sys.exit(f"error: {error}")
    # Text for `curricle demo` on a machine without cargo.
    os.environ.setdefault("CURRICLE_PYTHON_LIBRARY", sysconfig.get_paths()["stdlib"])
    os.execv(command, [command, *sys.argv[1:]])
