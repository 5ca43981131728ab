"""Bad input is an exception that says what to do, and never a hang."""

from __future__ import annotations

import json
import os
import pickle
import re
import signal
import subprocess
import sys
import textwrap
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import run_file

import curricle
from curricle._engine import Outline, at_least_one, blocks_of_a_task, failed, raised


def test_every_error_of_the_library_is_a_class_of_its_own() -> None:
    classes = [value for value in vars(curricle.errors).values() if isinstance(value, type) and issubclass(value, curricle.CurricleError)]
    codes = [kind.code for kind in classes]
    assert len(set(codes)) == len(codes) == 18
    assert issubclass(curricle.ConfigError, ValueError) and issubclass(curricle.IoError, OSError)


def test_the_library_and_the_package_have_the_same_codes() -> None:
    host = Path(__file__).parents[2] / "host" / "src"
    if not host.is_dir():
        pytest.skip("the library's sources are not here")
    # The arms of `Error::code` and `FaultKind::code`.
    arms = re.compile(r"(?:Error|FaultKind)::\w+(?: \{ \.\. \})? => \"([a-z-]+)\",")
    of_library = {code for name in ("error.rs", "fault.rs") for code in arms.findall((host / name).read_text())}
    of_package = {kind.code for kind in vars(curricle.errors).values() if isinstance(kind, type) and issubclass(kind, curricle.CurricleError)}
    # `KeyboardInterrupt` stands for the first. The package alone has the base classes, and forks.
    assert of_library - of_package == {"interrupted"} and of_package - of_library == {"error", "plugin", "fork"}


def test_what_a_file_gets_wrong_is_told_with_its_place(folder: Path) -> None:
    with pytest.raises(curricle.IoError, match=r"run\.toml") as error:
        curricle.Loader(folder / "no" / "run.toml")
    assert error.value.code == "io" and error.value.errno == 2
    path = run_file(folder, batch="global-batch-sise = 3")
    with pytest.raises(curricle.ConfigError, match=r"run\.toml:7:1.*global-batch-sise"):
        curricle.Loader(path)
    with pytest.raises(curricle.IoError, match="nothing-here"):
        curricle.Dataset(folder / "nothing-here.bin")
    (folder / "corpus.idx").write_bytes(b"MMIDIDX\x00\x00" + bytes(40))
    with pytest.raises(curricle.DatasetError, match=r"corpus\.idx"):
        curricle.Dataset(folder / "corpus")
    with pytest.raises(IndexError, match="there is no sample 8"):
        (folder / "flat.bin").write_bytes(bytes(64))
        curricle.Dataset(folder / "flat.bin", token_type="uint16", sequence_length=4)[8]
    with pytest.raises(curricle.ColumnError, match="there is no such column"):
        curricle.Dataset(folder / "flat.bin", token_type="uint16", sequence_length=4).column("length")


def test_an_error_arrives_whole_where_it_is_sent(folder: Path) -> None:
    with pytest.raises(curricle.IoError) as caught:
        curricle.Run(folder / "no.toml")
    error = caught.value
    assert error.errno == 2 and error.filename == folder / "no.toml"
    found = failed(3, error)
    assert found.start == 3 and found.failure is not None
    for again in (pickle.loads(pickle.dumps(error)), raised(found.failure), pickle.loads(pickle.dumps(raised(found.failure)))):
        assert isinstance(again, curricle.IoError) and str(again) == str(error)
        assert (again.code, again.errno, again.filename) == (error.code, error.errno, error.filename)
    bare = curricle.IoError("cannot", code="io")
    for again in (pickle.loads(pickle.dumps(bare)), raised(failed(0, bare).failure or "")):
        assert isinstance(again, curricle.IoError) and (str(again), again.errno, again.filename) == ("cannot", None, None)
    differ = curricle.RanksError("apart", ranks=[1, 3], code="ranks")
    for again in (pickle.loads(pickle.dumps(differ)), raised(failed(0, differ).failure or "")):
        assert isinstance(again, curricle.RanksError) and again.ranks == [1, 3]


def test_a_rank_outside_of_the_world_is_refused(folder: Path) -> None:
    path = run_file(folder)
    for rank, world in [(2, 2), (-1, 2), (0, 0), (1 << 40, 1 << 41)]:
        with pytest.raises(curricle.ConfigError, match="rank"):
            next(iter(curricle.Loader(path, dp_rank=rank, dp_world_size=world)))
    with pytest.raises(curricle.ConfigError, match="both or neither"):
        curricle.Loader(path, dp_rank=0)
    with pytest.raises(curricle.ConfigError, match="does not add up"):
        next(iter(curricle.Loader(path, dp_rank=0, dp_world_size=3)))


