"""Times DeepSpeed's data pipeline, and seqpacker, on data that the benchmark wrote.

driver.py VERB ARGUMENT…    prints one JSON object; times are in seconds, medians where there are several, measured here inside

Nothing is compiled and no model is loaded: importing, opening files and setting up are not part of a time, unless the verb says so.
"""

import contextlib
import json
import os
import resource
import shutil
import statistics
import struct
import sys
import tempfile
import time

os.environ.setdefault("DS_ACCELERATOR", "cpu")

import numpy as np


@contextlib.contextmanager
def one_rank():
    """A process group of this process alone."""
    import deepspeed
    import torch

    deepspeed.utils.logger.setLevel("ERROR")
    with tempfile.TemporaryDirectory() as meeting:
        torch.distributed.init_process_group("gloo", init_method=f"file://{meeting}/point", rank=0, world_size=1)
        # A kernel for sums over ranks, which nothing here takes; it would be compiled first.
        deepspeed.ops.__compatible_ops__["deepspeed_shm_comm"] = False
        deepspeed.init_distributed("gloo", verbose=False)
        yield torch.distributed.group.WORLD
        torch.distributed.destroy_process_group()


def processor_time():
    """Of all threads of this process, and of processes that it started and that have ended."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def timed(work):
    """How long it took, or how long the processor worked for it, whichever is less: a busy machine is not held against it, nor are threads."""
    start, worked = time.perf_counter(), processor_time()
    result = work()
    return min(time.perf_counter() - start, processor_time() - worked), result


def write_rows(prefix, values, n_rows):
    """The analysis files of a metric, as its reduce writes them: a row for each value, or `n_rows` rows of about as many samples."""
    from deepspeed.runtime.data_pipeline.data_sampling.indexed_dataset import MMapIndexedDatasetBuilder

    order = np.argsort(values, kind="stable").astype(np.uint32)
    if n_rows is None:
        distinct, first = np.unique(values[order], return_index=True)
        rows = np.split(order, first[1:])
    else:
        distinct, rows = np.arange(n_rows), np.array_split(order, n_rows)
    for name, dtype, items in [("metric", np.int64, distinct.reshape(-1, 1)), ("sample", np.uint32, rows)]:
        builder = MMapIndexedDatasetBuilder(f"{prefix}-{name}.bin", dtype=dtype)
        for item in items:
            builder.add_item_numpy(item)
        builder.end_document()
        builder.finalize(f"{prefix}-{name}.idx")


def sampler(folder, metrics, kind, levels, n_samples, batch, group):
    """DeepSpeed's sampler over one rank, whose micro-batch is the global batch; each step is a level harder, up to the last one."""
    from deepspeed.runtime.data_pipeline.data_sampling.data_sampler import DeepSpeedDataSampler

    curriculum = {
        name: {
            "index_to_sample_path": f"{folder}/{name}-sample",
            "index_to_metric_path": f"{folder}/{name}-metric",
            "difficulty_type": kind,
            "clustering_type": "schedule_based",
            "min_difficulty": 1,
            "max_difficulty": levels,
            "schedule_type": "fixed_discrete",
            "schedule_config": {"difficulty": list(range(1, levels + 1)), "max_step": list(range(1, levels))},
        }
        for name in metrics
    }
    learning = {"enabled": True, "data_cluster_path": f"{folder}/clusters", "curriculum_metrics": curriculum}
    config = {"seed": 1234, "data_sampling": {"num_epochs": 1000, "curriculum_learning": learning}}
    return DeepSpeedDataSampler(config, n_samples, batch, 0, 1, group, 1, 0)


def step(values, n_clusters, batch, repetitions):
    """A step of a sampler with so many clusters, none of them made in it. The file holds values from 1 to their number."""
    n_clusters, batch, repetitions = int(n_clusters), int(batch), int(repetitions)
    values = np.fromfile(values, dtype="<u4")
    with tempfile.TemporaryDirectory() as folder, one_rank() as group:
        write_rows(f"{folder}/level", values, None)
        batches = iter(sampler(folder, ["level"], "value", n_clusters, len(values), batch, group))
        for _ in range(n_clusters + 8):
            next(batches)
        times = [timed(lambda: next(batches)) for _ in range(repetitions)]
        assert all(len(drawn) == batch for _, drawn in times)
        return {"seconds": statistics.median(t for t, _ in times)}


