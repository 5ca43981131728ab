"""Many ranks: real processes that know of each other through ``torch.distributed``."""

from __future__ import annotations

import json
import multiprocessing
import os
import pickle
import shutil
import signal
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from conftest import run_file

pytest.importorskip("torch")

from processes import Died, join_group, run_ranks

import curricle


def share(rank: int, world: int, path: Path, n: int) -> list[tuple[str, list[int]]]:
    """What this rank sees in ``n`` batches; that it is this rank is found out by the loader."""
    loader = curricle.Loader(path)
    return [(batch.digest, batch.ids.tolist()) for batch, _ in zip(loader, range(n))]


def sampled_share(rank: int, world: int, path: Path, n: int) -> list[list[int]]:
    from torch.utils.data import DataLoader

    from curricle.torch import BatchSampler

    loader = DataLoader(range(10_000), batch_sampler=BatchSampler(path), collate_fn=list)  # type: ignore[arg-type]
    return [ids for ids, _ in zip(loader, range(n))]


@pytest.mark.parametrize("world", [1, 2, 4, 8])
def test_ranks_see_disjoint_shares_whose_union_is_the_global_batch(folder: Path, world: int) -> None:
    path = run_file(folder)
    shares = run_ranks(folder, world, share, path, 12)
    for step, batch in enumerate(curricle.Loader(path)):
        if step == 12:
            break
        of_step = [share[step] for share in shares]
        assert {digest for digest, _ in of_step} == {batch.digest}
        # In the order of the ranks they are the global batch itself, so no sample is seen twice.
        assert [i for _, ids in of_step for i in ids] == batch.ids.tolist()
        assert len(set(batch.ids.tolist())) == 16


def test_data_loaders_of_ranks_see_the_same_shares(folder: Path) -> None:
    path = run_file(folder)
    found = run_ranks(folder, 4, sampled_share, path, 5)
    assert found == [[ids for _, ids in share] for share in run_ranks(folder, 4, share, path, 5)]


def train(rank: int, world: int, path: Path, folder: Path, end: int, kill: tuple[int, int, int] | None) -> list[tuple[int, int, list[int]]]:
    """Takes micro-batches up to step ``end``, all ranks in step; rank 0 keeps the state after each. One of them may be killed on its way."""
    import torch.distributed

    loader = curricle.Loader(path)
    saved = folder / "state.json"
    if saved.exists():
        loader.load_state_dict(json.loads(saved.read_text()))
    seen = []
    for batch in loader:
        if batch.step == end:
            break
        if kill == (rank, batch.step, batch.micro_batch):
            os.kill(os.getpid(), signal.SIGKILL)
        torch.distributed.barrier()
        seen.append((batch.step, rank, batch.ids.tolist()))
        if rank == 0:
            (folder / "state.part").write_text(json.dumps(loader.state_dict()))
            os.replace(folder / "state.part", saved)
            with open(folder / "log", "a") as log:
                log.write(json.dumps([batch.step, batch.micro_batch]) + "\n")
    return seen


@pytest.mark.parametrize(("before", "after", "in_step"), [(4, 2, 0), (2, 8, 0), (8, 1, 0), (4, 2, 1), (2, 8, 4), (8, 1, 1)])
def test_after_a_kill_another_number_of_ranks_goes_on_with_the_global_order(folder: Path, before: int, after: int, in_step: int) -> None:
    # 16 samples a step in micro-batches of 1: each number of ranks accumulates over at least two, and the kill may come between them.
    path = run_file(folder, batch="micro-batch-size = 1")
    whole = [batch.ids.tolist() for batch, _ in zip(curricle.Loader(run_file(folder, name="whole.toml")), range(6))]
    killed = run_ranks(folder, before, train, path, folder, 6, (before - 1, 3, in_step), patience=5)
    assert isinstance(killed[-1], Died) and killed[-1].exit_code == -signal.SIGKILL
    assert not any(isinstance(answer, list) for answer in killed), killed
    # All ranks had taken what the log says when one was killed, and nothing more.
    taken = [json.loads(line) for line in (folder / "log").read_text().splitlines()]
    accumulation = 16 // before
    assert len(taken) == 3 * accumulation + in_step

    resumed = run_ranks(folder, after, train, path, folder, 6, None)
    rest = [ids for items in zip(*resumed) for _, _, ids in items]
    expected = [i for ids in whole for i in ids][len(taken) * before :]
    assert [i for ids in rest for i in ids] == expected


