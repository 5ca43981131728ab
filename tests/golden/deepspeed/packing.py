"""Micro-batches under a budget of tokens, and the learning rates that follow their sizes."""

import random

import torch
from deepspeed.runtime.data_pipeline.data_sampling.variable_batch_size_and_lr import (
    batch_by_seqlens,
    lr_scheduler_for_variable_batch_size,
)


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
