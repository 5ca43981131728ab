"""The figures of docs/scaling.md, on this machine: what a worker does in a second, what it sends, and what the driver does in a second.

Run it with the package installed: ``python python/benches/engine.py``; ``--ray`` and ``--spark`` measure whole analyses there, too.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow

import curricle
from curricle import _engine

TOKENS = 1 << 27
VOCABULARY = 50_000
LONGEST = 2048
REPEATS = 5


def corpus(folder: Path) -> tuple[curricle.Dataset, np.ndarray, np.ndarray]:
    """Documents of 1 to 2 048 tokens of 16 bits: as Megatron's files, and as arrays."""
    random = np.random.default_rng(1)
    lengths = random.integers(1, LONGEST + 1, 2 * TOKENS // LONGEST)
    tokens = np.minimum(random.zipf(1.2, int(lengths.sum())) - 1, VOCABULARY - 1).astype(np.uint16)
    tokens.tofile(folder / "corpus.bin")
    offsets = np.concatenate([[0], np.cumsum(lengths[:-1] * 2)]).astype(np.int64)
    n = len(lengths)
    with open(folder / "corpus.idx", "wb") as file:
        file.write(b"MMIDIDX\x00\x00" + (1).to_bytes(8, "little") + bytes([8]) + n.to_bytes(8, "little") + (n + 1).to_bytes(8, "little"))
        file.write(lengths.astype(np.int32).tobytes() + offsets.tobytes() + np.arange(n + 1, dtype=np.int64).tobytes())
    return curricle.Dataset(folder / "corpus", vocab_size=VOCABULARY), lengths, tokens


def table(lengths: np.ndarray, tokens: np.ndarray, kind: pyarrow.DataType) -> pyarrow.Table:
    offsets = pyarrow.array(np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32))
    lists = pyarrow.ListArray.from_arrays(offsets, pyarrow.array(tokens).cast(kind))
    return pyarrow.table({"id": pyarrow.array(np.arange(len(lengths))), "tokens": lists})


def best(work: Callable[[], object], clock: Callable[[], float] = time.process_time) -> float:
    """Seconds of the fastest of several runs: of this process's processor, which other processes do not count in, unless another clock is given."""
    times = []
    for _ in range(REPEATS):
        begun = clock()
        work()
        times.append(clock() - begun)
    return min(times)


def jobs(metric: str, outline: _engine.Outline, data: pyarrow.Table, folder: Path) -> Iterator[tuple[str, _engine.Job]]:
    """The job of each round, by its name."""
    with _engine.Collector(metric, dataset=outline, out=tempfile.mkdtemp(dir=folder)) as collector:
        while collector.done is None:
            done, rounds, *_ = collector.progress()
            measures = done == rounds - 1 and metric != "vocab-frequency"
            job = collector.job()
            yield (f"{metric}, values" if measures else f"{metric}, pass {done + 1}"), job
            collector.add(_engine.find(job, 0, outline.n_blocks, [data]))
            collector.finish_round()


def spans_of(job: _engine.Job, outline: _engine.Outline, data: pyarrow.Table, size: int) -> list[_engine.Found]:
    """What is found in spans of ``size`` blocks."""
    each = outline.samples_per_block
    starts = range(0, outline.n_blocks, size)
    return [_engine.find(job, s, min(s + size, outline.n_blocks), [data.slice(s * each, size * each)]) for s in starts]


def workers(outline: _engine.Outline, lengths: np.ndarray, tokens: np.ndarray, folder: Path) -> None:
    print("| one worker | tokens/s | bytes sent for a block, tasks of 1 block | of 16 blocks |")
    print("| --- | --- | --- | --- |")
    kinds = [pyarrow.uint16(), pyarrow.int32(), pyarrow.int64()]
    for metric in ("seqlen", "vocab-rarity"):
        data = table(lengths, tokens, kinds[0])
        for name, job in jobs(metric, outline, data, folder):
            sent = {size: sum(len(found.finding or b"") for found in spans_of(job, outline, data, size)) for size in (1, 16)}
            for kind in kinds:
                typed = table(lengths, tokens, kind)
                seconds = best(partial(_engine.find, job, 0, outline.n_blocks, [typed]))
                first, second = (f"{sent[size] / outline.n_blocks:,.0f}" if kind is kinds[0] else "" for size in (1, 16))
                print(f"| {name}, {kind} | {len(tokens) / seconds / 1e6:,.0f} M | {first} | {second} |", flush=True)


def driver(outline: _engine.Outline, lengths: np.ndarray, tokens: np.ndarray, folder: Path) -> None:
    print("\n| the driver takes | findings/s | tokens/s that they stand for |")
    print("| --- | --- | --- |")
    data = table(lengths, tokens, pyarrow.uint16())
    for metric in ("seqlen", "vocab-rarity"):
        whole: list[_engine.Found] = []
        for name, job in jobs(metric, outline, data, folder):
            for size in (1, 16):
                found = spans_of(job, outline, data, size)
                seconds = min(taking(metric, outline, whole, found, folder) for _ in range(REPEATS))
                rates = f"{len(found) / seconds:,.0f} | {len(tokens) / seconds / 1e9:,.1f} G"
                print(f"| {name}, tasks of {size} block{'s' if size > 1 else ''} | {rates} |", flush=True)
            whole.append(_engine.find(job, 0, outline.n_blocks, [data]))