def test_wrong_types_are_type_errors(folder: Path) -> None:
    path = run_file(folder)
    with pytest.raises(TypeError):
        curricle.Loader(7)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        curricle.Loader(path, allow="seed-change")
    for allow in (3, None, [3], [None]):
        with pytest.raises(TypeError, match="`allow` is"):
            curricle.Loader(path, allow=allow)  # type: ignore[arg-type]
    for wrong in (0, -3, True, 1.5, "epoch"):
        with pytest.raises(ValueError, match="steps_per_epoch"):
            curricle.Loader(path, steps_per_epoch=wrong)  # type: ignore[arg-type]
    loader = curricle.Loader(path, steps_per_epoch=5)
    with pytest.raises(ValueError, match="epoch"):
        loader.set_epoch(-1)
    with pytest.raises(ValueError, match="no change is called"):
        next(iter(curricle.Loader(path, allow=["everything"])))


@pytest.mark.parametrize("number", [int, np.int64, np.uint8])
def test_whole_numbers_are_taken_of_whichever_type(folder: Path, number: Any) -> None:
    path = run_file(folder, batch="micro-batch-size = 2")
    loader = curricle.Loader(path, steps_per_epoch=number(3), dp_rank=number(0), dp_world_size=number(2))
    loader.set_epoch(number(1))
    batches = iter(loader)
    assert next(batches).step == 3
    state = loader.state_dict()
    # As a checkpoint may keep it.
    assert json.loads(json.dumps(state)) == state
    other = curricle.Loader(path, dp_rank=0, dp_world_size=2)
    other.load_state_dict({**state, "samples_into_step": number(state["samples_into_step"])})
    assert next(iter(other)).ids.tolist() == next(batches).ids.tolist()
    assert len(curricle.simulate(path, number(3)).digest) == 3
    assert blocks_of_a_task(Outline.of(curricle.Dataset(folder / "corpus")), 1, number(4)) == 4


@pytest.mark.parametrize("wrong", [True, np.True_, 1.0, np.float64(1), "1"])
def test_what_is_no_whole_number_is_refused(folder: Path, wrong: Any) -> None:
    path = run_file(folder)
    with pytest.raises(ValueError, match="`steps_per_epoch` is"):
        curricle.Loader(path, steps_per_epoch=wrong)
    with pytest.raises(ValueError, match="`epoch` is"):
        curricle.Loader(path, steps_per_epoch=5).set_epoch(wrong)
    with pytest.raises(ValueError, match="`steps` is"):
        curricle.simulate(path, wrong)
    for rank, world, name in ((wrong, 1, "dp_rank"), (0, wrong, "dp_world_size")):
        with pytest.raises(ValueError, match=f"`{name}` is"):
            curricle.Loader(path, dp_rank=rank, dp_world_size=world)
    for name in ("sequence_length", "stride", "document_end", "vocab_size"):
        with pytest.raises(ValueError, match=f"`{name}` is"):
            curricle.Dataset(folder / "corpus", **{name: wrong})
    with pytest.raises(ValueError, match="`threads` is"):
        curricle.analyze(folder / "corpus", "seqlen", threads=wrong)
    with pytest.raises(TypeError, match="`ids` holds"):
        curricle.Dataset(folder / "corpus").lengths([0, wrong])
    with pytest.raises(curricle.ConfigError, match="`tasks_in_flight`: it is"):
        at_least_one("tasks_in_flight", wrong)


def test_numbers_outside_of_their_bounds_are_refused_by_name_and_far_ends_are_ends(folder: Path) -> None:
    path, corpus = run_file(folder, rest="steps = 12"), folder / "corpus"
    for name, wrong in (("sequence_length", -1), ("sequence_length", 0), ("stride", 1 << 32), ("document_end", -1), ("vocab_size", 1 << 64)):
        with pytest.raises(ValueError, match=f"`{name}` is {wrong}; give a whole number from"):
            curricle.Dataset(corpus, **{name: wrong})
    for threads in (-1, 1 << 64):
        with pytest.raises(ValueError, match=f"`threads` is {threads}"):
            curricle.analyze(corpus, "seqlen", threads=threads)
    dataset = curricle.Dataset(corpus)
    assert dataset.lengths([-1, 0, -200]).tolist() == [len(dataset[-1]), len(dataset[0]), len(dataset[0])]
    for outside in (-201, 200, 1 << 64):
        with pytest.raises(IndexError, match=f"there is no sample {outside}: the dataset has 200"):
            dataset.lengths([outside])
    # A run that ends has nothing behind its end, however far.
    assert len(curricle.simulate(path, 1 << 64).digest) == 12
    loader = curricle.Loader(path, steps_per_epoch=5)
    loader.set_epoch(1 << 64)
    assert list(loader) == []
    with pytest.raises(ValueError, match=f"`epoch` is {1 << 64}; of 5 steps each"):
        curricle.Loader(run_file(folder, name="endless.toml"), steps_per_epoch=5).set_epoch(1 << 64)


