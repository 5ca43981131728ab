"""One run of `curricle test`, and what it said."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

# Exit codes of `curricle test` with which there is a report: all well, or something failed.
REPORTED = (0, 4)


class CurricleError(Exception):
    """`curricle` is missing, or could not test at all: the project does not build, say."""


@dataclass(frozen=True)
class Check:
    """One check or scenario."""

    name: str
    outcome: str  # passed, failed or skipped
    seconds: float
    detail: str = ""
    reason: str = ""
    problem: str = ""
    place: str = ""
    diff: str = ""
    remedy: str = ""
    reproduce: str = ""

    def explanation(self) -> str:
        """Why it failed, and how to see it again."""
        lines = [self.problem]
        if self.place:
            lines.append(f"at {self.place}")
        if self.diff:
            lines.append(self.diff)
        if self.remedy:
            lines.append(f"mend: {self.remedy}")
        if self.reproduce:
            lines.append(f"again: {self.reproduce}")
        return "\n".join(lines)


class Report:
    """What came of testing a plugin: its checks, by name and in order."""

    def __init__(self, checks: list[Check]) -> None:
        self.checks = checks

    def __iter__(self) -> Iterator[Check]:
        return iter(self.checks)

    def __getitem__(self, name: str) -> Check:
        for check in self.checks:
            if check.name == name:
                return check
        raise KeyError(f"no check `{name}`; there are {', '.join(check.name for check in self.checks)}")

    @property
    def ok(self) -> bool:
        return all(check.outcome != "failed" for check in self.checks)

    def assert_ok(self) -> None:
        """Fails with every check that failed."""
        failed = [f"{check.name}: {check.explanation()}" for check in self.checks if check.outcome == "failed"]
        assert not failed, "\n\n".join(failed)


def find_command(option: str | None) -> str:
    """The command: what the option says, else `$CURRICLE_BIN`, else `curricle` on the path."""
    command = option or os.environ.get("CURRICLE_BIN") or "curricle"
    found = shutil.which(command)
    if found is None:
        raise CurricleError(f"there is no command `{command}`; install curricle, or name it with `--curricle`")
    return found


def run_test(command: str, path: Path, *, quick: bool, only: str | None = None, config: dict | None = None) -> Report:
    """Builds and tests a project, or tests a `.wasm` file."""
    words = [command, "test", str(path), "--json"]
    if quick:
        words.append("--quick")
    if only is not None:
        words += ["--only", only]
    if config is not None:
        words += ["--config", json.dumps(config)]
    done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode not in REPORTED or not done.stdout.strip():
        raise CurricleError(f"`curricle test {path}` ended with exit code {done.returncode}:\n{done.stderr.strip()}")
    said = json.loads(done.stdout)
    known = Check.__dataclass_fields__
    checks = [check for plugin in said["plugins"] for check in plugin["checks"]]
    return Report([Check(**{key: value for key, value in check.items() if key in known}) for check in checks])
