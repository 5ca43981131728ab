"""Writes what DeepSpeed's own code says into a folder: `python make.py OUT`. The README beside this file has versions and formats."""

import glob
import json
import math
import os
import random
import shutil
import sys
import tempfile

os.environ.setdefault("DS_ACCELERATOR", "cpu")

import numpy as np
import torch

# Only the results are wanted: what DeepSpeed prints on the way goes to standard error.
report, sys.stdout = sys.stdout, sys.stderr

import deepspeed
from deepspeed.runtime.data_pipeline.curriculum_scheduler import CurriculumScheduler
from deepspeed.runtime.data_pipeline.data_routing.scheduler import RandomLTDScheduler
from deepspeed.runtime.data_pipeline.data_sampling.data_analyzer import DataAnalyzer
from deepspeed.runtime.data_pipeline.data_sampling.data_sampler import DeepSpeedDataSampler
from deepspeed.runtime.data_pipeline.data_sampling.indexed_dataset import (
    IndexedDatasetBuilder,
    MMapIndexedDataset,
    MMapIndexedDatasetBuilder,
    dtypes,
)
from deepspeed.runtime.data_pipeline.data_sampling.variable_batch_size_and_lr import (
    batch_by_seqlens,
    lr_scheduler_for_variable_batch_size,
)

deepspeed.utils.logger.setLevel("ERROR")


def write_cases(path, cases):
    """A JSON array, a line a case."""
    with open(path, "w") as file:
        file.write("[\n" + ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases) + "\n]\n")


# Schedules


def schedule(kind, low, high, steps, **config):
    scheduler = CurriculumScheduler(
        {"min_difficulty": low, "max_difficulty": high, "schedule_type": kind, "schedule_config": config}
    )
    # A scheduler holds on to its maximum, so it must see every step, also those that are not kept.
    values = {t: scheduler.update_difficulty(t) for t in range(1, max(steps) + 1)}
    return {
        "kind": kind,
        "config": {"min_difficulty": low, "max_difficulty": high, "schedule_config": config},
        "steps": list(steps),
        "values": [values[t] for t in steps],
    }


def linear(low, high, total, quantum, steps):
    return schedule("fixed_linear", low, high, steps, total_curriculum_step=total, difficulty_step=quantum)


def root(low, high, total, quantum, degree, steps):
    return schedule("fixed_root", low, high, steps, total_curriculum_step=total, difficulty_step=quantum, root_degree=degree)


def discrete(low, high, difficulty, max_step, steps):
    return schedule("fixed_discrete", low, high, steps, difficulty=difficulty, max_step=max_step)


def schedules():
    sparse = list(range(1, 100_000, 4_999)) + [109_998, 109_999, 110_000, 110_001, 120_000]
    return [
        linear(2, 10, 8, 2, range(1, 13)),
        linear(8, 1024, 100, 16, range(1, 106)),
        linear(10, 1024, 100, 8, range(1, 106)),
        linear(1, 101, 10, 8, range(1, 15)),
        linear(64, 64, 10, 8, range(1, 5)),
        linear(5, 7, 10, 8, range(1, 13)),
        linear(0, 1000, 7, 1, range(1, 10)),
        linear(80, 2048, 110_000, 8, sparse),
        root(1, 100, 100, 1, 2, range(1, 104)),
        root(1, 100, 1_000, 1, 3, list(range(1, 1_003, 7)) + [1_000]),
        root(128, 512, 300, 8, 5, range(1, 304)),
        root(1, 100, 97, 1, 1.5, range(1, 100)),
        root(5, 100, 50, 4, 0.5, range(1, 54)),
        root(1, 100, 110_000, 1, 2, sparse),
        discrete(1, 5, [1, 2, 3, 4, 5], [2, 4, 6, 8], range(1, 12)),
        discrete(7, 9, [7, 9], [1], range(1, 5)),
        # Comes down below its maximum, touches it, and would come down again.
        discrete(20, 80, [20, 50, 30, 80, 10], [2, 4, 6, 8], range(1, 13)),
        discrete(20, 100, [20, 50, 20, 50, 80, 40], [1, 2, 3, 4, 5], range(1, 9)),
    ]