# Ranks that are not of one run.


def refusal(rank: int, world: int, paths: list[Path], options: list[dict[str, Any]]) -> tuple[type, str, list[int] | None]:
    try:
        next(iter(curricle.Loader(paths[rank], **options[rank])))
    except curricle.CurricleError as error:
        return type(error), str(error), getattr(error, "ranks", None)
    raise AssertionError("nothing was refused")


def another_build(wasm: bytes) -> bytes:
    """The same component with a custom section more: it behaves alike and is another file."""
    name, content = b"built-by", b"somebody else"
    section = bytes([len(name)]) + name + content
    return wasm + bytes([0, len(section)]) + section


def test_a_rank_with_another_build_of_the_plugin_is_refused_at_the_start_with_both_digests(folder: Path) -> None:
    import hashlib

    own = Path(curricle.__file__).parent / "plugins"
    wasm = (Path(os.environ.get("CURRICLE_PLUGINS", own)) / "uniform.wasm").read_bytes()
    digests, paths = [], []
    for name, content in (("node-0", wasm), ("node-1", another_build(wasm))):
        node = folder / name
        node.mkdir()
        (node / "uniform.wasm").write_bytes(content)
        for file in ("corpus.bin", "corpus.idx"):
            shutil.copy(folder / file, node / file)
        digests.append(hashlib.sha256(content).hexdigest())
        paths.append(run_file(node, policy='plugin = "uniform.wasm"'))
    # Each build by itself plans the same.
    orders = [[batch.ids.tolist() for batch, _ in zip(curricle.Loader(path), range(3))] for path in paths]
    assert orders[0] == orders[1]

    for world, other in ((2, 1), (4, 2)):
        of_ranks = [paths[rank == other] for rank in range(world)]
        for kind, message, ranks in run_ranks(folder, world, refusal, of_ranks, [{}] * world):
            assert kind is curricle.RanksError and ranks == [other]
            assert f"plugin_sha256: {digests[1]} on rank {other}, {digests[0]} on rank 0" in message


def test_a_rank_that_cannot_start_is_told_to_the_others(folder: Path) -> None:
    wrong = run_file(folder, name="wrong.toml", policy='plugin = "no-such-plugin.wasm"')
    paths = [run_file(folder), wrong, run_file(folder)]
    answers = run_ranks(folder, 3, refusal, [*paths], [{"dp_rank": rank, "dp_world_size": 4} for rank in range(3)], timeout=90)
    for rank in (0, 2):
        kind, message, ranks = answers[rank]
        assert kind is curricle.RanksError and ranks == [1]
        assert "not all ranks could start" in message and "no-such-plugin" in message
    assert answers[1][0] is not curricle.RanksError and "no-such-plugin" in answers[1][1]


def start_with(rank: int, world: int, path: Path, wrong: dict[str, Any], state: dict[str, Any] | None) -> tuple[str, str]:
    loader = curricle.Loader(path, **(wrong if rank else {}))
    try:
        if rank and state:
            loader.load_state_dict(state)
        next(iter(loader))
    except Exception as error:
        return type(error).__name__, str(error)
    raise AssertionError("nothing was refused")


def test_a_rank_that_cannot_start_for_what_is_no_error_of_the_package_is_told_too(folder: Path) -> None:
    path = run_file(folder)
    for kind, options, state in (("ValueError", {"allow": ["typo"]}, None), ("UnicodeEncodeError", {}, {"version": 1, "state": "\udcff"})):
        healthy, failed = run_ranks(folder, 2, start_with, path, options, state, timeout=50)
        assert failed[0] == kind
        assert healthy == ("RanksError", f"not all ranks could start; mend what they say and start all again\n  rank 1: {kind}: {failed[1]}")


