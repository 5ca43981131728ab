"""Writes what DeepSpeed's own code says into a folder: `python make.py OUT`. The README beside this file has versions and formats."""

import contextlib
import json
import os
import sys
import tempfile

os.environ.setdefault("DS_ACCELERATOR", "cpu")

import deepspeed
import numpy
import torch

import files
import packing
import sampling
import schedules


def write_cases(path, cases):
    """A JSON array, a line a case."""
    with open(path, "w") as file:
        file.write("[\n" + ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases) + "\n]\n")


def main(out):
    deepspeed.utils.logger.setLevel("ERROR")
    os.makedirs(f"{out}/analysis")
    os.makedirs(f"{out}/indexed")
    with tempfile.TemporaryDirectory() as meeting:
        torch.distributed.init_process_group("gloo", init_method=f"file://{meeting}/point", rank=0, world_size=1)
        # A kernel for sums over ranks, which nothing here takes; it would be compiled first.
        deepspeed.ops.__compatible_ops__["deepspeed_shm_comm"] = False
        deepspeed.init_distributed("gloo", verbose=False)
        write_cases(f"{out}/schedules.json", schedules.schedules())
        write_cases(f"{out}/random_ltd.json", schedules.random_ltd())
        write_cases(f"{out}/sampling.json", sampling.sampling())
        write_cases(f"{out}/slices.json", sampling.slices())
        write_cases(f"{out}/packing.json", packing.packing())
        write_cases(f"{out}/lr.json", packing.learning_rates())
        files.analysis(f"{out}/analysis")
        files.indexed(f"{out}/indexed")
        torch.distributed.destroy_process_group()


if __name__ == "__main__":
    # DeepSpeed prints a good deal on the way, which is no result.
    with contextlib.redirect_stdout(sys.stderr):
        main(sys.argv[1])
    print(f"deepspeed {deepspeed.__version__}, torch {torch.__version__}, numpy {numpy.__version__}")
