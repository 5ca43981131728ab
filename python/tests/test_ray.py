"""Analysis on a Ray cluster of two nodes makes the bytes of this machine."""

from __future__ import annotations

import itertools
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

ray = pytest.importorskip("ray")
pytest.importorskip("ray.data")

import numpy as np
import pyarrow
import pyarrow.fs
import pyarrow.parquet
from corpus import METRICS, Corpus, files
from ray.cluster_utils import Cluster

import curricle
import curricle.ray


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """Two nodes with a processor each."""
    os.environ.setdefault("RAY_DATA_DISABLE_PROGRESS_BARS", "1")
    node = {"num_cpus": 1, "object_store_memory": 100 << 20, "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args=node)
    cluster.add_node(num_cpus=1, object_store_memory=100 << 20)
    ray.init(address=cluster.address, log_to_driver=False, logging_level="error")
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    yield cluster
    ray.shutdown()
    cluster.shutdown()


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return Corpus(tmp_path_factory.mktemp("corpus"))


def in_pieces(table: pyarrow.Table, n: int) -> ray.data.Dataset:
    """The table in blocks of Ray that do not line up with ours."""
    cuts = np.linspace(0, len(table), n + 1).astype(int)
    return ray.data.from_arrow([table.slice(start, end - start) for start, end in itertools.pairwise(cuts)])


@pytest.mark.parametrize("metric", METRICS)
def test_two_nodes_make_the_bytes_of_one_machine(cluster: Cluster, corpus: Corpus, tmp_path: Path, metric: str) -> None:
    assert len([node for node in ray.nodes() if node["Alive"]]) == 2
    told: list[tuple[int, int, int, int, int]] = []
    data = in_pieces(corpus.table(), 7)
    done = curricle.ray.analyze(data, metric, dataset=corpus.outline, out=tmp_path, blocks_per_task=1, progress=lambda *said: told.append(said))
    assert files(tmp_path, metric) == corpus.local(metric)
    rounds = 2 if metric == "vocab-rarity" else 1
    assert done.made and done.tokens == rounds * len(corpus.tokens)
    assert (done.path is None) == (metric == "vocab-frequency")
    assert told[-1] == (rounds - 1, rounds, len(corpus.lengths), len(corpus.lengths), done.tokens)
    again = curricle.ray.analyze(data, metric, dataset=corpus.outline, out=tmp_path)
    assert not again.made and again.path == done.path


@pytest.mark.parametrize(
    "kind",
    [pyarrow.list_(pyarrow.int64()), pyarrow.large_list(pyarrow.int32()), pyarrow.large_list(pyarrow.uint16())],
    ids=str,
)
def test_lists_of_any_integers_will_do(cluster: Cluster, corpus: Corpus, tmp_path: Path, kind: pyarrow.DataType) -> None:
    done = curricle.ray.analyze(in_pieces(corpus.table(kind), 5), "vocab-rarity", dataset=corpus.outline, out=tmp_path)
    assert done.made and files(tmp_path, "vocab-rarity") == corpus.local("vocab-rarity")


def test_arrays_of_numpy_will_do(cluster: Cluster, corpus: Corpus, tmp_path: Path) -> None:
    data = in_pieces(corpus.table(), 4).map_batches(lambda batch: {"tokens": batch["tokens"]}, batch_format="numpy")
    curricle.ray.analyze(data, "seqlen", dataset=corpus.outline, out=tmp_path)
    assert files(tmp_path, "seqlen") == corpus.local("seqlen")


def test_sequences_of_a_fixed_length_will_do(cluster: Cluster, corpus: Corpus, tmp_path: Path) -> None:
    sequences = curricle.Dataset(corpus.prefix, sequence_length=128, vocab_size=1000)
    curricle.analyze(sequences, "vocab-rarity", out=tmp_path / "local")
    rows = corpus.tokens[: len(sequences) * 128]
    lists = pyarrow.FixedSizeListArray.from_arrays(pyarrow.array(rows), 128)
    arrays = in_pieces(pyarrow.table({"tokens": lists}), 5)
    curricle.ray.analyze(arrays, "vocab-rarity", dataset=sequences, out=tmp_path / "lists")
    tensors = ray.data.from_numpy(np.array_split(rows.reshape(-1, 128), 3))
    curricle.ray.analyze(tensors, "vocab-rarity", dataset=sequences, out=tmp_path / "tensors", column="data")
    local = files(tmp_path / "local", "vocab-rarity")
    assert files(tmp_path / "lists", "vocab-rarity") == local
    assert files(tmp_path / "tensors", "vocab-rarity") == local


def test_parquet_is_read_through_fsspec_in_the_order_of_its_files(cluster: Cluster, corpus: Corpus, tmp_path: Path) -> None:
    fsspec = pytest.importorskip("fsspec")
    table, n = corpus.table(), 4
    (tmp_path / "store").mkdir()
    for i in range(n):
        # Files of very different sizes, so that who reads them at once does not come in order.
        start, end = len(table) * i * i // n**2, len(table) * (i + 1) ** 2 // n**2
        pyarrow.parquet.write_table(table.slice(start, end - start), tmp_path / "store" / f"part-{i}.parquet", row_group_size=1500)
    # A store of objects behind a prefix: nothing of this is a path of this machine.
    store = fsspec.filesystem("dir", path=str(tmp_path / "store"), fs=fsspec.filesystem("file"))
    data = ray.data.read_parquet([f"part-{i}.parquet" for i in range(n)], filesystem=pyarrow.fs.PyFileSystem(pyarrow.fs.FSSpecHandler(store)))
    curricle.ray.analyze(data, "vocab-rarity", dataset=corpus.outline, out=tmp_path / "columns")
    assert files(tmp_path / "columns", "vocab-rarity") == corpus.local("vocab-rarity")


def test_a_worker_that_dies_is_replaced_and_changes_nothing(
    cluster: Cluster, corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "died").mkdir()
    find, died = curricle.ray._find, tmp_path / "died"

    def die_once(where: str) -> None:
        if not (died / where).exists():
            (died / where).touch()
            os.kill(os.getpid(), signal.SIGKILL)

    def find_and_die(job: object, start: int, *rest: object) -> object:
        found = find(job, start, *rest)  # type: ignore[arg-type]
        if start == 2:
            # With the work done and nobody told, once in each round.
            die_once(f"round {len(job.merged)}")  # type: ignore[attr-defined]
        return found

    def read_and_die(batch: pyarrow.Table) -> pyarrow.Table:
        die_once("reading")
        return batch

    monkeypatch.setattr(curricle.ray, "_find", find_and_die)
    data = in_pieces(corpus.table(), 6).map_batches(read_and_die, batch_format="pyarrow")
    curricle.ray.analyze(data, "vocab-rarity", dataset=corpus.outline, out=tmp_path / "columns", blocks_per_task=1)
    assert {path.name for path in died.iterdir()} == {"reading", "round 0", "round 1"}
    assert files(tmp_path / "columns", "vocab-rarity") == corpus.local("vocab-rarity")


def test_data_that_is_not_the_datasets_is_refused_with_what_is_wrong(cluster: Cluster, corpus: Corpus, tmp_path: Path) -> None:
    table = corpus.table()
    n = len(table)

    def refused(data: object, kind: type[Exception], match: str, **options: object) -> None:
        options = {"dataset": corpus.outline, "out": tmp_path, **options}
        with pytest.raises(kind, match=match):
            curricle.ray.analyze(data, "vocab-rarity", **options)  # type: ignore[arg-type]
        assert not list(tmp_path.iterdir()), "nothing is left behind"

    refused(in_pieces(table, 3), curricle.DataError, "no column `words`, it has `id`, `tokens`, `url`", column="words")
    refused(in_pieces(table, 3), curricle.DataError, "column `url` is of type Utf8, and tokens are lists of integers", column="url")
    refused(in_pieces(table.slice(0, n - 5), 3), curricle.DataError, f"the data has {n - 5} rows, and the dataset {n} samples")
    longer = pyarrow.concat_tables([table, table.slice(0, 1)])
    refused(in_pieces(longer, 3), curricle.DataError, f"the data has more than {n} rows, and the dataset {n} samples")
    backwards = pyarrow.concat_tables([table.slice(n // 2), table.slice(0, n // 2)])
    refused(in_pieces(backwards, 3), curricle.DatasetError, "have other lengths where the data is than in the dataset")
    rows = table.column("tokens").combine_chunks().slice(0, 9).to_pylist()
    null = pyarrow.table({"tokens": pyarrow.chunked_array([pyarrow.array([*rows, None], table.field("tokens").type)])})
    null = pyarrow.concat_tables([null, table.select(["tokens"]).slice(10)])
    refused(in_pieces(null, 3), curricle.DataError, "column `tokens` is null for sample 9; give every sample a list of tokens")
    hole = pyarrow.table({"tokens": pyarrow.array([*rows, [1, None, 3]], table.field("tokens").type)})
    hole = pyarrow.concat_tables([hole, table.select(["tokens"]).slice(10)])
    refused(in_pieces(hole, 3), curricle.DataError, "column `tokens`: token 1 of sample 9 is null")
    large = pyarrow.table({"tokens": pyarrow.array([[70_000], *rows[1:]], pyarrow.list_(pyarrow.int32()))})
    rest = corpus.table(pyarrow.list_(pyarrow.int32())).select(["tokens"]).slice(9)
    refused(in_pieces(pyarrow.concat_tables([large, rest]), 3), curricle.DatasetError, "sample 0, token 0: the token id is 70000")
    refused([1, 2], TypeError, "a ray.data.Dataset is expected")
    refused(in_pieces(table, 3), curricle.ConfigError, "`out`: an outline has no folder", out=None)
    refused(in_pieces(table, 3), curricle.ConfigError, "`blocks_per_task`: it is 0", blocks_per_task=0)
    refused(in_pieces(table, 3), curricle.ConfigError, "`tasks_in_flight`: it is 0", tasks_in_flight=0)


@pytest.mark.parametrize("config", [{"no-such-key": 1}, {"max-vocab": 10}], ids=["its configuration", "a token"])
def test_what_a_metric_refuses_is_told_as_on_this_machine(cluster: Cluster, corpus: Corpus, tmp_path: Path, config: dict[str, int]) -> None:
    with pytest.raises(curricle.CurricleError) as here:
        curricle.analyze(corpus.dataset, "vocab-rarity", out=tmp_path, config=config)
    with pytest.raises(type(here.value)) as there:
        curricle.ray.analyze(in_pieces(corpus.table(), 3), "vocab-rarity", dataset=corpus.outline, out=tmp_path, config=config, tasks_in_flight=1)
    assert str(there.value) == str(here.value)
    assert vars(there.value) == vars(here.value)