def test_processes_that_serve_the_same_share_are_refused(folder: Path) -> None:
    path = run_file(folder)
    for options in ([{"dp_rank": 0, "dp_world_size": 2}] * 2, [{"dp_rank": 0, "dp_world_size": 1}, {"dp_rank": 1, "dp_world_size": 2}]):
        for kind, message, ranks in run_ranks(folder, 2, refusal, [path] * 2, options):
            assert kind is curricle.RanksError and ranks == [0, 1]
            assert "trained on twice, or never" in message and "dp_world_size" in message


def load_on_one(rank: int, world: int, path: Path, state: dict[str, Any]) -> str:
    loader = curricle.Loader(path)
    if rank == 1:
        loader.load_state_dict(state)
    with pytest.raises(curricle.RanksError) as error:
        next(iter(loader))
    return str(error.value)


def test_a_state_that_not_all_ranks_load_is_refused_before_the_next_batch(folder: Path) -> None:
    path = run_file(folder)
    loader = curricle.Loader(path)
    next(iter(loader))
    for told in run_ranks(folder, 4, load_on_one, path, loader.state_dict()):
        assert "rank 1 is at step 1, rank 0 at step 0" in told, told


def load_each(rank: int, world: int, path: Path, states: list[dict[str, Any] | None]) -> tuple[str, list[int]] | list[int]:
    loader = curricle.Loader(path)
    state = states[rank]
    if state is not None:
        loader.load_state_dict(state)
    try:
        return next(iter(loader)).ids.tolist()
    except curricle.RanksError as error:
        return str(error), error.ranks


def test_ranks_at_different_places_of_one_step_are_refused(folder: Path) -> None:
    path = run_file(folder, batch="micro-batch-size = 2")
    loader = curricle.Loader(path, dp_rank=0, dp_world_size=2)
    states = [loader.state_dict() for _ in zip(range(2), loader)]
    less = {**states[1], "step_under_way": ""}
    another = {**states[1], "step_under_way": "0" * 32}
    for of_ranks, told in (
        ([states[1], None], "rank 1 is at the start of step 0, rank 0 is 8 samples into step 0"),
        ([states[1], states[0]], "rank 1 is 4 samples into step 0"),
        ([states[1], another], f"rank 1 is 8 samples into step 0, batch {'0' * 32}, rank 0 is 8 samples into step 0, batch "),
    ):
        for answer in run_ranks(folder, 2, load_each, path, of_ranks):
            assert isinstance(answer, tuple) and told in answer[0] and answer[1] == [1], answer
    # One state, and one that an earlier release saved at the same place.
    shares = [[batch.ids.tolist() for batch, _ in zip(curricle.Loader(path, dp_rank=rank, dp_world_size=2), range(3))] for rank in (0, 1)]
    for same in ([states[1], states[1]], [states[1], less]):
        assert run_ranks(folder, 2, load_each, path, same) == [share[2] for share in shares]


def ask_on_one(rank: int, world: int, path: Path) -> int:
    import torch.distributed

    loader = curricle.Loader(path, steps_per_epoch=3)
    if rank == 0:
        assert loader.epoch == 0 and len(loader) == 3 and loader.rank_digest() and loader.state_dict()
    torch.distributed.barrier()
    return len(list(loader))


def test_one_rank_may_ask_for_a_state_while_the_others_do_not(folder: Path) -> None:
    assert run_ranks(folder, 2, ask_on_one, run_file(folder), timeout=60) == [3, 3]


def jump(rank: int, world: int, paths: list[Path]) -> tuple[type, str]:
    loader = curricle.Loader(paths[rank], steps_per_epoch=5)
    try:
        loader.set_epoch(1)
        next(iter(loader))
    except curricle.CurricleError as error:
        return type(error), str(error)
    raise AssertionError("nothing was refused")


def test_a_rank_whose_plugin_fails_on_the_way_to_an_epoch_is_told_to_the_others(folder: Path) -> None:
    hostile = os.environ.get("CURRICLE_HOSTILE")
    if hostile is None:
        pytest.skip("`cargo xtask test` says where the hostile plugins are")
    failing = run_file(folder, name="failing.toml", policy=f'plugin = "{hostile}/evil-policy.wasm"\nconfig = {{ wrong = "panic", at = 3 }}')
    answers = run_ranks(folder, 2, jump, [run_file(folder), failing], timeout=60)
    assert answers[0][0] is curricle.RanksError and "not all ranks could start" in answers[0][1] and "evil-policy" in answers[0][1]
    assert answers[1][0] is curricle.PluginTrapError


