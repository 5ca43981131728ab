"""The loader: arrays, lengths, epochs, and where it stands."""

from __future__ import annotations

import itertools
import pickle
from pathlib import Path

import numpy as np
import pytest
from conftest import N, digests, lengths_of, run_file, tokens_of

import curricle


def test_packed_batches_hold_the_tokens_of_their_ids_end_to_end(folder: Path) -> None:
    with curricle.Loader(run_file(folder, batch='values = ["seqlen"]')) as loader:
        batch = next(iter(loader))
        assert batch.tokens.dtype == np.uint16 and batch.tokens.ndim == 1
        assert batch.ids.dtype == np.uint64 and len(batch) == 16
        assert batch.cu_seqlens is not None and batch.cu_seqlens.dtype == np.int32
        for i, (start, end) in zip(batch.ids, zip(batch.cu_seqlens[:-1], batch.cu_seqlens[1:])):
            np.testing.assert_array_equal(batch.tokens[start:end], tokens_of(int(i)))
        np.testing.assert_array_equal(batch.lengths, lengths_of()[batch.ids])
        np.testing.assert_array_equal(batch.columns["seqlen"], lengths_of()[batch.ids])
        assert batch.attention_mask.all()
        np.testing.assert_array_equal(batch.position_ids, np.concatenate([np.arange(n) for n in batch.lengths]))
        np.testing.assert_array_equal(batch.sample_index, np.repeat(np.arange(16), batch.lengths))


def test_padded_batches_are_rows_and_the_mask_says_where_tokens_are(folder: Path) -> None:
    with curricle.Loader(run_file(folder, batch='layout = "padded"\npad-to = 48\npad-token = 999')) as loader:
        batch = next(iter(loader))
        assert batch.tokens.shape == (16, 48) and batch.cu_seqlens is None
        for row, mask, position, i in zip(batch.tokens, batch.attention_mask, batch.position_ids, batch.ids):
            own = tokens_of(int(i))
            np.testing.assert_array_equal(row[: len(own)], own)
            assert (row[len(own) :] == 999).all()
            assert mask.sum() == len(own) and mask[: len(own)].all()
            np.testing.assert_array_equal(position[: len(own)], np.arange(len(own)))
        out = np.empty((16, 48), np.int64)
        batch.copy_tokens(out)
        np.testing.assert_array_equal(out, batch.tokens)


def test_arrays_are_views_that_outlive_batch_and_loader(folder: Path) -> None:
    loader = curricle.Loader(run_file(folder))
    batches = iter(loader)
    batch = next(batches)
    tokens, copy = batch.tokens, batch.tokens.copy()
    assert tokens.base is not None and np.shares_memory(tokens, batch.tokens)
    del batch
    for _ in range(50):
        next(batches)
    loader.close()
    np.testing.assert_array_equal(tokens, copy)


def test_ranks_have_disjoint_shares_whose_union_is_the_global_batch(folder: Path) -> None:
    path = run_file(folder)
    whole = [set(batch.ids.tolist()) for batch, _ in zip(curricle.Loader(path), range(5))]
    for world in (1, 2, 4, 8):
        ranks = [iter(curricle.Loader(path, dp_rank=rank, dp_world_size=world)) for rank in range(world)]
        for step in range(5):
            batches = [next(rank) for rank in ranks]
            assert len({batch.digest for batch in batches}) == 1
            shares = [batch.ids.tolist() for batch in batches]
            assert set().union(*shares) == whole[step] and sum(map(len, shares)) == 16


def test_a_state_goes_on_where_the_trainer_was_and_not_where_the_prefetch_was(folder: Path) -> None:
    path = run_file(folder, rest="prefetch = 8")
    loader = curricle.Loader(path)
    batches = iter(loader)
    for _ in range(5):
        next(batches)
    state = loader.state_dict()
    expected = [next(batches).digest for _ in range(5)]
    for world in (1, 2, 8):
        other = curricle.Loader(path, dp_rank=world - 1, dp_world_size=world)
        other.load_state_dict(state)
        assert digests(other, 5) == expected
    assert len(str(state)) < 4096


