"""DeepSpeed's own readers, on files that were written by others.

live.py read PREFIX…                                  prints a list of the pairs as JSON
live.py sample FOLDER N METRIC TYPE DIFFICULTY…       prints which samples its sampler has in clusters at each of the difficulties, the last of
                                                      which is the most, over the analysis files of a metric
"""

import contextlib
import json
import os
import sys
import tempfile

os.environ.setdefault("DS_ACCELERATOR", "cpu")

import deepspeed
import numpy
import torch
from deepspeed.runtime.data_pipeline.data_sampling.data_sampler import DeepSpeedDataSampler
from deepspeed.runtime.data_pipeline.data_sampling.indexed_dataset import MMapIndexedDataset


def read(*prefixes):
    found = []
    for dataset in map(MMapIndexedDataset, prefixes):
        items = [dataset[i].tolist() for i in range(len(dataset))]
        found.append({"dtype": numpy.dtype(dataset.dtype).name, "items": items, "documents": dataset.doc_idx.tolist()})
    return found


def sample(folder, n_samples, metric, kind, *difficulties):
    difficulties = [int(difficulty) for difficulty in difficulties]
    rows = "index_to_sample_percentile_merged" if kind == "percentile" else "index_to_sample"
    with tempfile.TemporaryDirectory() as scratch:
        torch.distributed.init_process_group("gloo", init_method=f"file://{scratch}/point", rank=0, world_size=1)
        # A kernel for sums over ranks, which nothing here takes; it would be compiled first.
        deepspeed.ops.__compatible_ops__["deepspeed_shm_comm"] = False
        deepspeed.init_distributed("gloo", verbose=False)
        schedule = {"difficulty": difficulties, "max_step": list(range(1, len(difficulties)))}
        metrics = {
            metric: {
                "index_to_sample_path": f"{folder}/{metric}/{metric}_{rows}",
                "index_to_metric_path": f"{folder}/{metric}/{metric}_index_to_metric",
                "difficulty_type": kind,
                "clustering_type": "schedule_based",
                "min_difficulty": difficulties[0],
                "max_difficulty": difficulties[-1],
                "schedule_type": "fixed_discrete",
                "schedule_config": schedule,
            }
        }
        learning = {"enabled": True, "data_cluster_path": f"{scratch}/clusters", "curriculum_metrics": metrics}
        config = {"seed": 1, "data_sampling": {"num_epochs": 100, "curriculum_learning": learning}}
        sampler = DeepSpeedDataSampler(config, int(n_samples), 16, 0, 1, torch.distributed.group.WORLD, 1, 0)
        eligible = []
        for _ in difficulties:
            sampler.get_next_global_batch()
            ids = numpy.concatenate([cluster[0] for cluster in sampler.data_clusters])
            assert len(sampler.batch) == 16 and set(sampler.batch) <= set(ids.tolist())
            eligible.append(sorted(ids.tolist()))
        torch.distributed.destroy_process_group()
    return {"eligible": eligible}


# DeepSpeed prints a good deal on the way, which is no result.
with contextlib.redirect_stdout(sys.stderr):
    verb, *arguments = sys.argv[1:]
    found = {"read": read, "sample": sample}[verb](*arguments)
print(json.dumps(found))