def replicas(rank: int, world: int, path: Path) -> list[int]:
    loader = curricle.Loader(path, dp_rank=rank // 2, dp_world_size=2)
    return next(iter(loader)).ids.tolist()


def test_ranks_of_one_replica_share_a_slice(folder: Path) -> None:
    path = run_file(folder)
    shares = run_ranks(folder, 4, replicas, path)
    assert shares[0] == shares[1] and shares[2] == shares[3]
    assert shares[0] + shares[2] == next(iter(curricle.Loader(path))).ids.tolist()


# Where only some of the processes load data.


def of_two_by_two(rank: int, world: int, path: Path, other: Path, explicit: bool) -> tuple[list[int], list[str]] | None:
    """Ranks 0 and 2 load, each for a replica of two processes."""
    import torch.distributed

    groups = [torch.distributed.new_group(ranks) for ranks in ([0, 2], [1, 3])]
    place: dict[str, Any] = {"dp_rank": rank // 2, "dp_world_size": 2} if explicit else {}
    if rank % 2 == 1:
        with pytest.raises(curricle.ConfigError, match=f"process {rank} is not in that process group"):
            next(iter(curricle.Loader(path, group=groups[0], **place)))
        torch.distributed.barrier()
        return None
    loader = curricle.Loader(path, group=groups[0], **place)
    ids = next(iter(loader)).ids.tolist()
    again = pickle.loads(pickle.dumps(loader))
    assert (again.run.dp_rank, again.run.dp_world_size) == (rank // 2, 2)
    told = []
    # Another order on one of them, and one share for both.
    for run, options in ((other if rank == 2 else path, place), (path, {"dp_rank": 0, "dp_world_size": 2})):
        with pytest.raises(curricle.RanksError) as error:
            next(iter(curricle.Loader(curricle.Run(run, group=groups[0]), **options)))
        told.append(str(error.value))
    torch.distributed.barrier()
    return ids, told


@pytest.mark.parametrize("explicit", [True, False])
def test_ranks_that_load_are_compared_in_their_group_while_the_others_load_nothing(folder: Path, explicit: bool) -> None:
    path, other = run_file(folder), run_file(folder, name="other.toml")
    other.write_text(other.read_text().replace("seed = 7", "seed = 8"))
    first, nothing, second, nothing_either = run_ranks(folder, 4, of_two_by_two, path, other, explicit, timeout=90)
    assert nothing is None and nothing_either is None
    assert first[0] + second[0] == next(iter(curricle.Loader(path))).ids.tolist()
    assert first[1] == second[1]
    assert "seed: 8 on rank 1, 7 on rank 0" in first[1][0] and "trained on twice, or never" in first[1][1]


# When the process becomes a rank after the loader was made.


def late(rank: int, world: int, path: Path, store: str) -> tuple[int, list[int], str]:
    asked, used = curricle.Loader(path), curricle.Loader(path)
    length = len(asked)
    next(iter(used))
    join_group(store, rank, world)
    try:
        next(iter(used))
        told = ""
    except curricle.ConfigError as error:
        told = str(error)
    return length - len(asked), next(iter(asked)).ids.tolist(), told


def test_a_loader_serves_the_rank_that_the_process_has_when_it_is_used(folder: Path) -> None:
    path = run_file(folder, rest="steps = 4")
    answers = run_ranks(folder, 2, late, path, str(folder / "late"), join=False)
    assert [ids for _, ids, _ in answers] == [batches[0][1] for batches in run_ranks(folder, 2, share, path, 1)]
    for rank, (_, _, told) in enumerate(answers):
        assert f"as rank 0 of 1 when the process became rank {rank} of 2" in told


def left(rank: int, world: int, path: Path) -> tuple[bytes, list[int]]:
    import torch.distributed

    loader = curricle.Loader(path)
    batches = iter(loader)
    next(batches)
    torch.distributed.destroy_process_group()
    pickled = pickle.dumps(loader)
    return pickled, next(batches).ids.tolist()


def test_a_loader_that_is_pickled_behind_the_end_of_its_group_keeps_the_rank_that_it_served(folder: Path) -> None:
    for rank, (pickled, ids) in enumerate(run_ranks(folder, 2, left, run_file(folder))):
        arrived = pickle.loads(pickled)
        assert (arrived.run.dp_rank, arrived.run.dp_world_size) == (rank, 2)
        assert next(iter(arrived)).ids.tolist() == ids


# What a rank sends to processes that are in no group.


def next_of(pickled: bytes) -> list[int]:
    return next(iter(pickle.loads(pickled))).ids.tolist()


def sent(rank: int, world: int, path: Path, before: bytes, store: str) -> tuple[list[int], list[int], tuple[int, int], tuple[int, int]]:
    early = pickle.loads(pickle.dumps(curricle.Run(path)))
    join_group(store, rank, world)
    loader = curricle.Loader(path)
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as workers:
        unused = workers.submit(next_of, pickle.dumps(loader)).result()
        next(iter(loader))
        used = workers.submit(next_of, pickle.dumps(loader)).result()
    arrived = pickle.loads(before).run
    return unused, used, (early.dp_rank, early.dp_world_size), (arrived.dp_rank, arrived.dp_world_size)


def test_a_loader_that_a_rank_sends_to_a_worker_serves_the_share_of_that_rank(folder: Path) -> None:
    path = run_file(folder)
    whole = [batch.ids.tolist() for batch, _ in zip(curricle.Loader(path), range(2))]
    answers = run_ranks(folder, 2, sent, path, pickle.dumps(curricle.Loader(path)), str(folder / "sent"), join=False)
    for step in (0, 1):
        assert answers[0][step] + answers[1][step] == whole[step]
    # What was pickled before there was a group takes the rank of the process that it is in.
    assert [answer[2:] for answer in answers] == [((rank, 2), (rank, 2)) for rank in (0, 1)]


def in_a_fork(work: Callable[[], Any]) -> str:
    """What ``work`` gave or raised in a process forked from this one, in words."""
    receiver, sender = os.pipe()
    child = os.fork()
    if child == 0:
        signal.alarm(30)
        try:
            told = f"{work()}"
        except BaseException as error:
            told = f"{type(error).__name__}: {error}"
        os.write(sender, told.encode())
        os._exit(0)
    os.close(sender)
    with open(receiver, "rb") as answer:
        told = answer.read().decode()
    assert os.waitpid(child, 0)[1] == 0, "the process hung"
    return told


def forked(rank: int, world: int, path: Path, wrong: Path) -> list[str]:
    used, unused, unchecked = curricle.Loader(path), curricle.Loader(path), curricle.Loader(path, check_ranks=False)
    next(iter(used))
    state = used.state_dict()

    def first(loader: curricle.Loader) -> list[int]:
        return next(iter(loader)).ids.tolist()

    return [
        in_a_fork(lambda: first(used)),
        in_a_fork(lambda: used.load_state_dict(state)),
        in_a_fork(lambda: first(unused)),
        in_a_fork(lambda: first(curricle.Loader(wrong))),
        in_a_fork(lambda: curricle.check_ranks(bytes(16))),
        in_a_fork(lambda: first(unchecked)),
        # And the rank itself goes on.
        str(first(unused)),
    ]


def test_a_process_that_is_forked_from_a_rank_is_refused_and_never_waits_for_the_others(folder: Path) -> None:
    path, wrong = run_file(folder), run_file(folder, name="wrong.toml", policy='plugin = "no-such-plugin.wasm"')
    shares = run_ranks(folder, 2, share, path, 1)
    for rank, told in enumerate(run_ranks(folder, 2, forked, path, wrong)):
        used, loaded, unused, failing, compared, unchecked, own = told
        assert "ForkError" in used and "ForkError" in loaded
        for words in (unused, compared):
            assert "ForkError" in words and f"was forked from rank {rank}" in words and "`check_ranks=False`" in words and "`spawn`" in words
        assert "no-such-plugin" in failing
        assert unchecked == own == str(shares[rank][0][1])
