"""The table "In a Python trainer" of docs/benchmarks.md: the same batches from the same files by this loader and by others, in one run.

Every loader makes int64 tensors of 64 rows of 2 048 tokens out of documents of Megatron's files, shuffled, filled up with a pad token; ours by one
native pass, others as their documentation has it. Medians of rounds that take turns, each after a pause in which what others read ahead comes to an
end. Files are in the page cache, and each loader has gone over all of them once.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import json
import os
import statistics
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

ROWS, COLUMNS, PAD = 64, 2048, 0
ROUNDS = 5
DOCUMENTS = 200_000
# Seconds in which threads and processes that read ahead have filled their buffers.
PAUSE = 0.5


def write_documents(prefix: Path, n: int, shortest: int, longest: int) -> Path:
    """``n`` documents of four bytes a token, whose number is the same in the files of Megatron and of DeepSpeed; made once."""
    if not prefix.with_suffix(".idx").exists():
        random = np.random.default_rng(7)
        lengths = random.integers(shortest, longest + 1, n, dtype=np.int32)
        with open(prefix.with_suffix(".bin"), "wb") as file:
            for part in np.array_split(lengths, max(n // 100_000, 1)):
                file.write(random.integers(0, 50_000, int(part.sum()), dtype=np.int32).tobytes())
        offsets = np.concatenate([[0], np.cumsum(lengths[:-1].astype(np.int64) * 4)])
        with open(prefix.with_suffix(".tmp"), "wb") as file:
            file.write(b"MMIDIDX\x00\x00" + struct.pack("<QBQQ", 1, 4, n, n + 1))
            file.write(lengths.tobytes() + offsets.tobytes() + np.arange(n + 1, dtype=np.int64).tobytes())
        prefix.with_suffix(".tmp").rename(prefix.with_suffix(".idx"))
    return prefix


def curricle_batches(prefix: Path, rows: int = ROWS) -> Iterator[object]:
    import torch

    import curricle

    run = prefix.parent / f"{prefix.name}.toml"
    run.write_text(
        f'seed = 7\nprefetch = 4\n[dataset]\npath = "{prefix.name}"\n[batch]\nglobal-batch-size = {rows}\nlayout = "padded"\npad-to = {COLUMNS}\n'
        f'pad-token = {PAD}\n[policy]\nplugin = "uniform"\n'
    )
    return (batch.torch(dtype=torch.int64) for batch in curricle.Loader(run))


def torch_batches(prefix: Path, workers: int) -> Iterator[object]:
    import torch
    from deepspeed.runtime.data_pipeline.data_sampling.indexed_dataset import MMapIndexedDataset

    class Documents(torch.utils.data.Dataset):
        def __init__(self) -> None:
            self.documents = MMapIndexedDataset(str(prefix), skip_warmup=True)

        def __len__(self) -> int:
            return len(self.documents)

        def __getitem__(self, i: int) -> torch.Tensor:
            return torch.from_numpy(self.documents[i].astype(np.int64))

    def collate(documents: list[torch.Tensor]) -> torch.Tensor:
        batch = torch.full((len(documents), COLUMNS), PAD, dtype=torch.int64)
        for row, document in zip(batch, documents):
            row[: len(document)] = document
        return batch

    loader = torch.utils.data.DataLoader(
        Documents(), batch_size=ROWS, shuffle=True, num_workers=workers, collate_fn=collate, drop_last=True, persistent_workers=workers > 0
    )
    return (batch for _ in iter(int, 1) for batch in loader)


def grain_batches(prefix: Path, threads: int) -> Iterator[object]:
    import grain
    import torch
    from deepspeed.runtime.data_pipeline.data_sampling.indexed_dataset import MMapIndexedDataset

    def padded(document: np.ndarray) -> np.ndarray:
        row = np.full(COLUMNS, PAD, np.int64)
        row[: len(document)] = document
        return row

    source = MMapIndexedDataset(str(prefix), skip_warmup=True)
    dataset = grain.MapDataset.source(source).seed(7).shuffle().map(padded).batch(ROWS, drop_remainder=True).repeat()
    options = grain.ReadOptions(num_threads=threads, prefetch_buffer_size=32 if threads else 0)
    return (torch.from_numpy(batch) for batch in dataset.to_iter_dataset(options))


LOADERS: dict[str, Callable[[Path], Iterator[object]]] = {
    "curricle": curricle_batches,
    "DataLoader, 0 workers": lambda prefix: torch_batches(prefix, 0),
    "DataLoader, 2 workers": lambda prefix: torch_batches(prefix, 2),
    "Grain, no threads": lambda prefix: grain_batches(prefix, 0),
    "Grain, 16 threads": lambda prefix: grain_batches(prefix, 16),
}


def row(work: str, measured: str, target: str, met: bool) -> None:
    print(f"| {work} | {measured} | {target} | {'met' if met else 'missed'} |", flush=True)


def rates(folder: Path) -> None:
    """Padded batches a second."""
    prefix = write_documents(folder / f"peers-{DOCUMENTS}", DOCUMENTS, 64, COLUMNS)
    # Some of them talk while they open files.
    with contextlib.redirect_stdout(sys.stderr):
        running = {name: make(prefix) for name, make in LOADERS.items()}
        for batches in running.values():
            for _ in range(DOCUMENTS // ROWS):
                next(batches)
    times: dict[str, list[float]] = {name: [] for name in running}
    for _ in range(ROUNDS):
        for name, batches in running.items():
            time.sleep(PAUSE)
            n = 400 if name == "curricle" else 60
            begun = time.perf_counter()
            for _ in range(n):
                next(batches)
            times[name].append((time.perf_counter() - begun) / n)
    own = statistics.median(times["curricle"])
    for name, of in times.items():
        if name != "curricle":
            other = statistics.median(of)
            row(
                f"padded batches of {ROWS} × {COLUMNS}, int64, against {name}",
                f"{other / own:.1f} × ({own * 1e6:.0f} µs against {other * 1e6:.0f} µs)",
                "≥ 5 ×",
                other >= 5 * own,
            )


def first(folder: Path) -> None:
    """Time from nothing open to the first batch, each in a process of its own."""
    n = 10_000_000
    write_documents(folder / f"peers-{n}", n, 4, 12)
    times: dict[str, list[float]] = {name: [] for name in LOADERS}
    for _ in range(ROUNDS):
        for name in LOADERS:
            child = subprocess.run([sys.executable, __file__, "--folder", folder, "--first", name], capture_output=True, text=True, check=True)
            times[name].append(json.loads(child.stdout.splitlines()[-1]))
    own = statistics.median(times["curricle"])
    for name, of in times.items():
        if name != "curricle":
            other = statistics.median(of)
            row(f"first batch, N = 10⁷ documents, against {name}", f"{own * 1e3:.1f} ms against {other * 1e3:.1f} ms", "less", own < other)


def one_first(folder: Path, name: str) -> None:
    """Prints the seconds of one loader; libraries are imported before."""
    import deepspeed.runtime.data_pipeline.data_sampling.indexed_dataset  # noqa: F401
    import grain  # noqa: F401
    import torch  # noqa: F401

    import curricle.torch  # noqa: F401

    # Threads of libraries that were imported spin for a while.
    time.sleep(PAUSE)
    begun = time.perf_counter()
    next(LOADERS[name](folder / "peers-10000000"))
    print(time.perf_counter() - begun, flush=True)
    os._exit(0)


def small(folder: Path) -> None:
    """State, what Python adds to a batch, and memory over many batches."""
    import curricle

    prefix = write_documents(folder / f"peers-{DOCUMENTS}", DOCUMENTS, 64, COLUMNS)
    run = folder / "small.toml"
    run.write_text(
        f'seed = 7\nprefetch = 8\n[dataset]\npath = "{prefix.name}"\n[batch]\nglobal-batch-size = 4\nlayout = "padded"\npad-to = {COLUMNS}\n'
        '[policy]\nplugin = "uniform"\n'
    )
    loader = curricle.Loader(run)
    batches = iter(loader)
    next(batches)

    def timed(work: Callable[[], object], pause: float = 0.0, n: int = 2000) -> float:
        times = []
        for _ in range(n):
            if pause:
                time.sleep(pause)
            begun = time.perf_counter_ns()
            work()
            times.append(time.perf_counter_ns() - begun)
        return statistics.median(times) / 1e3

    state = timed(loader.state_dict)
    row("`state_dict()`", f"{state:.1f} µs", "≤ 50 µs", state <= 50)

    def take() -> None:
        batch = next(batches)
        batch.tokens, batch.ids, batch.lengths  # noqa: B018

    # The consumer is slower than the thread ahead, so that a batch is ready and what is left is the way through Python.
    overhead = timed(take, pause=0.001, n=1000)
    row("`next` and three arrays, with the batch ready", f"{overhead:.1f} µs", "≤ 20 µs", overhead <= 20)

    def resident() -> int:
        gc.collect()
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) - int(open("/proc/self/statm").read().split()[2])

    page = os.sysconf("SC_PAGE_SIZE")
    for _ in range(10_000):
        next(batches)
    before = resident()
    for _ in range(90_000):
        next(batches)
    grown = (resident() - before) * page
    row("anonymous memory of the process from 10⁴ to 10⁵ batches", f"{grown / 1e6:+.1f} MB", "flat: ≤ 1 MB", grown <= 1_000_000)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--first")
    parser.add_argument("filter", nargs="?", default="")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    if given.first:
        one_first(given.folder, given.first)
    print("| work | measured | target | |\n| --- | --- | --- | --- |", flush=True)
    # Last, since a plugin that was installed within a minute is read and hashed.
    for bench in (rates, small, first):
        if given.filter in bench.__name__:
            bench(given.folder)


if __name__ == "__main__":
    main()