def test_a_state_within_a_step_goes_on_within_it_with_another_number_of_ranks(folder: Path) -> None:
    path = run_file(folder, batch="micro-batch-size = 2")
    loader = curricle.Loader(path)
    batches = iter(loader)
    first = [next(batches) for _ in range(8 + 4)]
    assert [batch.is_last_of_step for batch in first] == [False] * 7 + [True] + [False] * 4
    state = loader.state_dict()
    assert state["samples_into_step"] == 8
    rest = [i for batch, _ in zip(batches, range(4)) for i in batch.ids.tolist()]
    two = [iter(_resumed(path, state, rank, 2)) for rank in range(2)]
    assert [i for _ in range(2) for rank in two for i in next(rank).ids.tolist()] == rest
    # Before anything of it was yielded, the state says the same.
    again = _resumed(path, state, 0, 2)
    assert again.state_dict() == state
    with pytest.raises(curricle.StateError, match="8 samples into a step"):
        _resumed(run_file(folder, name="other.toml"), state, 0, 1)


def _resumed(path: Path, state: dict[str, object], rank: int, world: int) -> curricle.Loader:
    loader = curricle.Loader(path, dp_rank=rank, dp_world_size=world)
    loader.load_state_dict(state)
    return loader


OTHERS = {
    "a larger batch": ("global-batch-size = 16", "global-batch-size = 32", "", ()),
    "a smaller batch": ("global-batch-size = 16", "global-batch-size = 8", "", ()),
    "another seed": ("seed = 7", "seed = 8", "", ("seed-change",)),
    "another budget of tokens": ("max-tokens = 100", "max-tokens = 120", "[batch.tokens]\nmax-tokens = 100\nmicro-batches = 4", ()),
}


@pytest.mark.parametrize("other", OTHERS)
def test_a_state_within_a_step_is_refused_where_that_step_is_another(folder: Path, other: str) -> None:
    old, new, batch, allow = OTHERS[other]
    path = run_file(folder, batch=batch or "micro-batch-size = 2")
    if batch:
        path.write_text(path.read_text().replace("global-batch-size = 16", "global-batch-size = 64"))
    loader = curricle.Loader(path)
    batches = iter(loader)
    for _ in range(100):
        found = next(batches)
        if found.step == 1 and found.micro_batch + 1 == found.n_micro_batches // 2:
            break
    state = loader.state_dict()
    assert state["step_under_way"] == found.digest
    changed = folder / "changed.toml"
    changed.write_text(path.read_text().replace(old, new))
    resumed = curricle.Loader(changed, allow=allow)
    resumed.load_state_dict(state)
    before = resumed.state_dict()
    assert before == state or allow
    for _ in range(2):
        with pytest.raises(curricle.StateError, match=r"middle of step 1, .* is another here.*from the end of a step"):
            next(iter(resumed))
        assert resumed.state_dict() == before
    # Of the end of the step it goes on.
    for found in batches:
        if found.is_last_of_step:
            break
    resumed.load_state_dict(loader.state_dict())
    assert next(iter(resumed)).step == 2


def test_a_state_within_a_step_goes_on_where_that_step_is_the_same(folder: Path) -> None:
    path = run_file(folder, batch="micro-batch-size = 2")
    loader = curricle.Loader(path)
    batches = iter(loader)
    for _ in range(8 + 4):
        next(batches)
    state = loader.state_dict()
    rest = [next(batches).ids.tolist() for _ in range(6)]
    ends = run_file(folder, batch="micro-batch-size = 2", rest="steps = 3\nprefetch = 0", name="ends.toml")
    # States that were made before they told the batch have no such key.
    told_less = {key: value for key, value in state.items() if key != "step_under_way"}
    for given in (state, told_less):
        resumed = _resumed(ends, given, 0, 1)
        assert [next(iter(resumed)).ids.tolist() for _ in range(6)] == rest
    with pytest.raises(curricle.StateError, match="`step_under_way` is 7"):
        _resumed(path, {**state, "step_under_way": 7}, 0, 1)


def test_a_state_is_a_value(folder: Path) -> None:
    loader = curricle.Loader(run_file(folder))
    batches = iter(loader)
    next(batches)
    state = loader.state_dict()
    copy = dict(state)
    next(batches)
    assert state == copy and loader.state_dict() != copy


