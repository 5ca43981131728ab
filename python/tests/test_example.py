"""The trainer in ``examples/train-pytorch``, as a program: it learns, and a run that was killed goes on as if it had not been."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import curricle
from curricle import _command

pytest.importorskip("torch")

ROOT = Path(__file__).resolve().parents[2]
STEPS, SAVE_EVERY = 60, 5
# The step whose line is the last that the killed run is let print.
DIES_AT = 12


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """This repository's own sources as bytes, analyzed as ``train.toml`` wants them, and a copy of that."""
    folder = tmp_path_factory.mktemp("train")
    command = os.environ.get("CURRICLE_BIN") or _command.path()
    subprocess.run([command, "import", ROOT / "host" / "src", "--out", folder / "corpus", "--include", "rs"], check=True, capture_output=True)
    samples = curricle.Dataset(folder / "corpus", sequence_length=257, stride=256)
    curricle.analyze(samples, "vocab-rarity", out=folder / "corpus" / "columns-257")
    (folder / "train.toml").write_text((ROOT / "examples" / "train.toml").read_text())
    return folder


def trainer(corpus: Path, out: str, *more: str) -> list[str]:
    script = ROOT / "examples" / "train-pytorch" / "train.py"
    words = [sys.executable, script, corpus / "train.toml", "--out", corpus / out, "--steps", STEPS, "--save-every", SAVE_EVERY, *more]
    return list(map(str, words))


def by_step(lines: list[str]) -> dict[int, str]:
    return {int(line.split()[1]): line for line in lines}


def loss(line: str) -> float:
    return float(line.split()[3])


def run(command: list[str]) -> dict[int, str]:
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return by_step(done.stdout.splitlines())


@pytest.fixture(scope="module")
def whole(corpus: Path) -> dict[int, str]:
    """Lines of a run without a break."""
    return run(trainer(corpus, "whole"))


def test_the_loss_falls(whole: dict[int, str]) -> None:
    assert list(whole) == list(range(STEPS))
    losses = [loss(line) for line in whole.values()]
    assert sum(losses[-10:]) < 0.8 * sum(losses[:10])


def test_a_killed_run_goes_on_from_its_checkpoint_with_the_same_losses_to_the_bit(corpus: Path, whole: dict[int, str]) -> None:
    with subprocess.Popen(trainer(corpus, "broken"), stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        lines = []
        for line in child.stdout:
            lines.append(line.rstrip("\n"))
            if line.startswith(f"step {DIES_AT} "):
                child.send_signal(signal.SIGKILL)
    assert child.returncode == -signal.SIGKILL and DIES_AT < len(lines) < STEPS
    # Half of what a checkpoint is replaced by, had it been killed there.
    (corpus / "broken" / "checkpoint.tmp").write_bytes(b"half")
    after = run(trainer(corpus, "broken", "--resume"))
    first = next(iter(after))
    assert first >= DIES_AT - SAVE_EVERY and first % SAVE_EVERY == 0
    assert {**by_step(lines), **after} == whole
    assert list(after) == list(range(first, STEPS))
    assert run(trainer(corpus, "broken", "--resume")) == {}


def test_a_checkpoint_is_not_replaced_by_accident(corpus: Path, whole: dict[int, str]) -> None:
    done = subprocess.run(trainer(corpus, "whole"), capture_output=True, text=True)
    assert done.returncode != 0 and "go on from it with --resume" in done.stderr


def test_the_picture_is_of_the_whole_run(corpus: Path, whole: dict[int, str]) -> None:
    pytest.importorskip("matplotlib")
    assert run(trainer(corpus, "whole", "--resume", "--plot")) == {}
    assert (corpus / "whole" / "losses.png").read_bytes().startswith(b"\x89PNG")
