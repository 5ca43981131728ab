"""Analysis of a corpus that outgrows one machine, on Spark.

>>> import curricle.spark
>>> data = spark.read.parquet("s3a://bucket/corpus/")
>>> curricle.spark.analyze(data, "vocab-rarity", dataset=curricle.spark.Outline.load("corpus.outline.json"), id_column="id", out="columns")

Spark reads the data and brings the samples of a block together; the metric runs in ``mapInArrow``, on record batches. The driver sees no token.

A DataFrame has no order. So each row has to say which sample it is, in a column of ids from 0 to the number of samples, exclusive.
``monotonically_increasing_id`` gives none: its numbers have gaps, and follow partitions, which Spark packs as it likes. Who writes the corpus
writes its ids; ``rdd.zipWithIndex`` gives positions of the order in which Spark sees the rows, and costs a job.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow
from pyspark import StorageLevel
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, IntegralType

from ._analysis import Analysis
from ._dataset import Dataset
from ._engine import Collector, Found, Job, Outline, SpanWorker, at_least_one, blocks_of_a_task, failed
from .errors import CurricleError, DataError

__all__ = ["FINDINGS", "Collector", "Outline", "analyze", "findings_of", "worker"]

FINDINGS = "start long, finding binary, tokens long, failure string"
"""Schema of what :func:`worker` gives."""
_CHOSEN = ["curricle id", "curricle tokens"]
_SCHEMA = pyarrow.schema([("start", pyarrow.int64()), ("finding", pyarrow.binary()), ("tokens", pyarrow.int64()), ("failure", pyarrow.string())])


def analyze(
    data: DataFrame,
    metric: str | os.PathLike[str],
    *,
    dataset: Dataset | Outline | str | os.PathLike[str],
    id_column: str,
    column: str = "tokens",
    out: str | os.PathLike[str] | None = None,
    name: str | None = None,
    config: Mapping[str, Any] | None = None,
    limits: str = "compiled",
    force: bool = False,
    blocks_per_task: int | None = None,
    partitions: int | None = None,
    keep: bool = False,
    progress: Callable[[int, int, int, int, int], object] | None = None,
) -> Analysis:
    """Makes a column of a dataset, as :func:`curricle.analyze` does and to the same bytes, of data that Spark holds.

    Each pass of the metric, and the measuring after them, goes over ``data`` once, and shuffles it so that the samples of a block meet; of a
    metric that reads no tokens, their lengths alone.

    Args:
        data: Rows with an id and a list of integers each, in any order.
        metric: Name of a built-in metric, or the path of a ``.wasm`` file here; Spark's machines need no file.
        dataset: The dataset as the trainer will open it, or its :class:`Outline`: to this the column belongs.
        id_column: Column of ``data`` that says which sample a row is, from 0.
        column: Column of ``data`` that holds the tokens.
        out: Folder of the column; left out, ``dataset.columns_dir``. Has to be given with an outline.
        name: Name of the column; left out, that of the metric.
        config: Configuration of the metric.
        limits: ``"interpreted"`` for plugins that bring an interpreter, such as those in Python.
        force: Makes it though it is up to date.
        blocks_per_task: Blocks of about 2 MiB of tokens that are brought together; left out, as many as keep all partitions busy, at most 64.
        partitions: Partitions of the shuffle; left out, ``spark.sql.shuffle.partitions``, if there are as many spans of blocks.
        keep: Keeps the shuffled data on the executors' disks from one pass to the next instead of shuffling it again.
        progress: Called after each partition with passes done, passes in all, samples done, samples in all, and tokens gone through.

    Raises:
        PluginError: if the metric fails or refuses.
        DatasetError: if the data is not that of the dataset, or holds a token that the dataset cannot.
        DataError: if an id is missing, there twice or no sample's, or a column is missing, null or of another type.
        ColumnError: if something else is in the column's place; or if ids at the end are missing.
    """
    if partitions is not None:
        partitions = at_least_one("partitions", partitions)
    for wanted in (id_column, column):
        if wanted not in data.columns:
            known = ", ".join(f"`{other}`" for other in data.columns) or "none"
            raise DataError(f"the data has no column `{wanted}`, it has {known}; name the one that is meant", code="data")
    kind = data.schema[column].dataType
    if not isinstance(kind, ArrayType) or not isinstance(kind.elementType, IntegralType):
        problem = f"column `{column}` is of type {kind.simpleString()}, and tokens are lists of integers"
        raise DataError(f"{problem}; name the column that holds the tokens, or make lists of integers of it", code="data")
    with Collector(metric, dataset=dataset, column=column, out=out, name=name, config=config, limits=limits, force=force) as collector:
        if collector.done is not None:
            return collector.done
        wanted_partitions = partitions or int(data.sparkSession.conf.get("spark.sql.shuffle.partitions") or 1)
        size = blocks_of_a_task(collector.outline, wanted_partitions, blocks_per_task)
        spans = -(-collector.outline.n_blocks // size)
        lengths = not collector.reads_tokens
        sorted_data = in_order(data, collector.outline, size, min(wanted_partitions, spans), id_column, column, lengths)
        if keep:
            sorted_data = sorted_data.persist(StorageLevel.DISK_ONLY)
        try:
            while collector.done is None:
                for found in findings_of(sorted_data.mapInArrow(worker(collector.job(lengths), size, id_column), FINDINGS)):
                    collector.add(found)
                    if progress is not None:
                        progress(*collector.progress())
                collector.finish_round()
            return collector.done
        finally:
            if keep:
                sorted_data.unpersist()


def in_order(data: DataFrame, outline: Outline, size: int, partitions: int, id_column: str, column: str, lengths: bool) -> DataFrame:
    """The ids and tokens, or numbers of tokens, with the samples of ``size`` blocks together and in order."""
    ids, tokens = (F.col("`" + wanted.replace("`", "``") + "`") for wanted in (id_column, column))
    # What is no sample is left for the worker to tell.
    span = F.floor(F.coalesce(ids, F.lit(0)) / F.lit(size * outline.samples_per_block))
    # What is not read need not be shuffled.
    chosen = data.select(ids.alias(_CHOSEN[0]), (F.array_size(tokens) if lengths else tokens).alias(_CHOSEN[1]), span.alias("span"))
    return chosen.repartition(partitions, "span").sortWithinPartitions(_CHOSEN[0]).drop("span")


def worker(job: Job, size: int, id_column: str) -> Callable[[Iterator[pyarrow.RecordBatch]], Iterator[pyarrow.RecordBatch]]:
    """The function for ``mapInArrow``: takes samples in order of their ids, of which those of ``size`` blocks come together, and gives findings.

    For who brings the data in order otherwise than :func:`analyze` does.
    """

    def work(batches: Iterator[pyarrow.RecordBatch]) -> Iterator[pyarrow.RecordBatch]:
        # Spark takes no column for `mapInArrow` whose name has a dot, and messages shall call them as they are called.
        names = [id_column, job.column]
        named = (batch.rename_columns(names) if batch.schema.names == _CHOSEN else batch for batch in batches)
        for found in _find(job, size, id_column, named):
            values = ([found.start], [found.finding], [found.tokens], [found.failure])
            arrays = [pyarrow.array(value, field.type) for value, field in zip(values, _SCHEMA, strict=True)]
            yield pyarrow.RecordBatch.from_arrays(arrays, schema=_SCHEMA)

    return work


def findings_of(findings: DataFrame) -> Iterator[Found]:
    """The findings, a partition after the other, so that the driver need not hold them all."""
    # Without this a local iterator would run one partition at a time.
    kept = findings.persist(StorageLevel.MEMORY_AND_DISK)
    try:
        kept.count()
        for row in kept.toLocalIterator():
            yield Found(row["start"], None if row["finding"] is None else bytes(row["finding"]), row["tokens"], row["failure"])
    finally:
        kept.unpersist()


def _find(job: Job, size: int, id_column: str, batches: Iterator[pyarrow.RecordBatch]) -> Iterator[Found]:
    start = 0
    try:
        worker: SpanWorker | None = None
        # The sample behind the span under way, none if none is; and the last sample that came.
        behind, last = None, -1
        for batch in batches:
            worker = worker or SpanWorker(job)
            ids, at = _ids(batch, id_column, worker.n_samples), 0
            while at < len(ids):
                if behind is None:
                    if ids[at] <= last:
                        raise _twice(ids[at])
                    start = worker.block_of(int(ids[at])) // size * size
                    behind = worker.first_sample(start + size)
                    worker.begin(start, worker.block_of(behind - 1) + 1)
                due = worker.next
                run = ids[at : at + behind - due]
                _check(run, due)
                worker.feed(batch.slice(at, len(run)), due)
                at, last = at + len(run), due + len(run) - 1
                if last == behind - 1:
                    yield worker.finish()
                    behind = None
        if worker is not None:
            if behind is not None:
                yield worker.finish()
            worker.keep()
    except CurricleError as error:
        yield failed(start, error)


def _ids(batch: pyarrow.RecordBatch, name: str, n_samples: int) -> np.ndarray:
    """The ids of a batch, which are samples."""
    column = batch.column(batch.schema.get_field_index(name))
    if not pyarrow.types.is_integer(column.type):
        raise DataError(f"column `{name}` is of type {column.type}, and ids are whole numbers; name the column of ids", code="data")
    if column.null_count:
        raise DataError(f"column `{name}` is null in a row; say of each row which sample it is", code="data")
    ids: np.ndarray = column.to_numpy(zero_copy_only=False)
    for wrong in ids[(ids < 0) | (ids >= n_samples)][:1]:
        there = f"{wrong} is no sample of the dataset, whose ids are 0 to {n_samples - 1}"
        raise DataError(f"column `{name}`: {there}; number the rows by their samples", code="data")
    return ids.astype(np.int64, copy=False)


def _twice(sample: int) -> DataError:
    return DataError(f"sample {sample} is there twice; give each id once", code="data")


def _check(run: np.ndarray, due: int) -> None:
    """Whether ids count on from ``due``."""
    for at in np.flatnonzero(run != np.arange(due, due + len(run)))[:1]:
        if run[at] < due + at:
            raise _twice(run[at])
        raise DataError(f"sample {due + at} is missing; give each id once", code="data")