def random_ltd_case(low, high, require_steps, seq_per_step, batch, total_layers, ltd_layers, steps):
    scheduler = RandomLTDScheduler(
        {
            "total_layer_num": total_layers,
            "random_ltd_layer_num": ltd_layers,
            "global_batch_size": batch,
            "random_ltd_schedule": {
                "min_value": low,
                "max_value": high,
                "schedule_type": "fixed_linear",
                "schedule_config": {"require_steps": require_steps, "seq_per_step": seq_per_step},
            },
            "layer_token_lr_schedule": {"enabled": False},
        }
    )
    values, consumed = [], []
    for step in range(steps):
        scheduler.update_seq(step)
        values.append(scheduler.get_current_seq())
        consumed.append(scheduler.state["consumed_layer_tokens"])
    return {
        "min_value": low,
        "max_value": high,
        "require_steps": require_steps,
        "seq_per_step": seq_per_step,
        "global_batch_size": batch,
        "total_layers": total_layers,
        "ltd_layers": ltd_layers,
        "steps": list(range(steps)),
        "values": values,
        "consumed_layer_tokens": consumed,
    }


def random_ltd():
    return [
        random_ltd_case(128, 2048, 120, 16, 512, 24, 22, 130),
        random_ltd_case(64, 200, 10, 16, 8, 12, 10, 15),
        random_ltd_case(16, 16, 10, 16, 4, 2, 1, 3),
        # Below the first multiple of 16 that is at least the minimum: none of the tokens (B8).
        random_ltd_case(8, 128, 40, 16, 4, 6, 4, 45),
    ]


# Sampling


class Ranks:
    """Stands for a process group of which only the size is asked."""

    def __init__(self, count):
        self.count = count

    def size(self):
        return self.count


def write_rows(folder, values):
    """The analysis files of one metric: distinct values in order, and the samples of each."""
    os.makedirs(folder)
    kept = {"metric": MMapIndexedDatasetBuilder(f"{folder}/metric.bin", dtype=np.int64)}
    kept["sample"] = MMapIndexedDatasetBuilder(f"{folder}/sample.bin", dtype=np.uint32)
    values = np.array(values)
    for value in np.unique(values):
        kept["metric"].add_item_numpy(np.array([value], dtype=np.int64))
        kept["sample"].add_item_numpy(np.flatnonzero(values == value).astype(np.uint32))
    for name, builder in kept.items():
        builder.end_document()
        builder.finalize(f"{folder}/{name}.idx")


def metric(name, values, kind, schedule_type, low, high, clustering="schedule_based", **config):
    return {
        "name": name,
        "values": values,
        "difficulty_type": kind,
        "clustering_type": clustering,
        "min": low,
        "max": high,
        "schedule_type": schedule_type,
        "schedule_config": config,
    }


