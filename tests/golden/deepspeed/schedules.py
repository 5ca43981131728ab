"""Schedules of difficulty, and of the tokens that random-LTD keeps."""

from deepspeed.runtime.data_pipeline.curriculum_scheduler import CurriculumScheduler
from deepspeed.runtime.data_pipeline.data_routing.scheduler import RandomLTDScheduler


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
