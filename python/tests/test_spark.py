"""Analysis on Spark makes the bytes of this machine."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("pyspark")

import pyarrow
import pyarrow.parquet
from corpus import METRICS, Corpus, files
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

import curricle
import curricle.spark


@pytest.fixture(scope="module")
def spark() -> Iterator[SparkSession]:
    """Spark with two workers on this machine."""
    os.environ["PYSPARK_PYTHON"] = sys.executable
    builder = SparkSession.builder.master("local[2]").appName("curricle").config("spark.ui.enabled", "false")
    builder = builder.config("spark.driver.memory", "1g").config("spark.sql.shuffle.partitions", "3")
    session = builder.config("spark.driver.bindAddress", "127.0.0.1").config("spark.driver.host", "127.0.0.1").getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    yield session
    session.stop()


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return Corpus(tmp_path_factory.mktemp("corpus"))


@pytest.fixture(scope="module")
def data(spark: SparkSession, corpus: Corpus, tmp_path_factory: pytest.TempPathFactory) -> DataFrame:
    """The corpus as Parquet of several files, which Spark reads in an order of its own."""
    folder = tmp_path_factory.mktemp("parquet")
    table = corpus.table(pyarrow.list_(pyarrow.int32()))
    for i, start in enumerate(range(0, len(table), 3000)):
        pyarrow.parquet.write_table(table.slice(start, 3000), folder / f"{i}.parquet")
    return spark.read.parquet(str(folder)).orderBy(F.hash("id")).cache()


@pytest.mark.parametrize("metric", METRICS)
def test_spark_makes_the_bytes_of_one_machine(data: DataFrame, corpus: Corpus, tmp_path: Path, metric: str) -> None:
    told: list[tuple[int, int, int, int, int]] = []
    done = curricle.spark.analyze(
        data,
        metric,
        dataset=corpus.outline,
        id_column="id",
        out=tmp_path,
        blocks_per_task=1,
        keep=metric == "vocab-rarity",
        progress=lambda *said: told.append(said),
    )
    assert files(tmp_path, metric) == corpus.local(metric)
    rounds = 2 if metric == "vocab-rarity" else 1
    assert done.made and done.tokens == rounds * len(corpus.tokens)
    assert told[-1] == (rounds - 1, rounds, len(corpus.lengths), len(corpus.lengths), done.tokens)
    again = curricle.spark.analyze(data, metric, dataset=corpus.outline, id_column="id", out=tmp_path)
    assert not again.made and again.path == done.path


def test_neither_partitions_nor_spans_nor_small_batches_decide(spark: SparkSession, data: DataFrame, corpus: Corpus, tmp_path: Path) -> None:
    spark.conf.set("spark.sql.execution.arrow.maxRecordsPerBatch", "777")
    renamed = data.select(F.col("id").cast("int").alias("sample.id"), F.col("tokens").cast("array<bigint>").alias("token ids"))
    curricle.spark.analyze(
        renamed, "vocab-rarity", dataset=corpus.dataset, id_column="sample.id", column="token ids", out=tmp_path, partitions=2, blocks_per_task=4
    )
    assert files(tmp_path, "vocab-rarity") == corpus.local("vocab-rarity")


def test_the_function_for_map_in_arrow_can_be_used_alone(data: DataFrame, corpus: Corpus, tmp_path: Path) -> None:
    one = data.select("id", "tokens").repartition(1).sortWithinPartitions("id")
    with curricle.spark.Collector("vocab-rarity", dataset=corpus.outline, out=tmp_path) as collector:
        while collector.done is None:
            findings = one.mapInArrow(curricle.spark.worker(collector.job(), 2, "id"), curricle.spark.FINDINGS)
            for found in curricle.spark.findings_of(findings):
                collector.add(found)
            collector.finish_round()
    assert files(tmp_path, "vocab-rarity") == corpus.local("vocab-rarity")


def test_what_a_metric_refuses_is_told_as_on_this_machine(data: DataFrame, corpus: Corpus, tmp_path: Path) -> None:
    config = {"max-vocab": 10}
    with pytest.raises(curricle.PluginError) as here:
        curricle.analyze(corpus.dataset, "vocab-rarity", out=tmp_path, config=config)
    with pytest.raises(type(here.value)) as there:
        curricle.spark.analyze(data, "vocab-rarity", dataset=corpus.outline, id_column="id", out=tmp_path, config=config, partitions=1)
    assert str(there.value) == str(here.value)
    assert vars(there.value) == vars(here.value)


def test_data_that_is_not_the_datasets_is_refused_with_what_is_wrong(spark: SparkSession, data: DataFrame, corpus: Corpus, tmp_path: Path) -> None:
    n = len(corpus.lengths)

    def refused(data: DataFrame, kind: type[Exception], match: str, metric: str = "seqlen", **options: object) -> None:
        options = {"dataset": corpus.outline, "id_column": "id", "out": tmp_path, **options}
        with pytest.raises(kind, match=match):
            curricle.spark.analyze(data, metric, **options)  # type: ignore[arg-type]
        assert not list(tmp_path.iterdir()), "nothing is left behind"

    refused(data, curricle.DataError, "no column `number`, it has `id`, `tokens`, `url`", id_column="number")
    refused(data, curricle.DataError, "column `url` is of type string, and tokens are lists of integers", column="url")
    refused(data.where("id != 77"), curricle.DataError, "sample 77 is missing")
    refused(data.where(f"id < {n - 3}"), curricle.DataError, f"the data ends before sample {n - 3}, and goes on to sample {n - 1}")
    each = corpus.outline.samples_per_block
    without = data.where(f"id < {each} or id >= {2 * each}")
    refused(without, curricle.ColumnError, f"samples {each} to {2 * each - 1} did not arrive", blocks_per_task=1)
    refused(data.union(data.where("id = 5")), curricle.DataError, "sample 5 is there twice")
    last = data.union(data.where(f"id = {each - 1}"))
    refused(last, curricle.DataError, f"sample {each - 1} is there twice", blocks_per_task=1, partitions=1)
    refused(data.withColumn("id", F.col("id") + 1), curricle.DataError, "sample 0 is missing", partitions=1)
    more = data.union(data.where("id = 5").withColumn("id", F.lit(n).cast("long")))
    refused(more, curricle.DataError, f"column `id`: {n} is no sample of the dataset, whose ids are 0 to {n - 1}", partitions=1)
    refused(data.withColumn("id", F.expr("if(id = 9, null, id)")), curricle.DataError, "column `id` is null in a row")
    refused(data.withColumn("id", F.col("id").cast("double")), curricle.DataError, "column `id` is of type double, and ids are whole numbers")
    null = data.withColumn("tokens", F.expr("if(id = 9, null, tokens)"))
    refused(null, curricle.DataError, "column `tokens` is null for sample 9")
    refused(null, curricle.DataError, "column `tokens` is null for sample 9", metric="vocab-rarity")
    hole = data.withColumn("tokens", F.expr("if(id = 9, transform(tokens, (t, i) -> if(i = 1, null, t)), tokens)"))
    refused(hole, curricle.DataError, "column `tokens`: token 1 of sample 9 is null", metric="vocab-rarity")
    large = data.withColumn("tokens", F.expr("if(id = 9, transform(tokens, t -> 70000), tokens)"))
    refused(large, curricle.DatasetError, "sample 9, token 0: the token id is 70000", metric="vocab-rarity")
    backwards = data.withColumn("id", F.lit(n - 1) - F.col("id"))
    refused(backwards, curricle.DatasetError, "have other lengths where the data is than in the dataset")
    refused(data, curricle.ConfigError, "`partitions`: it is 0", partitions=0)
