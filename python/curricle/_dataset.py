"""Datasets: samples of tokens, read in place."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from . import _native
from ._whole import named, whole
from .errors import ColumnError

if TYPE_CHECKING:
    import pyarrow

__all__ = ["Dataset"]


class Dataset(Sequence[np.ndarray]):
    """Samples of tokens in a mapped file: Megatron's ``.bin``/``.idx``, Arrow, Parquet, numpy arrays and flat files; docs/formats.md lists all.

    A map-style dataset for torch too: with its ``__getitems__`` a batch is one call. It pickles as its path, and is opened where it is used:
    what was unpickled raises the errors below when it is first used.

    Args:
        path: File, folder or prefix.
        sequence_length: Samples are runs of so many tokens instead of documents.
        stride: Tokens from one sequence to the next, ``sequence_length`` if left out.
        token_type: How tokens are stored, such as ``"uint16"``, where the file does not say.
        column: Column of a table that holds the tokens.
        document_end: Token that ends documents, in a flat file.
        vocab_size: Number of token ids. Metrics and runs refuse larger ones where they come upon them; reading here does not look.

    Raises:
        DatasetError: if the files are damaged or do not fit how they are opened.
        IoError: if they cannot be read.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        sequence_length: int | None = None,
        stride: int | None = None,
        token_type: str | None = None,
        column: str | None = None,
        document_end: int | None = None,
        vocab_size: int | None = None,
    ) -> None:
        self._path = str(Path(os.fspath(path)).absolute())
        self._options: dict[str, Any] = {
            "sequence_length": None if sequence_length is None else named("sequence_length", sequence_length, 1, (1 << 32) - 1),
            "stride": None if stride is None else named("stride", stride, 1, (1 << 32) - 1),
            "token_type": token_type,
            "column": column,
            "document_end": None if document_end is None else named("document_end", document_end, 0),
            "vocab_size": None if vocab_size is None else named("vocab_size", vocab_size, 0),
        }
        # None in what was unpickled, until it is used.
        self._opened: _native.Dataset | None = None
        self._open()

    def _open(self) -> _native.Dataset:
        if self._opened is None:
            self._opened = _native.Dataset(self._path, **self._options)
        return self._opened

    def __len__(self) -> int:
        """Number of samples."""
        return len(self._open())

    def __getitem__(self, index: int) -> np.ndarray:  # type: ignore[override]
        """Tokens of a sample: one dimension, of the dataset's type, a view of the file that cannot be written to."""
        return self._open()[index]

    def __getitems__(self, indices: Sequence[int]) -> list[np.ndarray]:
        """Tokens of several samples, in one call."""
        return self._open().__getitems__(indices)

    def __iter__(self) -> Iterator[np.ndarray]:
        opened = self._open()
        return (opened[i] for i in range(len(opened)))

    def lengths(self, ids: Sequence[int] | None = None) -> np.ndarray:
        """Tokens of each sample, uint32: of these, or of all. Negative ids count from the end, as in ``dataset[-1]``."""
        opened = self._open()
        return opened.lengths(None if ids is None else [_id(index, len(opened)) for index in ids])

    @property
    def path(self) -> Path:
        """The file that was opened."""
        return self._open().path

    @property
    def n_tokens(self) -> int:
        """Tokens of all samples."""
        return self._open().n_tokens

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the tokens."""
        return np.dtype(self._open().token_type)

    @property
    def vocab_size(self) -> int | None:
        """Number of token ids, where it is known."""
        return self._open().vocab_size

    @property
    def fingerprint(self) -> str:
        """Identity of content and view, 32 hexadecimal digits."""
        return self._open().fingerprint

    @property
    def columns_dir(self) -> Path:
        """Folder in which ``analyze`` puts columns and runs look for them."""
        return self._open().columns_dir

    @property
    def columns(self) -> dict[str, Path]:
        """Names and files of the columns beside the dataset that belong to its view and can be read."""
        return self._open().columns()

    def column(self, name: str) -> pyarrow.Array:
        """The values of a column, one for each sample, mapped and not copied; categories as a dictionary array. Takes pyarrow.

        Raises:
            ColumnError: if there is none of this name, or it is damaged or was made of another dataset or view.
        """
        path = self._open().column(name)
        if path is None:
            known = ", ".join(f"`{other}`" for other in self.columns) or "none"
            raise ColumnError(f"column `{name}`: there is no such column, there are: {known}; make it with `analyze`", code="column")
        return read_column(path)

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self._path, "options": self._options}

    def __setstate__(self, state: dict[str, Any]) -> None:
        # Nothing is opened before it is used: the object may still be on its way.
        self._path, self._options, self._opened = state["path"], state["options"], None

    def __repr__(self) -> str:
        if self._opened is None:
            return f"Dataset({self._path!r})"
        return f"Dataset({self._path!r}, {len(self)} samples, {self.n_tokens} tokens of {self.dtype})"


def _id(index: int, n: int) -> int:
    """The sample that an index means, of so many."""
    number = whole(index)
    if number is None:
        raise TypeError(f"`ids` holds {index!r}; ids are whole numbers")
    if not -n <= number < n:
        raise IndexError(f"there is no sample {index}: the dataset has {n}")
    return number % n


def read_column(path: Path) -> pyarrow.Array:
    """The values of a column's file as an array over its mapping."""
    import pyarrow
    import pyarrow.ipc

    table = pyarrow.ipc.open_file(pyarrow.memory_map(str(path))).read_all()
    # The first column holds the values; the second their order.
    values = table.column(0)
    return values.chunk(0) if values.num_chunks == 1 else values.combine_chunks()