def sampling_case(name, n_samples, metrics, batch, steps, faults=()):
    with tempfile.TemporaryDirectory() as folder:
        curriculum = {}
        for m in metrics:
            path = f"{folder}/{m['name']}"
            if m["clustering_type"] != "single_cluster":
                write_rows(path, m["values"])
            curriculum[m["name"]] = {
                "index_to_sample_path": f"{path}/sample",
                "index_to_metric_path": f"{path}/metric",
                "difficulty_type": m["difficulty_type"],
                "clustering_type": m["clustering_type"],
                "min_difficulty": m["min"],
                "max_difficulty": m["max"],
                "schedule_type": m["schedule_type"],
                "schedule_config": m["schedule_config"],
            }
        learning = {"enabled": True, "data_cluster_path": f"{folder}/clusters", "curriculum_metrics": curriculum}
        sampler = DeepSpeedDataSampler(
            {"seed": 1234, "data_sampling": {"num_epochs": 1000, "curriculum_learning": learning}},
            n_samples,
            batch,
            0,
            1,
            torch.distributed.group.WORLD,
            1,
            0,
        )
        drawn, choose = [], sampler.sample_from_clusters
        sampler.sample_from_clusters = lambda: drawn.append(choose()) or drawn[-1]
        kept = []
        for step in range(1, steps + 1):
            sampler.get_next_global_batch()
            clusters = [cluster[0] for cluster in sampler.data_clusters]
            eligible = np.unique(np.concatenate(clusters)).astype(object)
            kept.append(
                {
                    "step": step,
                    "difficulties": dict(sampler.current_difficulties),
                    "eligible": len(eligible),
                    "eligible_sum": int(sum((eligible + 1) ** 2) % 2**53),
                    "cluster_sizes": [len(cluster) for cluster in clusters],
                    "drawn_by_cluster": drawn[-1].tolist(),
                    "drawn": len(sampler.batch),
                }
            )
        return {
            "name": name,
            "n_samples": n_samples,
            "metrics": metrics,
            "global_batch": batch,
            "faults": list(faults),
            "steps": kept,
        }


def sampling():
    rng = random.Random(20)
    lengths = lambda n: [min(80, 5 + int(rng.expovariate(1 / 20))) for _ in range(n)]
    rarities = lambda n: [int(rng.gammavariate(4, 60)) for _ in range(n)]
    few = [rng.choice([3, 7, 7, 7, 20]) for _ in range(500)]
    by_ones = {"difficulty_step": 1}
    return [
        sampling_case(
            "value",
            1_000,
            [metric("seqlen", lengths(1_000), "value", "fixed_linear", 8, 80, total_curriculum_step=20, difficulty_step=8)],
            64,
            26,
        ),
        sampling_case(
            "percentile of 100, samples not divisible",
            1_037,
            [metric("rarity", rarities(1_037), "percentile", "fixed_root", 1, 100, total_curriculum_step=20, root_degree=2, **by_ones)],
            64,
            24,
        ),
        sampling_case(
            "percentile of 50, divisible",
            1_000,
            [metric("rarity", rarities(1_000), "percentile", "fixed_linear", 1, 50, total_curriculum_step=12, **by_ones)],
            32,
            15,
        ),
        sampling_case(
            "percentile of 50, samples not divisible",
            517,
            [metric("rarity", rarities(517), "percentile", "fixed_discrete", 3, 50, difficulty=[3, 4, 30, 49, 50], max_step=[2, 3, 5, 6])],
            32,
            9,
        ),
        sampling_case(
            "percentile with ties",
            500,
            [metric("few", few, "percentile", "fixed_linear", 10, 100, total_curriculum_step=9, difficulty_step=10)],
            16,
            11,
        ),
        sampling_case(
            "value and percentile",
            1_000,
            [
                metric("seqlen", lengths(1_000), "value", "fixed_linear", 16, 80, total_curriculum_step=16, difficulty_step=8),
                metric("rarity", rarities(1_000), "percentile", "fixed_root", 10, 100, total_curriculum_step=20, root_degree=2, **by_ones),
            ],
            64,
            24,
        ),
        sampling_case(
            "single cluster",
            300,
            [metric("seqlen", [], "value", "fixed_linear", 8, 64, "single_cluster", total_curriculum_step=6, difficulty_step=8)],
            32,
            12,
        ),
        sampling_case(
            "percentile beside single cluster",
            400,
            [
                metric("rarity", rarities(400), "percentile", "fixed_linear", 5, 100, total_curriculum_step=8, **by_ones),
                metric("seqlen", [], "value", "fixed_linear", 8, 64, "single_cluster", total_curriculum_step=6, difficulty_step=8),
            ],
            32,
            12,
        ),
        sampling_case(
            "discrete that touches its maximum and would come down",
            600,
            [metric("seqlen", lengths(600), "value", "fixed_discrete", 10, 40, difficulty=[10, 40, 20, 60], max_step=[3, 5, 7])],
            32,
            10,
        ),
        sampling_case(
            "discrete that comes down",
            600,
            [metric("seqlen", lengths(600), "value", "fixed_discrete", 20, 100, difficulty=[20, 50, 30, 80], max_step=[2, 4, 6])],
            32,
            9,
            ["W7", "B22"],
        ),
        sampling_case(
            "first metric without a sample",
            200,
            [
                metric("seqlen", lengths(200), "value", "fixed_discrete", 1, 100, difficulty=[1, 30, 100], max_step=[2, 4]),
                metric("rarity", rarities(200), "value", "fixed_discrete", 150, 9_999, difficulty=[150, 9_999], max_step=[4]),
            ],
            16,
            6,
            ["B23"],
        ),
        sampling_case(
            "batch of several passes over a small cluster",
            50,
            [metric("rank", list(range(50)), "value", "fixed_discrete", 1, 49, difficulty=[1, 4, 49], max_step=[2, 4])],
            16,
            6,
            ["B3"],
        ),
    ]


