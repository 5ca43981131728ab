"""Datasets, columns, and the command that comes along."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import venv
from pathlib import Path

import numpy as np
import pytest
from conftest import N, lengths_of, run_file, tokens_of, write_corpus

import curricle
from curricle._engine import Collector, SpanWorker


def test_samples_are_views_of_the_file_and_cannot_be_written_to(folder: Path) -> None:
    dataset = curricle.Dataset(folder / "corpus")
    assert len(dataset) == N and dataset.n_tokens == lengths_of().sum() and dataset.dtype == np.uint16
    for i in (0, 7, N - 1, -1):
        np.testing.assert_array_equal(dataset[i], tokens_of(i % N))
    sample = dataset[3]
    assert not sample.flags.writeable and sample.base is not None
    with pytest.raises(ValueError):
        sample[0] = 1
    assert [len(tokens) for tokens in dataset.__getitems__([5, 1])] == lengths_of()[[5, 1]].tolist()
    np.testing.assert_array_equal(dataset.lengths(), lengths_of())
    np.testing.assert_array_equal(np.concatenate(list(dataset)), np.concatenate([tokens_of(i) for i in range(N)]))
    del dataset
    np.testing.assert_array_equal(sample, tokens_of(3))


def test_sequences_are_cut_out_of_all_tokens(folder: Path) -> None:
    dataset = curricle.Dataset(folder / "corpus", sequence_length=9, stride=8)
    whole = np.concatenate([tokens_of(i) for i in range(N)])
    assert len(dataset) == (len(whole) - 9) // 8 + 1
    np.testing.assert_array_equal(dataset[5], whole[40:49])


def test_a_dataset_pickles_as_its_path(folder: Path) -> None:
    dataset = curricle.Dataset(folder / "corpus", sequence_length=8)
    other = pickle.loads(pickle.dumps(dataset))
    assert other.fingerprint == dataset.fingerprint and len(pickle.dumps(dataset)) < 1000


def test_what_was_pickled_goes_on_through_a_machine_without_the_files(folder: Path) -> None:
    path = run_file(folder)
    loader = curricle.Loader(path)
    first = next(iter(loader)).digest
    state = loader.state_dict()
    sent = {
        "dataset": curricle.Dataset(folder / "corpus", sequence_length=8),
        "run": curricle.Run(path),
        "unused": curricle.Loader(path, dp_rank=0, dp_world_size=1),
        "used": loader,
    }
    length, pickled = len(sent["dataset"]), pickle.dumps(sent)
    elsewhere = folder.rename(folder.with_name("elsewhere"))
    passing = pickle.loads(pickled)
    again = pickle.dumps(passing)
    assert all(str(folder) in repr(one) for one in passing.values())
    assert passing["used"].state_dict() == state
    for use in (lambda: len(passing["dataset"]), lambda: passing["run"].layout, lambda: next(iter(passing["unused"]))):
        with pytest.raises(curricle.IoError, match=str(folder)):
            use()
    with pytest.raises(curricle.IoError, match=str(folder)):
        curricle.Dataset(folder / "corpus")
    elsewhere.rename(folder)
    arrived = pickle.loads(again)
    assert len(arrived["dataset"]) == length and arrived["run"].layout == "packed"
    assert next(iter(arrived["unused"])).digest == first and next(iter(arrived["used"])).step == 1
    # Where it failed for want of the files, it goes on too.
    assert len(passing["dataset"]) == length and next(iter(passing["unused"])).digest == first


def test_columns_are_arrow_arrays_over_the_mapped_file(tmp_path: Path) -> None:
    import pyarrow as pa

    dataset = curricle.Dataset(write_corpus(tmp_path / "corpus"))
    told = []
    before = pa.total_allocated_bytes()
    made = curricle.analyze(dataset, "seqlen", threads=2, progress=lambda *numbers: told.append(numbers))
    assert made.made and told and told[-1][2] == N
    assert not curricle.analyze(dataset, "seqlen").made
    column = dataset.column("seqlen")
    np.testing.assert_array_equal(column.to_numpy(), lengths_of())
    np.testing.assert_array_equal(made.values().to_numpy(), lengths_of())
    assert pa.total_allocated_bytes() == before
    assert dataset.columns == {"seqlen": dataset.columns_dir / "seqlen.arrow"} and dataset.path == tmp_path / "corpus"
    rare = curricle.analyze(dataset, "vocab-rarity", name="rare", out=tmp_path / "elsewhere")
    assert rare.path == tmp_path / "elsewhere" / "rare.arrow" and rare.values().to_numpy().min() >= 0


def test_a_column_that_cannot_be_used_says_why(folder: Path) -> None:
    dataset = curricle.Dataset(folder / "corpus")
    other = curricle.Dataset(folder / "corpus", sequence_length=8)
    assert other.columns_dir == dataset.columns_dir and other.columns == {}
    with pytest.raises(curricle.ColumnError, match=r"made from dataset .* run `curricle analyze` again"):
        other.column("seqlen")
    path = dataset.columns["seqlen"]
    path.write_bytes(path.read_bytes()[:100])
    assert dataset.columns == {}
    with pytest.raises(curricle.ColumnError, match="seqlen") as error:
        dataset.column("seqlen")
    assert "no such column" not in str(error.value)
    with pytest.raises(curricle.ColumnError, match="no such column, there are: none"):
        dataset.column("seqlen.totals")


def test_an_exception_of_the_progress_stops_the_analysis(tmp_path: Path) -> None:
    dataset = curricle.Dataset(write_corpus(tmp_path / "corpus"))

    def stop(*_: int) -> None:
        raise ArithmeticError("enough")

    with pytest.raises(ArithmeticError, match="enough"):
        curricle.analyze(dataset, "seqlen", progress=stop)
    with pytest.raises(curricle.CurricleError, match="no such key"):
        curricle.analyze(dataset, "vocab-rarity", config={"no such key": 1})
    with pytest.raises(ValueError, match="preset"):
        curricle.analyze(dataset, "seqlen", limits="generous")


def test_texts_are_imported_by_the_command(tmp_path: Path) -> None:
    (tmp_path / "texts.jsonl").write_text("".join(json.dumps({"text": "word " * i}) + "\n" for i in range(1, 20)))
    dataset = curricle.import_(tmp_path / "texts.jsonl", tmp_path / "texts")
    assert len(dataset) == 19 and bytes(dataset[2]).decode() == "word word word "
    with pytest.raises(curricle.CurricleError, match="nothing-here"):
        curricle.import_(tmp_path / "nothing-here", tmp_path / "other")
    with pytest.raises(curricle.ConfigError, match="--no-such-option"):
        curricle.import_(tmp_path / "texts.jsonl", tmp_path / "other", options=["--no-such-option"])
    with pytest.raises(TypeError):
        curricle.import_([tmp_path / "texts.jsonl"], tmp_path / "other")  # type: ignore[arg-type]


def test_the_wheel_alone_runs_the_demo_on_a_bare_python(tmp_path: Path) -> None:
    wheel = os.environ.get("CURRICLE_WHEEL")
    if wheel is None:
        pytest.skip("`cargo xtask test` says where the wheel is")
    venv.create(tmp_path / "venv", with_pip=True)
    python, command = tmp_path / "venv" / "bin" / "python", tmp_path / "venv" / "bin" / "curricle"
    subprocess.run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", wheel], check=True)
    clean = {name: value for name, value in os.environ.items() if not name.startswith("CURRICLE_")}
    # A machine without cargo: the text is Python's own library.
    clean |= {"CARGO_HOME": str(tmp_path / "no-cargo"), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    run = subprocess.run([command, "demo"], cwd=tmp_path, env=clean, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stderr
    assert "All three agreed" in (tmp_path / "demo" / "report.md").read_text()
    code = "import sys, curricle; loader = curricle.Loader(sys.argv[1]); print(next(iter(loader)).digest); assert 'torch' not in sys.modules"
    run = subprocess.run(
        [python, "-c", code, str(tmp_path / "demo" / "curriculum.toml")], cwd=tmp_path, env=clean, capture_output=True, text=True, timeout=60
    )
    assert run.returncode == 0 and len(run.stdout.strip()) == 32, run.stderr
    run = subprocess.run([command, "no-such-verb"], env=clean, capture_output=True, text=True, timeout=60)
    assert run.returncode == 2 and "no-such-verb" in run.stderr
    run = subprocess.run([python, "-m", "curricle", "--version"], cwd=tmp_path, env=clean, capture_output=True, text=True, timeout=60)
    assert run.stdout.split() == ["curricle", curricle.__version__]


def test_a_stream_of_rows_of_which_some_are_null_or_of_no_rows_is_refused(folder: Path, tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    rows = pyarrow.chunked_array([pyarrow.array([{"tokens": [1, 2]}, None])])
    with Collector("vocab-rarity", dataset=folder / "corpus", out=tmp_path / "columns") as collector:
        worker = SpanWorker(collector.job())
        worker.begin(0, 1)
        with pytest.raises(curricle.DataError, match="null rows; drop them"):
            worker.feed(rows, 0)
        with pytest.raises(TypeError, match="record batches of Arrow are expected"):
            worker.feed(pyarrow.chunked_array([[1, 2]]), 0)
