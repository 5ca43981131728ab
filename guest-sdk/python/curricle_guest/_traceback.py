"""Tracebacks without files: the source of what is imported at build time is remembered, since there is nothing to read it from later."""

import sys
from types import ModuleType

# With the exception's own line as many as the host shows of a fault.
_FRAMES = 7
_sources: dict[str, list[str]] = {}
_own = __file__.rpartition("/")[0] + "/"


def remember(entry: ModuleType) -> None:
    """Keeps the source of every module beside the entry's, as far as it was imported."""
    folder = (entry.__file__ or "").rpartition("/")[0] + "/"
    for module in list(sys.modules.values()):
        path = getattr(module, "__file__", None) or ""
        if path.startswith(folder) and path.endswith(".py"):
            with open(path, encoding="utf-8") as file:
                _sources[path] = file.read().splitlines()
    _sources[""] = [folder]


def lines(error: BaseException) -> list[str]:
    """One line a frame of the author's code, outermost first, and the exception."""
    folder = _sources.get("", [""])[0]
    frames = []
    trace = error.__traceback__
    while trace is not None:
        code, number = trace.tb_frame.f_code, trace.tb_lineno
        path = code.co_filename
        if not path.startswith(_own):
            source = _sources.get(path, ())
            text = source[number - 1].strip() if number <= len(source) else ""
            frames.append(f"{path.removeprefix(folder)}:{number}, in {code.co_name}: {text}".removesuffix(": "))
        trace = trace.tb_next
    text = str(error)
    last = f"{type(error).__name__}: {text}" if text else type(error).__name__
    if len(frames) > _FRAMES:
        frames = [*frames[:1], f"… {len(frames) - _FRAMES + 1} more", *frames[2 - _FRAMES :]]
    return [*frames, *last.splitlines()[:1]]