def test_options_of_an_import_are_a_list(folder: Path) -> None:
    with pytest.raises(TypeError, match="`options` is a text"):
        curricle.import_(folder / "texts.jsonl", folder / "out", options="--force")


def test_a_closed_loader_says_so(folder: Path) -> None:
    loader = curricle.Loader(run_file(folder))
    batches = iter(loader)
    next(batches)
    loader.close()
    loader.close()
    load = partial(loader.load_state_dict, {"version": 1, "state": "{}"})
    for use in (lambda: next(batches), lambda: next(iter(loader)), loader.state_dict, load, partial(pickle.dumps, loader)):
        with pytest.raises(RuntimeError, match="closed"):
            use()


def test_states_of_other_runs_and_what_is_no_state_are_refused(folder: Path) -> None:
    loader = curricle.Loader(run_file(folder))
    next(iter(loader))
    state = loader.state_dict()
    other = run_file(folder, name="other.toml")
    other.write_text(other.read_text().replace("seed = 7", "seed = 8"))
    with pytest.raises(curricle.StateError, match="seed"):
        curricle.Loader(other).load_state_dict(state)
    allowing = curricle.Loader(other, allow=["seed-change"])
    allowing.load_state_dict(state)
    assert next(iter(allowing)).step == 1
    for wrong in ({}, None, {"version": 1}, {"version": 2, "state": "x"}, {"version": 1, "state": "{}"}, {"version": 1, "state": "not json"}):
        with pytest.raises(curricle.StateError):
            loader.load_state_dict(wrong)  # type: ignore[arg-type]
    # What was refused changed nothing.
    assert loader.state_dict() == state
    for into in (-1, 3, "2", True):
        with pytest.raises(curricle.StateError, match="into a step"):
            loader.load_state_dict({**state, "samples_into_step": into})


def _evil(misdeed: str, limits: str = "") -> str:
    """A policy of the run file that does wrong."""
    hostile = os.environ.get("CURRICLE_HOSTILE")
    if hostile is None:
        pytest.skip("`cargo xtask test` says where the hostile plugins are")
    return f'plugin = "{hostile}/evil-policy.wasm"\nconfig = {{ {misdeed} }}\n{limits}'


def test_a_plugin_that_traps_ahead_is_an_exception_after_the_batches_before_it(folder: Path) -> None:
    path = run_file(folder, rest="prefetch = 4", policy=_evil('wrong = "panic", at = 3'))
    steps = []
    with pytest.raises(curricle.PluginTrapError) as error:
        for batch in curricle.Loader(path):
            steps.append(batch.step)
    assert steps == [0, 1, 2]
    assert error.value.code == "plugin-trap" and error.value.step == 3 and "fill" in error.value.call
    assert "evil-policy" in error.value.plugin and error.value.deterministic
    again = pickle.loads(pickle.dumps(error.value))
    assert str(again) == str(error.value) and again.step == 3


def _child(code: str, *arguments: object, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    )


def test_an_interpreter_ends_with_a_live_loader(folder: Path) -> None:
    code = """
        import sys, curricle
        loader = curricle.Loader(sys.argv[1])
        batches = iter(loader)
        print(next(batches).digest)
    """
    child = _child(code, run_file(folder, rest="prefetch = 16"))
    out, err = child.communicate(timeout=60)
    assert child.returncode == 0 and len(out.strip()) == 32 and err == ""


def test_a_fork_after_use_is_a_clear_error_and_before_it_none(folder: Path) -> None:
    code = """
        import os, sys, curricle
        used, unused = curricle.Loader(sys.argv[1]), curricle.Loader(sys.argv[1])
        dataset = curricle.Dataset(sys.argv[2])
        next(iter(used))
        if os.fork() == 0:
            try:
                next(iter(used))
            except curricle.ForkError as error:
                print(error.code, "forked" in str(error), len(dataset[3]))
                print(next(iter(unused)).step)
                sys.stdout.flush()
                # Nobody waits for a thread that is not here.
                del used
                os._exit(0)
            os._exit(1)
        os._exit(os.waitstatus_to_exitcode(os.wait()[1]))
    """
    child = _child(code, run_file(folder), folder / "corpus")
    out, err = child.communicate(timeout=60)
    assert child.returncode == 0, err
    assert out.split() == ["fork", "True", str(len(curricle.Dataset(folder / "corpus")[3])), "0"]


