"""Tracebacks without files: the source of what is imported at build time is remembered, since there is nothing to read it from later."""

import os
import sys
from types import ModuleType

# With the exception's own line as many as the host shows of a fault.
_FRAMES = 7
_sources: dict[str, list[str]] = {}
_folder = ""


def remember(entry: ModuleType) -> None:
    """Keeps the source of every module beside the entry's, as far as it was imported."""
    global _folder
    _folder = (entry.__file__ or "").rpartition("/")[0] + "/"
    for module in list(sys.modules.values()):
        path = getattr(module, "__file__", None) or ""
        if path.startswith(_folder) and path.endswith(".py"):
            _read(path)


def _read(path: str) -> None:
    with open(path, encoding="utf-8") as file:
        _sources[path] = file.read().splitlines()


def lines(error: BaseException) -> list[str]:
    """One line a frame of the author's code, outermost first, and the exception."""
    frames = []
    trace = error.__traceback__
    while trace is not None:
        code, number = trace.tb_frame.f_code, trace.tb_lineno
        path = code.co_filename
        if path.startswith(_folder):
            source = _sources.get(path, ())
            text = source[number - 1].strip() if number <= len(source) else ""
            frames.append(f"{_short(path)}:{number}, in {code.co_name}: {text}".removesuffix(": "))
        trace = trace.tb_next
    if len(frames) > _FRAMES:
        frames = [*frames[:1], f"… {len(frames) - _FRAMES + 1} more", *frames[2 - _FRAMES :]]
    return [*frames, _last(error)]


def build_lines(error: BaseException, source: str) -> list[str]:
    """What kept the module from being imported: where, and why."""
    global _folder
    for path in sys.path:
        if os.path.isfile(f"{path}/{source}.py"):
            _folder = f"{path}/"
    trace = error.__traceback__
    while trace is not None:
        path = trace.tb_frame.f_code.co_filename
        if path.startswith(_folder) and path.endswith(".py"):
            _read(path)
        trace = trace.tb_next
    if isinstance(error, SyntaxError) and error.filename:
        return [f"{_short(error.filename)}:{error.lineno}: {type(error).__name__}: {error.msg}", *_text(error.text)]
    if type(error).__name__ == "NotOneClass":
        return [f"{source}.py: {error}"]
    if isinstance(error, ModuleNotFoundError) and error.name != source:
        mend = "no such module lies beside the source, or is in Python itself; copy it there if it is in pure Python"
        return [*lines(error)[:-1], f"{_last(error)}; {mend}"]
    return lines(error)


def _short(path: str) -> str:
    return path.removeprefix(_folder)


def _text(text: str | None) -> list[str]:
    return [f"    {text.strip()}"] if text and text.strip() else []


def _last(error: BaseException) -> str:
    text = str(error).strip().partition("\n")[0]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
