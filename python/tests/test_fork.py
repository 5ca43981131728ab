"""In a forked process: what is made there works, with threads of its own, and what was made before says that it does not."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import curricle

LENGTH, END = 2, 9
SAMPLES = 300_000
NAMES = ("rarity", "another")


def in_a_fork(work: Callable[[], None], patience: float = 60) -> None:
    """Does some work in a forked process, which is not to hang."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            work()
            status = 0
        finally:
            os._exit(status)
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            assert os.waitstatus_to_exitcode(status) == 0
            return
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    raise AssertionError("the forked process hangs")


def write_run(folder: Path) -> Path:
    """A curriculum of two metrics over so many samples that several threads look for those that are eligible."""
    tokens = (np.arange(SAMPLES * LENGTH) % 1000).astype(np.uint16)
    np.save(folder / "flat.npy", tokens)
    dataset = curricle.Dataset(folder / "flat.npy", sequence_length=LENGTH)
    for name in NAMES:
        curricle.analyze(dataset, "vocab-rarity", name=name)
    metrics = [f'{{ column = "{name}", by = "percentile", pacing = "grow" }}' for name in NAMES]
    path = folder / "run.toml"
    path.write_text(
        f'seed = 7\n[dataset]\npath = "flat.npy"\nsequence-length = {LENGTH}\n[batch]\nglobal-batch-size = 8\n'
        f'[pacing.grow]\nkind = "linear"\nmin = 30\nmax = 90\nsteps = 10\n[policy]\nplugin = "curriculum"\n'
        f"config = {{ metrics = [{', '.join(metrics)}] }}\n"
    )
    return path


def test_a_loader_that_is_made_in_a_fork_plans_as_one_that_was_in_use_before(tmp_path: Path) -> None:
    path = write_run(tmp_path)
    before = [batch.digest for batch, _ in zip(curricle.Loader(path), range(12))]

    def work() -> None:
        assert [batch.digest for batch, _ in zip(curricle.Loader(path), range(12))] == before

    in_a_fork(work)


def test_documents_are_looked_for_in_a_fork_too(tmp_path: Path) -> None:
    tokens = (np.arange(3_000_000) % 10).astype(np.uint16)
    np.save(tmp_path / "flat.npy", tokens)
    n = len(curricle.Dataset(tmp_path / "flat.npy", document_end=END))
    assert n == 300_000

    def work() -> None:
        assert len(curricle.Dataset(tmp_path / "flat.npy", document_end=END)) == n

    in_a_fork(work)


def test_a_plugin_is_compiled_in_a_fork_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_run(tmp_path)
    monkeypatch.setenv("CURRICLE_CACHE", str(tmp_path / "cache"))
    next(iter(curricle.Loader(path)))
    monkeypatch.setenv("CURRICLE_CACHE", str(tmp_path / "another"))
    in_a_fork(lambda: next(iter(curricle.Loader(path))), patience=30)


def test_a_loader_that_was_in_use_is_closed_in_a_fork_without_waiting(tmp_path: Path) -> None:
    loader = curricle.Loader(write_run(tmp_path))
    batch = next(iter(loader))

    def work() -> None:
        nonlocal batch
        del batch
        loader.close()

    in_a_fork(work, patience=10)
    assert next(iter(loader)).step == 1