def slices():
    sampler = DeepSpeedDataSampler.__new__(DeepSpeedDataSampler)
    cases = []
    for ranks in [1, 2, 3, 4, 5, 6, 7, 8, 16]:
        sampler.data_parallel_group = Ranks(ranks)
        for length in range(1, 41):
            bounds = []
            for sampler.data_parallel_rank in range(ranks):
                bounds.append(list(sampler.get_start_end_idx(length)))
            cases.append({"length": length, "ranks": ranks, "bounds": bounds})
    return cases


# Packing


def packing_case(seqlens, max_tokens, order="dataloader", low=1, high=None, effective=1, same_size=False, seed=None):
    case = {
        "seqlens": seqlens,
        "max_tokens": max_tokens,
        "min_batch_size": low,
        "max_batch_size": high,
        "order": order,
        "effective_batch_size": effective,
        "same_size": same_size,
        "micro_batches": [],
        "batch_sizes": [],
        "batch_max_seqlens": [],
        "error": None,
    }
    if order == "random":
        # The order that it makes of this seed: its shuffle is Python's, which nobody need rebuild.
        ids = list(range(len(seqlens)))
        random.Random(seed).shuffle(ids)
        case |= {"seed": seed, "input_order": ids}
    try:
        micro_batches, sizes, longest = batch_by_seqlens(
            seqlens,
            max_tokens,
            min_batch_size=low,
            max_batch_size=high,
            sequence_picking_order=order,
            effective_batch_size=effective,
            required_microbatches_of_same_size=same_size,
            seed=seed,
        )
        case |= {"micro_batches": [ids for _, ids in micro_batches], "batch_sizes": sizes, "batch_max_seqlens": longest}
    except AssertionError as error:
        case["error"] = str(error)
    return case


