"""A small corpus in Megatron's files, and run files over it."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

import curricle

N = 200


def lengths_of(n: int = N) -> np.ndarray:
    """Tokens of each document, 1 to 40."""
    return 1 + (np.arange(n) * 7919 + 13) % 40


def tokens_of(i: int) -> np.ndarray:
    """Tokens of document ``i``: its number, then counting on."""
    return ((i * 31 + np.arange(lengths_of()[i % N])) % 1000).astype(np.uint16)


def write_corpus(prefix: Path, n: int = N) -> Path:
    """Writes ``prefix.bin`` and ``prefix.idx`` as Megatron does: header, sizes, offsets, ends of documents."""
    lengths = lengths_of(n)
    with open(prefix.with_suffix(".bin"), "wb") as file:
        for i in range(n):
            file.write(tokens_of(i).tobytes())
    offsets = np.concatenate([[0], np.cumsum(lengths[:-1] * 2)]).astype(np.int64)
    with open(prefix.with_suffix(".idx"), "wb") as file:
        file.write(b"MMIDIDX\x00\x00" + struct.pack("<QBQQ", 1, 8, n, n + 1))
        file.write(lengths.astype(np.int32).tobytes() + offsets.tobytes() + np.arange(n + 1, dtype=np.int64).tobytes())
    return prefix


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the corpus and its lengths."""
    prefix = write_corpus(tmp_path / "corpus")
    curricle.analyze(prefix, "seqlen")
    return tmp_path


def run_file(folder: Path, batch: str = "", rest: str = "", policy: str = 'plugin = "uniform"', name: str = "run.toml") -> Path:
    """A run over the corpus with global batches of 16; ``batch`` and ``rest`` are more of the file."""
    path = folder / name
    path.write_text(f'seed = 7\n{rest}\n[dataset]\npath = "corpus"\n[batch]\nglobal-batch-size = 16\n{batch}\n[policy]\n{policy}\n')
    return path


def digests(loader: curricle.Loader, n: int) -> list[str]:
    """Digests of the next ``n`` batches."""
    batches = iter(loader)
    return [next(batches).digest for _ in range(n)]