def taking(metric: str, outline: _engine.Outline, before: list[_engine.Found], found: list[_engine.Found], folder: Path) -> float:
    """Processor seconds in which the collector takes findings, after the rounds before."""
    with _engine.Collector(metric, dataset=outline, out=tempfile.mkdtemp(dir=folder)) as collector:
        for one in before:
            collector.add(one)
            collector.finish_round()
        begun = time.process_time()
        for one in found:
            collector.add(one)
        return time.process_time() - begun


def short_samples(folder: Path, tokens: np.ndarray) -> None:
    """What samples cost that are so short that their number is what counts."""
    length = 8
    dataset = curricle.Dataset(folder / "corpus", sequence_length=length, vocab_size=VOCABULARY)
    outline = _engine.Outline.of(dataset)
    n = len(outline)
    data = pyarrow.table({"tokens": pyarrow.FixedSizeListArray.from_arrays(pyarrow.array(tokens[: n * length]), length)})
    with _engine.Collector("seqlen", dataset=outline, out=folder / "short", force=True) as collector:
        job = collector.job()
        found = spans_of(job, outline, data, 16)
        begun = time.process_time()
        for one in found:
            collector.add(one)
        taken = time.process_time()
        wall = time.perf_counter()
        collector.finish_round()
        done, ended = time.process_time(), time.perf_counter()
    seconds = best(partial(_engine.find, job, 0, outline.n_blocks, [data]))
    sent = sum(len(one.finding or b"") for one in found)
    print(
        f"\n{n:,} samples of {length} tokens, seqlen: {n / seconds / 1e6:,.0f} M samples/s by a worker, {sent / n:.2f} bytes sent for each; ", end=""
    )
    print(f"{n / (taken - begun) / 1e6:,.0f} M samples/s taken by the driver, and {done - taken:.2f} s of processors to sort and write them", end="")
    print(f" ({ended - wall:.2f} s on the clock)")


def on_ray(dataset: curricle.Dataset, outline: _engine.Outline, lengths: np.ndarray, tokens: np.ndarray, folder: Path) -> None:
    import ray

    import curricle.ray

    print("\n| whole analysis on Ray, one node, data in the object store | seconds | tokens/s of all rounds |")
    print("| --- | --- | --- |")
    n = len(tokens)
    for cpus in (1, 2):
        ray.init(num_cpus=cpus, object_store_memory=2 << 30, include_dashboard=False, log_to_driver=False, logging_level="error")
        ray.data.DataContext.get_current().enable_progress_bars = False
        data = table(lengths, tokens, pyarrow.uint16())
        rows = -(-len(data) // 16)
        held = ray.data.from_arrow([data.slice(start, rows) for start in range(0, len(data), rows)])
        for metric, rounds in (("seqlen", 1), ("vocab-rarity", 2)):
            seconds = best(partial(curricle.ray.analyze, held, metric, dataset=outline, out=folder / "ray", force=True), time.perf_counter)
            print(f"| {metric}, {cpus} processor{'s' if cpus > 1 else ''} | {seconds:.2f} | {rounds * n / seconds / 1e6:,.0f} M |", flush=True)
        ray.shutdown()


def on_spark(outline: _engine.Outline, lengths: np.ndarray, tokens: np.ndarray, folder: Path) -> None:
    import pyarrow.parquet
    from pyspark.sql import SparkSession

    import curricle.spark

    print("\n| whole analysis on Spark, two processors, Parquet, shuffle included | seconds | tokens/s of all rounds |")
    print("| --- | --- | --- |")
    os.environ["PYSPARK_PYTHON"] = sys.executable
    (folder / "parquet").mkdir()
    data = table(lengths, tokens, pyarrow.int32())
    rows = -(-len(data) // 8)
    for i, start in enumerate(range(0, len(data), rows)):
        pyarrow.parquet.write_table(data.slice(start, rows), folder / "parquet" / f"{i}.parquet")
    builder = SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false").config("spark.driver.memory", "3g")
    spark = builder.config("spark.driver.bindAddress", "127.0.0.1").config("spark.driver.host", "127.0.0.1").getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    spark.conf.set("spark.sql.shuffle.partitions", "8")
    frame, n = spark.read.parquet(str(folder / "parquet")), len(tokens)
    for metric, rounds in (("seqlen", 1), ("vocab-rarity", 2)):
        analyze = partial(curricle.spark.analyze, frame, metric, dataset=outline, id_column="id", out=folder / "spark", force=True)
        seconds = best(analyze, time.perf_counter)
        print(f"| {metric} | {seconds:.2f} | {rounds * n / seconds / 1e6:,.0f} M |", flush=True)
    spark.stop()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ray", action="store_true", help="whole analyses on Ray, too")
    parser.add_argument("--spark", action="store_true", help="whole analyses on Spark, too")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        dataset, lengths, tokens = corpus(folder)
        begun = time.perf_counter()
        outline = _engine.Outline.of(dataset)
        print(f"{outline}: {outline.n_blocks} blocks; outline in {time.perf_counter() - begun:.3f} s, {len(outline.to_json())} bytes\n")
        for metric, rounds in (("seqlen", 1), ("vocab-rarity", 2)):
            seconds = best(partial(curricle.analyze, dataset, metric, threads=1, force=True))
            print(f"`curricle.analyze`, {metric}, one thread, writing and sorting included: {rounds * len(tokens) / seconds / 1e6:,.0f} M tokens/s")
        print()
        workers(outline, lengths, tokens, folder)
        driver(outline, lengths, tokens, folder)
        short_samples(folder, tokens)
        if asked.ray:
            on_ray(dataset, outline, lengths, tokens, folder)
        if asked.spark:
            on_spark(outline, lengths, tokens, folder)


if __name__ == "__main__":
    main()