def packing():
    rng = random.Random(53)
    lengths = lambda n, high: [rng.randint(1, high) for _ in range(n)]
    long_tail = lambda n: [1 + min(199, int(rng.lognormvariate(3, 0.9))) for _ in range(n)]
    cases = [
        # The last sample is never packed (B7): of one nothing is left, of five four.
        packing_case([5], 10),
        packing_case([2, 2, 2, 2, 2], 4),
        packing_case([3, 3, 3, 3], 100),
        # Too long for any micro-batch.
        packing_case([4, 11, 3, 10, 12, 2, 1], 10),
        packing_case([11, 12], 10),
        # Packing ends for good where a start admits no micro-batch (B31).
        packing_case([2, 2, 9, 9, 2, 2, 2, 2], 10, low=2),
        packing_case([1, 1, 1, 8, 8, 1, 1, 1, 1], 9, low=3),
        packing_case([6, 6, 1, 1, 1, 1, 1], 8, effective=2, same_size=True, low=2),
        # The largest valid end, not the first invalid one, decides: with equal sizes an end may be valid again.
        packing_case([1, 1, 1, 1, 1, 1, 1, 1, 1], 2, effective=2, same_size=True),
        packing_case([5, 1, 1, 5, 1, 1, 1, 1, 3], 6, effective=2, same_size=True),
        packing_case([0, 0, 5, 0, 5, 0, 0, 1], 5),
    ]
    for order in ["dataloader", "seqlen", "random"]:
        seed = 7 if order == "random" else None
        cases += [
            packing_case(lengths(40, 60), 128, order, seed=seed),
            packing_case(long_tail(40), 200, order, seed=seed),
            packing_case(long_tail(40), 150, order, seed=seed),
            packing_case(lengths(40, 60), 256, order, high=4, seed=seed),
            packing_case(lengths(40, 30), 128, order, low=2, high=6, seed=seed),
            packing_case(lengths(40, 60), 128, order, effective=4, seed=seed),
            packing_case(long_tail(41), 250, order, low=2, effective=3, seed=seed),
            packing_case(lengths(40, 60), 128, order, effective=2, same_size=True, seed=seed),
            packing_case(long_tail(42), 250, order, effective=4, same_size=True, seed=seed),
            packing_case(lengths(45, 40), 160, order, low=2, high=3, effective=4, same_size=True, seed=seed),
        ]
    return cases


def learning_rates():
    cases = []
    for method in ["linear", "sqrt", None]:
        for base_lr, base_batch, sizes in [(0.1, 4, [4, 8, 2]), (1.0, 256, [256, 1, 300, 512, 97]), (3e-4, 48, [7, 48, 50])]:
            optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=base_lr)
            scheduler = lr_scheduler_for_variable_batch_size(base_batch, sizes, None, optimizer, method)
            lrs = scheduler.get_lr()
            for _ in range(2 * len(sizes) - 1):
                optimizer.step()
                scheduler.step()
                lrs += scheduler.get_lr()
            cases.append(
                {"method": method or "none", "base_lr": base_lr, "base_batch": base_batch, "batch_sizes": sizes, "lrs": lrs}
            )
    return cases


# Files

VOCABULARY = 300


def documents():
    """200 documents, some empty, in which every token of the vocabulary occurs: then no metric depends on what is made of those that don't."""
    rng = random.Random(33)
    texts = []
    for i in range(200):
        length = 0 if i % 37 == 5 else rng.randint(1, 50)
        texts.append([min(int(rng.expovariate(1 / 40)), VOCABULARY - 1) for _ in range(length)])
    for token in range(VOCABULARY):
        texts[8 + token % 25][:1] = [token, texts[8 + token % 25][0] if token < 25 else (7 * token) % VOCABULARY]
    texts = [text[:50] for text in texts]
    missing = sorted(set(range(VOCABULARY)) - {token for text in texts for token in text})
    texts[199] = (missing + texts[199])[: max(50, len(missing))]
    return texts