CALLS = {
    "next": "next(iter(curricle.Loader(path)))",
    "next without prefetching": "next(iter(curricle.Loader(path)))",
    "ids": "next(iter(curricle._native.Planner(curricle.Run(path)._open()).next()))",
    "simulate": "curricle.simulate(path, 5)",
    "analyze": "curricle.analyze(sys.argv[2], sys.argv[3], config={'wrong': 'loop'}, out=sys.argv[4])",
}


@pytest.mark.parametrize("call", CALLS)
def test_ctrl_c_in_a_long_native_call_returns_within_a_tenth_of_a_second(folder: Path, call: str) -> None:
    code = f"""
        import signal, sys, time, curricle
        # Who runs the tests may ignore it.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        path = sys.argv[1]
        print("begun", flush=True)
        try:
            {CALLS[call]}
        except KeyboardInterrupt:
            print("interrupted", flush=True)
    """
    policy = _evil('wrong = "loop"', 'limits = { fuel = 1000000000000000, deadline = "50s" }')
    rest = "prefetch = 0" if "without" in call else ""
    metric = f"{os.environ['CURRICLE_HOSTILE']}/evil-metric.wasm"
    arguments = (run_file(folder, rest=rest, policy=policy), folder / "corpus", metric, folder / "out")
    # A busy machine may wake a process late: one of several is to be in time.
    times: list[float] = []
    while not times or (min(times) >= 0.1 and len(times) < 4):
        times.append(_time_to_hear(_child(code, *arguments)))
    assert min(times) < 0.1, times


def _time_to_hear(child: subprocess.Popen[str], sends: int = signal.SIGINT) -> float:
    """Seconds from Ctrl-C, or another signal, to the exception, in a process that is in the middle of a call."""
    assert child.stdout is not None
    assert child.stdout.readline() == "begun\n"
    time.sleep(1.5)
    assert child.poll() is None, child.communicate()
    sent = time.monotonic()
    child.send_signal(sends)
    line = child.stdout.readline()
    heard = time.monotonic() - sent
    assert line == "interrupted\n", (line, child.communicate())
    # Nor does the end of the process wait for the plugin.
    assert child.wait(timeout=5) == 0
    return heard


COMMAND = """#!{python} -SE
import os, signal, sys, time
def stop(*_):
    os.close(os.open({cleaned!r}, os.O_CREAT))
    os._exit(130)
signal.signal(signal.SIGINT, stop)
{misdeed}
time.sleep(30)
"""


@pytest.mark.parametrize("misdeed", ["", "signal.signal(signal.SIGINT, signal.SIG_IGN)", "os.close(1), os.close(2)"])
@pytest.mark.parametrize("sends", [signal.SIGINT, signal.SIGTERM])
def test_an_import_that_is_interrupted_returns_within_a_tenth_of_a_second_and_leaves_no_command_behind(
    tmp_path: Path, sends: int, misdeed: str
) -> None:
    code = """
        import signal, sys, curricle
        from curricle import _command
        def leave(*_):
            raise SystemExit
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGTERM, leave)
        _command.path = lambda: sys.argv[1]
        print("begun", flush=True)
        try:
            curricle.import_("texts", "out")
        except (KeyboardInterrupt, SystemExit) as error:
            assert type(error) is (KeyboardInterrupt if sys.argv[2] == "2" else SystemExit)
            print("interrupted", flush=True)
    """
    cleaned, command = tmp_path / "cleaned", tmp_path / "command"
    command.write_text(COMMAND.format(python=sys.executable, cleaned=str(cleaned), misdeed=misdeed))
    command.chmod(0o755)
    # As above: a busy machine may be late.
    times: list[float] = []
    while not times or ((min(times) >= 0.1 or not (cleaned.exists() or "IGN" in misdeed)) and len(times) < 4):
        times.append(_time_to_hear(_child(code, command, int(sends)), sends))
    assert min(times) < 0.1, times
    assert cleaned.exists() or "IGN" in misdeed
    running = [Path(f"/proc/{process}/cmdline") for process in os.listdir("/proc") if process.isdigit()] if os.path.isdir("/proc") else []
    assert not any(str(command).encode() in _read(path) for path in running)


def _read(path: Path) -> bytes:
    """What is in a file, if it is still there."""
    try:
        return path.read_bytes()
    except OSError:
        return b""
