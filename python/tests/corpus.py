"""A corpus of several blocks, in Megatron's files and as a table with a row for each document."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pyarrow

import curricle
from curricle._engine import Outline

METRICS = ("seqlen", "vocab-rarity", "vocab-frequency")
"""One without a pass, one with, and one that has totals alone."""


class Corpus:
    """``n`` documents of 0 to 600 tokens, 6 million in all for 20 000: six blocks."""

    def __init__(self, folder: Path, n: int = 20_000) -> None:
        random = np.random.default_rng(7)
        self.lengths = random.integers(0, 601, n)
        # Rare tokens are rarer than frequent ones.
        self.tokens = np.minimum(random.zipf(1.3, int(self.lengths.sum())) - 1, 999).astype(np.uint16)
        self.prefix = folder / "corpus"
        self.folder = folder
        folder.mkdir(exist_ok=True)
        self.tokens.tofile(self.prefix.with_suffix(".bin"))
        offsets = np.concatenate([[0], np.cumsum(self.lengths[:-1] * 2)]).astype(np.int64)
        with open(self.prefix.with_suffix(".idx"), "wb") as file:
            file.write(b"MMIDIDX\x00\x00" + struct.pack("<QBQQ", 1, 8, n, n + 1))
            file.write(self.lengths.astype(np.int32).tobytes() + offsets.tobytes() + np.arange(n + 1, dtype=np.int64).tobytes())
        self.dataset = curricle.Dataset(self.prefix, vocab_size=1000)
        self.outline = Outline.of(self.dataset)
        assert self.outline.n_blocks >= 5
        for metric in METRICS:
            curricle.analyze(self.dataset, metric)

    def table(self, kind: pyarrow.DataType | None = None) -> pyarrow.Table:
        """Ids, tokens, and something that nobody asks for."""
        kind = kind or pyarrow.list_(pyarrow.uint16())
        offsets = np.concatenate([[0], np.cumsum(self.lengths)]).astype(np.int64 if pyarrow.types.is_large_list(kind) else np.int32)
        make = pyarrow.LargeListArray if pyarrow.types.is_large_list(kind) else pyarrow.ListArray
        tokens = make.from_arrays(offsets, pyarrow.array(self.tokens).cast(kind.value_type))
        ids = pyarrow.array(np.arange(len(self.lengths)))
        return pyarrow.table({"id": ids, "tokens": tokens, "url": pyarrow.array([f"u{i}" for i in range(len(ids))])})

    def local(self, metric: str) -> dict[str, bytes]:
        """The files of a metric, made on this machine by ``curricle.analyze``."""
        return files(self.dataset.columns_dir, metric)


def files(folder: Path, metric: str) -> dict[str, bytes]:
    """The files of a metric: its column, its totals, or both."""
    found = {path.name: path.read_bytes() for path in folder.iterdir() if path.name in (f"{metric}.arrow", f"{metric}.totals.arrow")}
    assert found
    return found