def analysis(out):
    texts = documents()
    builder = MMapIndexedDatasetBuilder(f"{out}/tokens.bin", dtype=np.uint16)
    for text in texts:
        builder.add_item_numpy(np.array(text, dtype=np.uint16))
        builder.end_document()
    builder.finalize(f"{out}/tokens.idx")
    tokens = MMapIndexedDataset(f"{out}/tokens", skip_warmup=True)

    def analyze(name, kind, function):
        DataAnalyzer(
            tokens,
            batch_size=16,
            metric_names=[name],
            metric_functions=[function],
            metric_types=[kind],
            metric_dtypes=[torch.int64],
            save_path=out,
            collate_fn=list,
        ).run_map_reduce()

    analyze("seqlen", "single_value_per_sample", lambda batch: torch.tensor([len(text) for text in batch]))
    count = lambda batch: np.bincount(np.concatenate(batch), minlength=VOCABULARY)
    analyze("counts", "accumulate_value_over_samples", lambda batch: torch.from_numpy(count(batch)))
    # Its arrays are gone with the dataset that they are views of.
    totals = MMapIndexedDataset(f"{out}/counts/counts_metric_value", skip_warmup=True)
    counts = totals[0].astype(np.int64)
    assert counts.min() > 0
    surprise = -np.log(counts / counts.sum())
    rarity = lambda text: int(math.fsum(surprise[text]))
    analyze("rarity", "single_value_per_sample", lambda batch: torch.tensor([rarity(text) for text in batch]))
    # What is left of the map and of its threads is no result.
    for path in glob.glob(f"{out}/*/worker*"):
        shutil.rmtree(path)
    for path in glob.glob(f"{out}/*/*_thread*"):
        os.remove(path)
    values = {
        "seqlen": [len(text) for text in texts],
        "rarity": [rarity(text) for text in texts],
        "counts": counts.tolist(),
    }
    with open(f"{out}/analysis.json", "w") as file:
        json.dump(values, file, separators=(",", ":"))
        file.write("\n")


def indexed(out):
    contents = {}
    for dtype, _ in dtypes.values():
        name, info = np.dtype(dtype).name, np.iinfo(dtype)
        items = [[0, 1, int(info.max)], [], [int(info.min), 100], [7]]
        contents[name] = {"items": items, "documents": [0, 2, 4]}
        for kind, builder_of in [("mmap", MMapIndexedDatasetBuilder), ("lazy", IndexedDatasetBuilder)]:
            builder = builder_of(f"{out}/{kind}-{name}.bin", dtype=dtype)
            for i, item in enumerate(items):
                builder.add_item(torch.from_numpy(np.array(item, dtype=dtype)))
                if i % 2 == 1:
                    builder.end_document()
            builder.finalize(f"{out}/{kind}-{name}.idx")
    # Two pairs in one, as its merging writes the documents: the last boundary twice.
    builder = MMapIndexedDatasetBuilder(f"{out}/merged.bin", dtype=np.uint16)
    builder.merge_file_(f"{out}/mmap-uint16")
    builder.merge_file_(f"{out}/mmap-uint16")
    builder.end_document()
    builder.finalize(f"{out}/merged.idx")
    contents["merged"] = {"items": 2 * contents["uint16"]["items"], "documents": [0, 2, 4, 6, 8, 8]}
    with open(f"{out}/indexed.json", "w") as file:
        json.dump(contents, file, indent=1)
        file.write("\n")


def main(out):
    os.makedirs(f"{out}/analysis")
    os.makedirs(f"{out}/indexed")
    with tempfile.TemporaryDirectory() as meeting:
        torch.distributed.init_process_group("gloo", init_method=f"file://{meeting}/point", rank=0, world_size=1)
        # A kernel for sums over ranks, which nothing here takes; it would be compiled first.
        deepspeed.ops.__compatible_ops__["deepspeed_shm_comm"] = False
        deepspeed.init_distributed("gloo", verbose=False)
        write_cases(f"{out}/schedules.json", schedules())
        write_cases(f"{out}/random_ltd.json", random_ltd())
        write_cases(f"{out}/sampling.json", sampling())
        write_cases(f"{out}/slices.json", slices())
        write_cases(f"{out}/packing.json", packing())
        write_cases(f"{out}/lr.json", learning_rates())
        analysis(f"{out}/analysis")
        indexed(f"{out}/indexed")
        torch.distributed.destroy_process_group()
    print(f"deepspeed {deepspeed.__version__}, torch {torch.__version__}, numpy {np.__version__}", file=report)


if __name__ == "__main__":
    main(sys.argv[1])
