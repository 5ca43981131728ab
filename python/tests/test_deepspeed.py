"""With DeepSpeed's engine: the loader's place is in the checkpoint's `client_state`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from conftest import run_file

pytest.importorskip("torch")
os.environ.setdefault("DS_ACCELERATOR", "cpu")
deepspeed = pytest.importorskip("deepspeed")

import torch
from processes import run_ranks
from tiny import KEYS, Tiny

import curricle
import curricle.deepspeed

# What ranks of one machine share memory with would be compiled here; gloo does without.
deepspeed.ops.__compatible_ops__["deepspeed_shm_comm"] = False


def whole(path: Path, n: int) -> list[list[int]]:
    return [batch.ids.tolist() for batch, _ in zip(curricle.Loader(path), range(n))]


def engine_of(micro_batch: int, accumulation: int) -> Any:
    network = Tiny()
    config = {"train_micro_batch_size_per_gpu": micro_batch, "gradient_accumulation_steps": accumulation}
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    return deepspeed.initialize(model=network, optimizer=optimizer, config=config, dist_init_required=False)[0]


def train(rank: int, world: int, path: Path, folder: Path, n: int, tag: str | None = None) -> tuple[list[list[int]], dict[str, Any]]:
    """Trains to the end of step ``n`` with a checkpoint of each step, from a checkpoint if there is one."""
    os.environ.update({"LOCAL_RANK": str(rank), "RANK": str(rank), "WORLD_SIZE": str(world)})
    micro_batch = 16 // world // 2
    engine = engine_of(micro_batch, 2)
    loader = curricle.deepspeed.loader(engine, path, keys=KEYS)
    _, client_state = curricle.deepspeed.load_checkpoint(engine, folder / "checkpoints", loader, tag=tag)
    for batch in loader:
        engine.backward(engine(**batch)["loss"])
        engine.step()
        if loader.is_last_of_step:
            curricle.deepspeed.save_checkpoint(engine, folder / "checkpoints", loader, client_state={"note": "mine"})
            if engine.global_steps == n:
                break
    return engine.module.seen, client_state


def refused(rank: int, world: int, path: Path) -> str:
    os.environ.update({"LOCAL_RANK": str(rank), "RANK": str(rank), "WORLD_SIZE": str(world)})
    with pytest.raises(curricle.ConfigError) as error:
        curricle.deepspeed.loader(engine_of(4, 4), path)
    return str(error.value)


def without(rank: int, world: int, path: Path, folder: Path) -> str:
    os.environ.update({"LOCAL_RANK": str(rank), "RANK": str(rank), "WORLD_SIZE": str(world)})
    engine = engine_of(8, 2)
    engine.save_checkpoint(str(folder / "bare"))
    with pytest.raises(curricle.StateError) as error:
        curricle.deepspeed.load_checkpoint(engine, folder / "bare", curricle.deepspeed.loader(engine, path))
    return str(error.value)


def within(rank: int, world: int, path: Path, folder: Path) -> tuple[str, str, list[str]]:
    os.environ.update({"LOCAL_RANK": str(rank), "RANK": str(rank), "WORLD_SIZE": str(world)})
    engine = engine_of(8, 2)
    loader = curricle.deepspeed.loader(engine, path, keys=KEYS)
    for batch in loader:
        engine.backward(engine(**batch)["loss"])
        engine.step()
        break
    with pytest.raises(curricle.ConfigError) as saving:
        curricle.deepspeed.save_checkpoint(engine, folder / "within", loader)
    saved = [found.name for found in (folder / "within").glob("*")]
    engine.save_checkpoint(str(folder / "within"), client_state={"curricle": loader.state_dict()})
    with pytest.raises(curricle.StateError) as loading:
        curricle.deepspeed.load_checkpoint(engine, folder / "within", curricle.deepspeed.loader(engine, path))
    return str(saving.value), str(loading.value), saved


@pytest.fixture
def path(folder: Path) -> Path:
    return run_file(folder, batch="gradient-accumulation-steps = 2")


def test_a_checkpoint_goes_on_at_the_next_batch(folder: Path, path: Path) -> None:
    seen = whole(path, 12)
    [(first, nothing)] = run_ranks(folder, 1, train, path, folder, 4)
    assert first == seen[:8] and nothing == {}
    [(latest, client_state)] = run_ranks(folder, 1, train, path, folder, 6)
    assert latest == seen[8:] and client_state["note"] == "mine" and "curricle" not in client_state
    [(earlier, _)] = run_ranks(folder, 1, train, path, folder, 4, "global_step2")
    assert earlier == seen[4:8]


def test_two_processes_see_disjoint_shares_also_after_resuming(folder: Path, path: Path) -> None:
    of_steps = [batch.ids.tolist() for batch, _ in zip(curricle.Loader(run_file(folder, name="whole.toml")), range(5))]

    def joined(shares: list[Any]) -> list[list[int]]:
        micro_batches = [a + b for a, b in zip(*(seen for seen, _ in shares))]
        return [a + b for a, b in zip(micro_batches[::2], micro_batches[1::2])]

    assert joined(run_ranks(folder, 2, train, path, folder, 3)) == of_steps[:3]
    assert joined(run_ranks(folder, 2, train, path, folder, 5)) == of_steps[3:]


def test_an_engine_of_another_shape_is_refused(folder: Path, path: Path) -> None:
    [told] = run_ranks(folder, 1, refused, path)
    assert "the engine's `gradient_accumulation_steps` is 4, and that of the run is 2" in told


def test_a_last_step_with_fewer_batches_than_the_engine_counts_is_refused(folder: Path) -> None:
    [told] = run_ranks(folder, 1, refused, run_file(folder, batch="gradient-accumulation-steps = 4", rest="epochs = 1"))
    assert "last step has fewer batches than the 4" in told and "the engine" in told and "`drop-last = true`" in told


def test_a_checkpoint_without_a_state_is_refused(folder: Path, path: Path) -> None:
    [told] = run_ranks(folder, 1, without, path, folder)
    assert "`client_state` has no `curricle`" in told


def test_a_checkpoint_in_the_middle_of_a_step_is_refused(folder: Path, path: Path) -> None:
    [(saving, loading, saved)] = run_ranks(folder, 1, within, path, folder)
    assert "middle of a step" in saving and "save where `loader.is_last_of_step`" in saving and saved == []
    assert "its state is of the middle of a step" in loading


def first_of_a_pipeline(rank: int, world: int, path: Path) -> list[int] | None:
    """Two pipelines of two stages, of which the first alone loads."""
    os.environ.update({"LOCAL_RANK": str(rank), "RANK": str(rank), "WORLD_SIZE": str(world)})
    deepspeed.init_distributed("gloo", dist_init_required=False)
    module = deepspeed.pipe.PipelineModule([torch.nn.Linear(2, 2), torch.nn.Linear(2, 2)], num_stages=2, loss_fn=torch.nn.MSELoss())
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    config = {"train_micro_batch_size_per_gpu": 4, "gradient_accumulation_steps": 2}
    engine = deepspeed.initialize(model=module, optimizer=optimizer, config=config, dist_init_required=False)[0]
    found = None
    if engine.is_first_stage():
        found = next(iter(curricle.deepspeed.loader(engine, path, keys=["ids"])))["ids"].tolist()
    torch.distributed.barrier()
    return found


def test_the_first_stages_of_pipelines_load_while_the_others_do_not(folder: Path, path: Path) -> None:
    answers = run_ranks(folder, 4, first_of_a_pipeline, path, timeout=120)
    found = [ids for ids in answers if ids is not None]
    assert len(found) == 2, answers
    assert found[0] + found[1] == whole(run_file(folder, name="whole.toml"), 1)[0][:8]
