"""Global batches of the sampler, and how it cuts them by rank."""

import os
import random
import tempfile

import numpy as np
import torch
from deepspeed.runtime.data_pipeline.data_sampling.data_sampler import DeepSpeedDataSampler
from deepspeed.runtime.data_pipeline.data_sampling.indexed_dataset import MMapIndexedDatasetBuilder


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
