"""A dataset with its analysis, and indexed datasets of every type."""

import glob
import json
import math
import os
import random
import shutil

import numpy as np
import torch
from deepspeed.runtime.data_pipeline.data_sampling.data_analyzer import DataAnalyzer
from deepspeed.runtime.data_pipeline.data_sampling.indexed_dataset import (
    IndexedDatasetBuilder,
    MMapIndexedDataset,
    MMapIndexedDatasetBuilder,
    dtypes,
)

VOCABULARY = 300


def documents():
    """200 documents, some empty. Six hold each token once, so that no metric depends on what is made of tokens that never occur."""
    rng = random.Random(33)
    texts = []
    for i in range(200):
        length = 0 if i % 37 == 5 else rng.randint(1, 50)
        texts.append([min(int(rng.expovariate(1 / 40)), VOCABULARY - 1) for _ in range(length)])
    for i in range(6):
        texts[10 + i] = list(range(50 * i, 50 * (i + 1)))
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
    # As many distinct values as samples: enough for DeepSpeed to merge two at a time.
    places = [7 * i % 200 - 100 for i in range(200)]
    waiting = iter(places)
    analyze("place", "single_value_per_sample", lambda batch: torch.tensor([next(waiting) for _ in batch]))
    # What is left of the map and of its threads is no result.
    for path in glob.glob(f"{out}/*/worker*"):
        shutil.rmtree(path)
    for path in glob.glob(f"{out}/*/*_thread*"):
        os.remove(path)
    values = {
        "seqlen": [len(text) for text in texts],
        "rarity": [rarity(text) for text in texts],
        "counts": counts.tolist(),
        "place": places,
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
