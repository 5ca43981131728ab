"""Columns by metrics, and datasets by the command."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import _command, _native
from ._dataset import Dataset, read_column
from ._whole import named
from .errors import ColumnError

if TYPE_CHECKING:
    import pyarrow

__all__ = ["Analysis", "analyze", "import_"]


@dataclass(frozen=True)
class Analysis:
    """What an analysis came to."""

    path: Path | None
    """The column's file, or that of a part; None if the metric has totals alone."""
    made: bool
    """Whether it was made; if not, it was there and up to date."""
    continued: bool
    """Whether it went on where an earlier run was interrupted."""
    tokens: int
    """Tokens gone through, over all passes of this run."""

    def values(self) -> pyarrow.Array:
        """The column's values, one for each sample, mapped and not copied. Takes pyarrow."""
        if self.path is None or self.path.suffix != ".arrow":
            raise ColumnError("column: the analysis made none; merge the parts, or read the totals", code="column")
        return read_column(self.path)


def analyze(
    dataset: Dataset | str | os.PathLike[str],
    metric: str | os.PathLike[str],
    *,
    name: str | None = None,
    config: Mapping[str, Any] | None = None,
    out: str | os.PathLike[str] | None = None,
    limits: str = "compiled",
    threads: int = 0,
    part: str | None = None,
    force: bool = False,
    progress: Callable[[int, int, int, int, int], object] | None = None,
) -> Analysis:
    """Makes a column of a dataset: one value for each sample, by a metric plugin. The same bytes for any number of threads.

    What is there and up to date is left as it is. Ctrl-C stops it within a tenth of a second, and calling it again goes on there.

    Args:
        dataset: A :class:`Dataset`, or the path of one.
        metric: Name of a built-in metric, or the path of a ``.wasm`` file.
        name: Name of the column; left out, that of the metric.
        config: Configuration of the metric.
        out: Folder of the column instead of ``dataset.columns_dir``.
        limits: ``"interpreted"`` for plugins that bring an interpreter, such as those in Python.
        threads: Threads; 0 for as many as there are cores.
        part: Only a part, such as ``"1/4"``, for ``curricle merge``.
        force: Makes it though it is up to date.
        progress: Called a few times a second with passes done, passes in all, samples done, samples in all, and tokens gone through.

    Raises:
        PluginError: if the metric fails or refuses.
        DatasetError: if a sample is damaged.
        ColumnError: if something else is in its place.
    """
    threads = named("threads", threads, 0)
    opened = dataset if isinstance(dataset, Dataset) else Dataset(dataset)
    metric = os.fspath(metric)
    folder = opened.columns_dir if out is None else Path(out)
    target = folder.absolute() / f"{name or Path(metric).stem}.arrow"
    found = _native.analyze(opened._open(), metric, json.dumps(dict(config or {})), str(target), limits, threads, part, force, progress)
    path = found["path"]
    return Analysis(None if path is None else Path(path), found["made"], found["continued"], found["tokens"])


def import_(
    source: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    options: Sequence[str] = (),
) -> Dataset:
    """Makes a dataset of texts: a folder, ``.jsonl``, ``.parquet``. The command does it; ``curricle import --help`` lists its options.

    Args:
        source: What to read, a file or a folder.
        out: The dataset to make.
        options: Options of the command, such as ``["--tokenizer", "tokenizer.json"]``.

    Raises:
        CurricleError: in the command's words.
    """
    if isinstance(options, str):
        raise TypeError("`options` is a text; give a list of them")
    _command.run(["import", os.fspath(source), "--out", os.fspath(out), *options])
    return Dataset(out)
