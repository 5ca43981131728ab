"""Analysis of a corpus that outgrows one machine, on a Ray cluster.

>>> import ray, curricle.ray
>>> data = ray.data.read_parquet("s3://bucket/corpus/")
>>> curricle.ray.analyze(data, "vocab-rarity", dataset=curricle.ray.Outline.load("corpus.outline.json"), out="columns")

Ray reads the data, with its own file systems, and holds it; the metric runs in Ray's tasks, on record batches where they lie in the object
store. The driver sees no token. docs/scaling.md says what crosses the network.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing
from typing import TYPE_CHECKING, Any

import ray
import ray.data

from ._analysis import Analysis
from ._dataset import Dataset
from ._engine import Collector, Found, Job, Outline, at_least_one, blocks_of_a_task, find
from .errors import DataError

if TYPE_CHECKING:
    import pyarrow

__all__ = ["Outline", "analyze"]

TASKS_A_CPU = 2
"""Tasks in flight for each processor, so that none waits for the driver."""


def analyze(
    data: ray.data.Dataset,
    metric: str | os.PathLike[str],
    *,
    dataset: Dataset | Outline | str | os.PathLike[str],
    column: str = "tokens",
    out: str | os.PathLike[str] | None = None,
    name: str | None = None,
    config: Mapping[str, Any] | None = None,
    limits: str = "compiled",
    force: bool = False,
    blocks_per_task: int | None = None,
    tasks_in_flight: int | None = None,
    ray_remote_args: Mapping[str, Any] | None = None,
    progress: Callable[[int, int, int, int, int], object] | None = None,
) -> Analysis:
    """Makes a column of a dataset, as :func:`curricle.analyze` does and to the same bytes, of data that Ray holds.

    The rows are the samples, in order: row ``i`` of ``data`` is sample ``i``. Each pass of the metric, and the measuring after them, goes over
    ``data`` once; data that was not materialized is read again each time, and is not kept.

    Args:
        data: Rows with a list of integers each.
        metric: Name of a built-in metric, or the path of a ``.wasm`` file here; Ray's machines need no file.
        dataset: The dataset as the trainer will open it, or its :class:`Outline`: to this the column belongs.
        column: Column of ``data`` that holds the tokens.
        out: Folder of the column; left out, ``dataset.columns_dir``. Has to be given with an outline.
        name: Name of the column; left out, that of the metric.
        config: Configuration of the metric.
        limits: ``"interpreted"`` for plugins that bring an interpreter, such as those in Python.
        force: Makes it though it is up to date.
        blocks_per_task: Blocks of about 2 MiB of tokens that a task goes over; left out, as many as keep all processors busy, at most 64.
        tasks_in_flight: Tasks at once; left out, twice as many as Ray has processors.
        ray_remote_args: Options of the tasks, such as ``num_cpus`` or ``resources``.
        progress: Called with passes done, passes in all, samples done, samples in all, and tokens gone through.

    Raises:
        PluginError: if the metric fails or refuses.
        DatasetError: if the data is not that of the dataset, or holds a token that the dataset cannot.
        DataError: if rows are too few or too many, or the column is missing, null or of another type.
        ColumnError: if something else is in the column's place.
    """
    if not isinstance(data, ray.data.Dataset):
        raise TypeError(f"`data` is a {type(data).__name__}, and a ray.data.Dataset is expected")
    if tasks_in_flight is not None:
        tasks_in_flight = at_least_one("tasks_in_flight", tasks_in_flight)
    with Collector(metric, dataset=dataset, column=column, out=out, name=name, config=config, limits=limits, force=force) as collector:
        if collector.done is not None:
            return collector.done
        data = _only(data, column)
        cpus = int(ray.cluster_resources().get("CPU", 1))  # type: ignore[no-untyped-call]
        size = blocks_of_a_task(collector.outline, cpus, blocks_per_task)
        task = ray.remote(**{"num_cpus": 1, **(ray_remote_args or {})})(_find)
        room = tasks_in_flight or TASKS_A_CPU * cpus
        while collector.done is None:
            job = ray.put(collector.job())
            # After an error the few that are in flight end by themselves: Ray may abort the process where it cancels a task that is just ending.
            flight: list[ray.ObjectRef[Found]] = []
            # Closed in any case, so that Ray stops reading.
            with closing(_spans(data, collector.outline, size)) as spans:
                for start, end, refs, slices in spans:
                    while len(flight) >= room:
                        _land(flight, collector, progress)
                    flight.append(task.remote(job, start, end, slices, *refs))
            while flight:
                _land(flight, collector, progress)
            collector.finish_round()
        return collector.done


def _land(flight: list[ray.ObjectRef[Found]], collector: Collector, progress: Callable[[int, int, int, int, int], object] | None) -> None:
    """Takes what the first task found that is ready; in order where several are, so that neighbours meet early."""
    [ready], _ = ray.wait(flight, num_returns=1)
    flight.remove(ready)
    collector.add(ray.get(ready))
    if progress is not None:
        progress(*collector.progress())


def _find(job: Job, start: int, end: int, slices: list[tuple[int, int]], *blocks: Any) -> Found:
    """The task: blocks of Ray and which rows of each are the samples of a span of ours."""

    def batches() -> Iterator[pyarrow.Table]:
        for block, (first, behind) in zip(blocks, slices, strict=True):
            table = ray.data.block.BlockAccessor.for_block(block).to_arrow()
            yield _plain(table.slice(first, behind - first), job.column)

    return find(job, start, end, batches())


def _plain(table: pyarrow.Table, column: str) -> pyarrow.Table:
    """The table with lists where Ray has tensors of one dimension, which is how it keeps arrays of numpy."""
    import pyarrow

    if column not in table.column_names:
        return table
    kind = table.schema.field(column).type
    if not isinstance(kind, pyarrow.BaseExtensionType):
        return table.select([column])
    storage = [chunk.storage for chunk in table.column(column).chunks]
    if pyarrow.types.is_struct(kind.storage_type) and kind.storage_type.get_field_index("data") >= 0:
        # Of different lengths: elements and shapes.
        dimensions = getattr(kind, "ndim", 1)
        storage = [chunk.field("data") for chunk in storage]
    else:
        dimensions = len(getattr(kind, "shape", (0,)))
    if dimensions != 1:
        raise DataError(f"column `{column}` holds tensors of {dimensions} dimensions, and tokens are of one; reshape them", code="data")
    field = storage[0].type if storage else kind.storage_type
    return pyarrow.table({column: pyarrow.chunked_array(storage, type=field)})


def _only(data: ray.data.Dataset, column: str) -> ray.data.Dataset:
    """The data without other columns, which then need not be read where the format allows it."""
    names = data.columns()
    if names is not None and column not in names:
        known = ", ".join(f"`{name}`" for name in names) or "none"
        raise DataError(f"the data has no column `{column}`, it has {known}; name the column that holds the tokens", code="data")
    return data.select_columns([column]) if names is not None and len(names) > 1 else data


def _spans(data: ray.data.Dataset, outline: Outline, size: int) -> Generator[tuple[int, int, list[ray.ObjectRef[Any]], list[tuple[int, int]]]]:
    """Spans of ``size`` blocks, as they come: first block, the one behind the last, blocks of Ray and the rows of each."""
    n_samples, n_blocks, each = len(outline), outline.n_blocks, outline.samples_per_block
    start, row = 0, 0
    refs: list[ray.ObjectRef[Any]] = []
    slices: list[tuple[int, int]] = []
    for ref, first, behind in _pieces(data):
        while first < behind:
            if row >= n_samples:
                problem = f"the data has more than {n_samples} rows, and the dataset {n_samples} samples"
                raise DataError(f"{problem}; give the data of the dataset, a row for each sample", code="data")
            end = min(start + size, n_blocks)
            n = min(behind - first, min(end * each, n_samples) - row)
            refs.append(ref)
            slices.append((first, first + n))
            first, row = first + n, row + n
            if row == min(end * each, n_samples):
                yield start, end, refs, slices
                start, refs, slices = end, [], []
    if row < n_samples:
        problem = f"the data has {row} rows, and the dataset {n_samples} samples"
        raise DataError(f"{problem}; give the data of the dataset, a row for each sample", code="data")


def _pieces(data: ray.data.Dataset) -> Iterator[tuple[ray.ObjectRef[Any], int, int]]:
    """References to Ray's blocks in order, with the rows of each that count; none of them comes here."""
    count = ray.remote(num_cpus=0)(_count)
    options = data.context.execution_options
    before, options.preserve_order = options.preserve_order, True
    try:
        for bundle in data.iter_internal_ref_bundles():
            slices = getattr(bundle, "slices", None) or [None] * len(bundle.blocks)
            for block, piece in zip(bundle.blocks, slices, strict=True):
                # Before Ray 2.50 a pair.
                ref, metadata = (block.ref, block.metadata) if hasattr(block, "ref") else block
                if piece is not None:
                    yield ref, piece.start_offset, piece.end_offset
                    continue
                rows = metadata.num_rows
                yield ref, 0, ray.get(count.remote(ref)) if rows is None else rows
    finally:
        options.preserve_order = before


def _count(block: Any) -> int:
    return ray.data.block.BlockAccessor.for_block(block).num_rows()