def test_the_length_is_what_is_yielded(folder: Path) -> None:
    # 200 samples in steps of 16 are 12 whole ones and 8 samples.
    for rest, batch in [
        ("epochs = 1", ""),
        ("epochs = 1\ndrop-last = true", ""),
        ("epochs = 3", "micro-batch-size = 2"),
        ("steps = 5", "micro-batch-size = 4"),
    ]:
        loader = curricle.Loader(run_file(folder, rest=rest, batch=batch))
        assert len(loader) == len(list(loader)) > 0
        assert list(loader) == []
    with pytest.raises(TypeError, match="nobody knows"):
        len(curricle.Loader(run_file(folder)))


def test_epochs_pause_and_set_epoch_moves_between_them(folder: Path) -> None:
    path = run_file(folder)
    whole = digests(curricle.Loader(path), 36)
    loader = curricle.Loader(path, steps_per_epoch="dataset")
    assert len(loader) == N // 16
    found = []
    for epoch in range(3):
        loader.set_epoch(epoch)
        assert loader.epoch == epoch
        found += [batch.digest for batch in loader]
    assert found == whole
    loader.set_epoch(1)
    assert [batch.digest for batch in loader] == whole[12:24]


def test_set_epoch_leaves_a_restored_place_alone(folder: Path) -> None:
    path = run_file(folder)
    loader = curricle.Loader(path, steps_per_epoch=10)
    for _ in loader:
        pass
    batches = iter(loader)
    for _ in range(4):
        next(batches)
    state = loader.state_dict()
    rest = [batch.digest for batch in batches]
    other = curricle.Loader(path, steps_per_epoch=10)
    other.load_state_dict(state)
    other.set_epoch(1)
    other.set_epoch(1)
    assert [batch.digest for batch in other] == rest and len(rest) == 6


