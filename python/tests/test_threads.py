"""Several threads at one loader or sampler: one takes batches, others ask for states, and nothing is lost or repeated."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import run_file
from test_fork import in_a_fork

import curricle

pytest.importorskip("torch")

import curricle.torch
from curricle.torch import BatchSampler

KINDS = [curricle.Loader, BatchSampler]
PATIENCE = 30


def in_a_thread(work: Callable[[], Any]) -> Callable[[], Any]:
    """Begins some work, and gives what waits for what comes of it."""
    answer: list[Any] = []

    def do() -> None:
        try:
            answer.append(work())
        except BaseException as error:
            answer.append(error)

    thread = threading.Thread(target=do, daemon=True)
    thread.start()

    def wait() -> Any:
        thread.join(PATIENCE)
        return answer[0]

    return wait


class Gate:
    """Where a thread waits until it is let through."""

    def __init__(self) -> None:
        self.reached, self.open = threading.Event(), threading.Event()

    def wait(self) -> None:
        self.reached.set()
        assert self.open.wait(PATIENCE)


class Slow:
    """A source whose steps are long in coming."""

    def __init__(self, source: Any, gate: Gate) -> None:
        self._source, self._gate = source, gate

    def next(self) -> Any:
        self._gate.wait()
        return self._source.next()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._source, name)


@pytest.mark.parametrize("kind", KINDS)
def test_a_state_may_be_asked_for_while_another_thread_begins(folder: Path, kind: Any) -> None:
    path = run_file(folder, rest="steps = 3")
    for _ in range(40):
        steps = kind(path)
        barrier = threading.Barrier(2)

        def ask(steps: Any = steps, barrier: threading.Barrier = barrier) -> Any:
            barrier.wait(PATIENCE)
            return steps.state_dict()

        state = in_a_thread(ask)
        barrier.wait(PATIENCE)
        assert len(list(steps)) == 3
        assert isinstance(state(), dict), state()


@pytest.mark.parametrize("kind", KINDS)
def test_states_that_another_thread_asks_for_are_those_between_two_batches(folder: Path, kind: Any) -> None:
    path = run_file(folder, rest="steps = 300", batch="micro-batch-size = 4")
    alone = kind(path, steps_per_epoch=60)
    # Before each batch and behind the last, at the end of each epoch once more behind it.
    between = [alone.state_dict()]
    for _ in range(5):
        between += [alone.state_dict() for _ in alone]
        between.append(alone.state_dict())
    steps = kind(path, steps_per_epoch=60)
    over = threading.Event()

    def ask() -> list[Any]:
        states = []
        while not over.is_set():
            states.append(steps.state_dict())
        return states

    asked = in_a_thread(ask)
    assert sum(len(list(steps)) for _ in range(5)) == 1200
    over.set()
    states = asked()
    assert len(states) > 5
    at = 0
    for state in states:
        # None of them is behind the one before it.
        at = between.index(state, at)


@pytest.mark.parametrize("kind", KINDS)
def test_a_state_does_not_wait_for_a_step_that_another_thread_awaits(folder: Path, kind: Any) -> None:
    path = run_file(folder)
    steps, gate = kind(path), Gate()
    next(iter(steps))
    before = steps.state_dict()
    steps._source = Slow(steps._source, gate)
    taken = in_a_thread(lambda: next(iter(steps)))
    assert gate.reached.wait(PATIENCE)
    assert in_a_thread(steps.state_dict)() == before
    gate.open.set()
    assert list(getattr(taken(), "ids", taken())) == [list(getattr(item, "ids", item)) for item, _ in zip(kind(path), range(2))][1]


@pytest.mark.parametrize("kind", KINDS)
def test_a_second_thread_is_refused_while_one_takes_a_batch_and_may_go_on_behind_it(folder: Path, kind: Any) -> None:
    path = run_file(folder, rest="steps = 6")
    whole = [list(getattr(item, "ids", item)) for item in kind(path)]
    steps, gate = kind(path, steps_per_epoch=3), Gate()
    first = next(iter(steps))
    state = steps.state_dict()
    steps._source = Slow(steps._source, gate)
    batches = iter(steps)
    taken = in_a_thread(lambda: next(batches))
    assert gate.reached.wait(PATIENCE)
    for use in (lambda: next(iter(steps)), lambda: steps.load_state_dict(state), lambda: steps.set_epoch(1)):
        with pytest.raises(RuntimeError, match="another thread is taking a batch"):
            use()
    gate.open.set()
    items = [first, taken(), *batches, *steps]
    assert [list(getattr(item, "ids", item)) for item in items] == whole


def test_a_thread_that_was_interrupted_is_not_in_the_way_of_another(folder: Path) -> None:
    def collate(batch: Any) -> Any:
        if threading.current_thread() is threading.main_thread():
            raise KeyboardInterrupt
        return batch.step

    loader = curricle.torch.Loader(run_file(folder, rest="steps = 3"), collate=collate)
    with pytest.raises(KeyboardInterrupt):
        next(iter(loader))
    assert in_a_thread(lambda: list(loader))() == [0, 1, 2]


@pytest.mark.parametrize("kind", KINDS)
def test_a_loader_that_is_closed_while_another_thread_opens_it_stays_closed(folder: Path, kind: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    steps, gate = kind(run_file(folder)), Gate()
    make = steps._make
    monkeypatch.setattr(steps, "_make", lambda state: [gate.wait(), make(state)][1])
    taken = in_a_thread(lambda: next(iter(steps)))
    assert gate.reached.wait(PATIENCE)
    in_a_thread(steps.close)()
    gate.open.set()
    assert isinstance(taken(), RuntimeError) and "closed" in str(taken())
    assert steps._source is None


def test_a_fork_while_another_thread_is_at_a_loader_leaves_nothing_locked(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = run_file(folder)
    used, opening = curricle.Loader(path), curricle.Loader(path)
    gates = [Gate(), Gate()]
    next(iter(used))
    used._source = Slow(used._source, gates[0])  # type: ignore[assignment]
    make = opening._make
    monkeypatch.setattr(opening, "_make", lambda state: [gates[1].wait(), make(state)][1])
    threads = [in_a_thread(lambda: next(iter(used)).step), in_a_thread(lambda: next(iter(opening)).step)]
    assert all(gate.reached.wait(PATIENCE) for gate in gates)

    def work() -> None:
        gates[0].open, gates[1].open = threading.Event(), threading.Event()
        for gate in gates:
            gate.open.set()
        for use in (lambda: next(iter(used)), used.state_dict):
            with pytest.raises(curricle.ForkError):
                use()
        assert next(iter(opening)).step == 0

    in_a_fork(work, patience=30)
    for gate in gates:
        gate.open.set()
    assert [wait() for wait in threads] == [1, 0]