def change(first, second, levels, batch):
    """A step at which the percentiles of two metrics change: all the steps from one level to the next."""
    levels, batch = int(levels), int(batch)
    with tempfile.TemporaryDirectory() as folder, one_rank() as group:
        for name, path in [("first", first), ("second", second)]:
            # A hundred rows, as its merged file has: of more it would be slower.
            values = np.fromfile(path, dtype="<u4")
            write_rows(f"{folder}/{name}", values, 100)
        batches = iter(sampler(folder, ["first", "second"], "percentile", levels, len(values), batch, group))
        next(batches)
        times = [timed(lambda: next(batches))[0] for _ in range(levels - 1)]
        return {"seconds": statistics.median(times)}


def analyze(prefix, metric, n_samples):
    """A whole analysis, map and reduce, with one thread and functions that leave the arithmetic to numpy."""
    import torch
    from deepspeed.runtime.data_pipeline.data_sampling.data_analyzer import DataAnalyzer
    from deepspeed.runtime.data_pipeline.data_sampling.indexed_dataset import MMapIndexedDataset

    with tempfile.TemporaryDirectory() as folder, one_rank():
        # The same tokens under an index with its own code of their type.
        os.symlink(os.path.abspath(f"{prefix}.bin"), f"{folder}/tokens.bin")
        shutil.copyfile(f"{prefix}.idx", f"{folder}/tokens.idx")
        with open(f"{folder}/tokens.idx", "r+b") as index:
            index.seek(17)
            index.write(struct.pack("B", 6))
        tokens = MMapIndexedDataset(f"{folder}/tokens", skip_warmup=True)
        assert tokens.dtype == np.uint16 and len(tokens) == int(n_samples)

        def run(name, kind, function):
            analyzer = DataAnalyzer(
                tokens,
                batch_size=1024,
                metric_names=[name],
                metric_functions=[function],
                metric_types=[kind],
                metric_dtypes=[torch.int64],
                save_path=folder,
                collate_fn=list,
            )
            analyzer.run_map_reduce()

        def lengths():
            run("seqlen", "single_value_per_sample", lambda batch: torch.tensor([len(text) for text in batch]))

        def rarity():
            count = lambda batch: torch.from_numpy(np.bincount(np.concatenate(batch), minlength=1 << 16))
            run("counts", "accumulate_value_over_samples", count)
            totals = MMapIndexedDataset(f"{folder}/counts/counts_metric_value", skip_warmup=True)
            counts = totals[0].astype(np.float64)
            surprise = -np.log(np.maximum(counts, 1) / counts.sum())

            def sums(batch):
                starts = np.cumsum([0] + [len(text) for text in batch[:-1]])
                return torch.from_numpy(np.add.reduceat(surprise[np.concatenate(batch)], starts).astype(np.int64))

            run("rarity", "single_value_per_sample", sums)

        work, name = {"seqlen": (lengths, "seqlen"), "vocab-rarity": (rarity, "rarity")}[metric]
        seconds, _ = timed(work)
        values = MMapIndexedDataset(f"{folder}/{name}/{name}_sample_to_metric", skip_warmup=True)
        return {"seconds": seconds, "sum": sum(int(values[i][0]) for i in range(len(values)))}


def pack(lengths, max_tokens):
    """Micro-batches of sequences in the order of the dataset; how many sequences are in them."""
    from deepspeed.runtime.data_pipeline.data_sampling.variable_batch_size_and_lr import batch_by_seqlens

    lengths = np.fromfile(lengths, dtype="<u4").tolist()
    seconds, (micro_batches, _, _) = timed(lambda: batch_by_seqlens(lengths, int(max_tokens)))
    return {"seconds": seconds, "micro_batches": [ids for _, ids in micro_batches]}


def fill(lengths, capacity, repetitions):
    """seqpacker's strategies that fit best: bins, and the time of the call that returns arrays, which is its fastest."""
    import seqpacker

    lengths = np.fromfile(lengths, dtype="<u4").astype(np.int64)
    found = {}
    for strategy in ["BF", "BFD", "OBFD", "OBFDP"]:
        packer = seqpacker.Packer(capacity=int(capacity), strategy=strategy)
        bins = packer.pack(lengths).num_bins
        times = [timed(lambda: packer.pack_flat(lengths))[0] for _ in range(int(repetitions))]
        found[strategy] = {"bins": bins, "seconds": statistics.median(times)}
    return found


def versions():
    from importlib.metadata import version

    return {name: version(name) for name in ["deepspeed", "torch", "numpy", "seqpacker"]}


if __name__ == "__main__":
    verbs = {work.__name__: work for work in [step, change, analyze, pack, fill, versions]}
    # DeepSpeed prints a good deal on the way, which is no result.
    with contextlib.redirect_stdout(sys.stderr):
        found = verbs[sys.argv[1]](*sys.argv[2:])
    print(json.dumps(found))
