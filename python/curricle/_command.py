"""The ``curricle`` command that comes with the package."""

from __future__ import annotations

import os
import selectors
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from .errors import ConfigError, CurricleError, DataError, InternalError, IoError, PluginError

__all__ = ["main", "path", "run"]

# What the command's exit codes stand for; `curricle --help` lists them.
_ERRORS: dict[int, type[CurricleError]] = {2: ConfigError, 3: DataError, 4: PluginError, 5: IoError, 6: InternalError}
# Seconds from Ctrl-C to the command's end. What it has done by then is kept, and it goes on there.
_PATIENCE = 0.05
# Seconds between two looks at whether it has ended.
_PULSE = 0.005


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
    stderr = None if sys.stderr.isatty() else subprocess.PIPE
    # Of a session of its own, so that Ctrl-C at a terminal reaches it once, through this process: at the second the command stops where it is.
    child = subprocess.Popen([path(), *arguments], stdout=subprocess.PIPE, stderr=stderr, start_new_session=True)
    try:
        out, err = _listen(child)
    except BaseException:
        _interrupt(child)
        raise
    finally:
        for stream in (child.stdout, child.stderr):
            if stream is not None:
                stream.close()
    if child.returncode == 0:
        return out
    if child.returncode == 130:
        raise KeyboardInterrupt
    words = err.strip().removeprefix("error: ") or f"`curricle {arguments[0]}` failed; it says why above"
    kind = _ERRORS.get(child.returncode, CurricleError)
    raise kind(words, code=kind.code)


def _listen(child: subprocess.Popen[bytes]) -> tuple[str, str]:
    """What the command writes until it has ended.

    An exception, of Ctrl-C or of another signal's handler, goes through at once: ``communicate`` would first wait for the command.
    """
    said: dict[object, list[bytes]] = {child.stdout: [], child.stderr: []}
    with selectors.DefaultSelector() as streams:
        for stream in (child.stdout, child.stderr):
            if stream is not None:
                streams.register(stream, selectors.EVENT_READ)
        while streams.get_map():
            for ready, _ in streams.select():
                piece = os.read(ready.fd, 1 << 16)
                said[ready.fileobj].append(piece)
                if not piece:
                    streams.unregister(ready.fileobj)
    while child.poll() is None:
        time.sleep(_PULSE)
    out, err = (b"".join(said[stream]).decode(errors="replace") for stream in (child.stdout, child.stderr))
    return out, err


def _interrupt(child: subprocess.Popen[bytes]) -> None:
    """Ends the command, by itself if it does so soon."""
    try:
        child.send_signal(signal.SIGINT)
        until = time.monotonic() + _PATIENCE
        while child.poll() is None and time.monotonic() < until:
            time.sleep(_PULSE)
    finally:
        # Also if somebody is so impatient as to press Ctrl-C again.
        child.kill()
        child.wait()


def main() -> NoReturn:
    """Becomes the command: the entry point `curricle` of the package."""
    try:
        command = path()
    except IoError as error:
        sys.exit(f"error: {error}")
    # Text for `curricle demo` on a machine without cargo.
    os.environ.setdefault("CURRICLE_PYTHON_LIBRARY", sysconfig.get_paths()["stdlib"])
    os.execv(command, [command, *sys.argv[1:]])
