"""Tests plugins for Curricle as items of pytest: every check and every scenario of a project is one."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .command import Check, CurricleError, Report, find_command, run_test

__all__ = ["Check", "CurricleError", "Report"]

MANIFESTS = ("curricle.toml", "Cargo.toml")


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("curricle", "plugins for Curricle")
    group.addoption("--curricle", metavar="BIN", help="the command; $CURRICLE_BIN or `curricle` on the path if left out")
    group.addoption("--curricle-quick", action="store_true", help="without the dataset of 10 000 000 samples")


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """What a build left is no project of anybody's."""
    built = collection_path.name == "target" and any((collection_path.parent / name).is_file() for name in MANIFESTS)
    return True if built else None


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> Project | None:
    if file_path.name in MANIFESTS and is_project(file_path):
        return Project.from_parent(parent, path=file_path)
    is_scenario = file_path.suffix == ".toml" and file_path.parent.name == "scenarios"
    if is_scenario and parent.session.isinitpath(file_path):
        folder = file_path.parent.parent
        if any((folder / name).is_file() and is_project(folder / name) for name in MANIFESTS):
            return Scenario.from_parent(parent, path=file_path)
    return None


def is_project(manifest: Path) -> bool:
    """Whether a manifest is that of a plugin: a run file is called `curricle.toml` too."""
    try:
        table = tomllib.loads(manifest.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
        return False
    if manifest.name == "Cargo.toml":
        return "curricle-guest" in table.get("dependencies", {})
    return {"name", "kind", "language"} <= table.keys()


class Project(pytest.File):
    """A project: built and tested once, when it is collected."""

    def collect(self) -> Iterator[pytest.Item]:
        yield from self.items(self.path.parent, only=None)

    def items(self, folder: Path, only: str | None) -> Iterator[pytest.Item]:
        options = self.config.option
        try:
            report = run_test(find_command(options.curricle), folder, quick=options.curricle_quick, only=only)
        except CurricleError as error:
            raise self.CollectError(str(error)) from None
        for check in report:
            yield CheckItem.from_parent(self, name=check.name, check=check)


class Scenario(Project):
    """A scenario that was named by itself."""

    def collect(self) -> Iterator[pytest.Item]:
        yield from self.items(self.path.parent.parent, only=f"scenario {self.path.stem}")


class CheckItem(pytest.Item):
    """One check or scenario, whose outcome is known already."""

    def __init__(self, *, check: Check, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.check = check

    def runtest(self) -> None:
        self.user_properties.append(("curricle_seconds", self.check.seconds))
        if self.check.outcome == "skipped":
            pytest.skip(self.check.reason)
        if self.check.outcome != "passed":
            raise CheckFailed(self.check.explanation())

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: object = None) -> object:
        if isinstance(excinfo.value, CheckFailed):
            return str(excinfo.value)
        return super().repr_failure(excinfo)

    def reportinfo(self) -> tuple[Path, None, str]:
        return self.path, None, self.name


class CheckFailed(Exception):
    """A check that does not hold; its text is the whole report of it."""


@pytest.fixture
def curricle_plugin(request: pytest.FixtureRequest) -> Callable[..., Report]:
    """Tests a project or a `.wasm` file: `curricle_plugin(path, config=None, only=None, quick=True)` gives a `Report`."""
    options = request.config.option

    def test(path: str | Path, *, config: dict | None = None, only: str | None = None, quick: bool = True) -> Report:
        return run_test(find_command(options.curricle), Path(path), quick=quick, only=only, config=config)

    return test