def test_a_loop_over_epochs_goes_on_from_a_state_wherever_it_begins_to_count(folder: Path) -> None:
    path = run_file(folder)
    whole = digests(curricle.Loader(path), 15)
    for taken in (7, 10, 12):
        loader = curricle.Loader(path, steps_per_epoch=5)
        for batch in itertools.chain(loader, loader, loader):
            if batch.step == taken - 1:
                break
        state = loader.state_dict()
        for first in (0, taken // 5 - (taken % 5 == 0), taken // 5):
            other = curricle.Loader(path, steps_per_epoch=5)
            other.load_state_dict(state)
            found = []
            for epoch in range(first, 3):
                other.set_epoch(epoch)
                found.append([batch.digest for batch in other])
            assert [digest for epoch in found for digest in epoch] == whole[taken:]
            # What was over when the state was taken is empty, and nothing else is.
            assert [len(epoch) for epoch in found] == [min(5, max(0, (epoch + 1) * 5 - taken)) for epoch in range(first, 3)]


@pytest.mark.parametrize("change", ["global-batch-size", "seed-change"])
def test_an_epoch_ahead_follows_on_what_was_done_before_a_resume_with_a_change(folder: Path, change: str) -> None:
    path = run_file(folder)
    before = curricle.Loader(path)
    digests(before, 3)
    old, new = {"global-batch-size": ("global-batch-size = 16", "global-batch-size = 8"), "seed-change": ("seed = 7", "seed = 8")}[change]
    changed = folder / "changed.toml"
    changed.write_text(path.read_text().replace(old, new))

    def resumed() -> curricle.Loader:
        loader = curricle.Loader(changed, steps_per_epoch=5, allow=["seed-change"])
        loader.load_state_dict(before.state_dict())
        return loader

    plain = resumed()
    # Two steps to the end of the epoch, one whole epoch, and one step of that which is gone to.
    expected = [
        (batch.step, batch.digest, batch.ids.tolist(), plain.state_dict()) for batch, _ in zip(itertools.chain(plain, plain, plain), range(8))
    ]
    for taken in (0, 1, 3):
        loader = resumed()
        digests(loader, min(taken, 2))
        digests(loader, taken - min(taken, 2))
        loader.set_epoch(2)
        batch = next(iter(loader))
        assert (batch.step, batch.digest, batch.ids.tolist(), loader.state_dict()) == expected[-1], taken
    if change == "seed-change":
        assert "seed-change" in expected[-1][3]["state"]


def test_an_epoch_ahead_of_the_middle_of_a_step_begins_with_its_first_batch(folder: Path) -> None:
    path = run_file(folder, batch="gradient-accumulation-steps = 2")
    whole = digests(curricle.Loader(path), 12)
    loader = curricle.Loader(path, steps_per_epoch=2)
    for n in (1, 2, 3):
        loader.set_epoch(0)
        digests(loader, n)
        loader.set_epoch(2)
        assert [batch.digest for batch in loader] == whole[8:12]


def test_an_epoch_that_is_repeated_is_repeated_after_a_restore_too(folder: Path) -> None:
    path = run_file(folder)
    loader = curricle.Loader(path, steps_per_epoch=5)
    batches = iter(loader)
    for _ in range(3):
        next(batches)
    other = curricle.Loader(path, steps_per_epoch=5)
    other.load_state_dict(loader.state_dict())
    lengths = []
    for _ in range(3):
        other.set_epoch(0)
        lengths.append(len(list(other)))
    assert lengths == [2, 5, 5]


def test_a_loader_pickles_as_path_and_place(folder: Path) -> None:
    loader = curricle.Loader(run_file(folder), dp_rank=1, dp_world_size=2)
    unused = pickle.loads(pickle.dumps(loader))
    batches = iter(loader)
    first = [next(batches).digest for _ in range(3)]
    other = pickle.loads(pickle.dumps(loader))
    rest = [next(batches).digest for _ in range(3)]
    assert digests(other, 3) == rest
    assert digests(unused, 3) == first
    assert len(pickle.dumps(loader)) < 4096


def test_annotations_tell_what_the_policy_decided(folder: Path) -> None:
    policy = 'plugin = "curriculum"\n[policy.config]\nmetrics = [{ column = "seqlen", by = "value", pacing = "short" }]'
    path = run_file(folder, policy=policy)
    path.write_text(path.read_text() + '[pacing.short]\nkind = "linear"\nmin = 8\nmax = 40\nsteps = 20\nquantum = 8\n')
    for batch, _ in zip(curricle.Loader(path), range(3)):
        assert any("seqlen" in name for name in batch.annotations), batch.annotations


def test_simulate_plans_what_the_loader_yields(folder: Path) -> None:
    path = run_file(folder, rest="steps = 9")
    seen = curricle.simulate(path, 100)
    assert seen.digest == [batch.digest for batch in curricle.Loader(path)]
    assert seen.step.tolist() == list(range(9)) and (seen.samples == 16).all() and (seen.fuel > 0).all()
    assert np.allclose(sum(seen.shares().values()), 1)


def test_what_a_batch_copies_goes_into_arrays_in_the_order_of_c_beside_its_own_memory(folder: Path) -> None:
    batch = next(iter(curricle.Loader(run_file(folder, batch='layout = "padded"\npad-to = 40\npad-token = 0'))))
    for copy in (batch.copy_tokens, batch.copy_labels, batch.copy_position_ids, batch.copy_attention_mask, batch.copy_sample_index):
        with pytest.raises(ValueError, match="C order"):
            copy(np.empty(batch.tokens.shape, np.int64, order="F"))
    tokens = np.arange(400, dtype=np.int32)
    np.save(folder / "flat.npy", tokens)
    text = 'seed = 7\n[dataset]\npath = "flat.npy"\nsequence-length = 4\n[batch]\nglobal-batch-size = 8\n[policy]\nplugin = "uniform"\n'
    own = next(iter(curricle.Loader(curricle.Run(text=text, folder=folder))))
    with pytest.raises(ValueError, match="own memory"):
        own.copy_labels(own.tokens)


def test_what_says_where_tokens_are_cannot_be_written_to(folder: Path) -> None:
    batch = next(iter(curricle.Loader(run_file(folder, batch='values = ["seqlen"]'))))
    for array in (batch.ids, batch.lengths, batch.starts, batch.columns["seqlen"]):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1
        with pytest.raises(ValueError):
            array.flags.writeable = True
    batch.tokens[0] = 1
