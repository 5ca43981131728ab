"""With torch: tensors of batches, and the batch sampler in torch's and torchdata's data loaders."""

from __future__ import annotations

import itertools
import pickle
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import N, lengths_of, run_file, tokens_of

import curricle

torch = pytest.importorskip("torch")
pytest.importorskip("torchdata")

from torch.utils.data import DataLoader, Dataset
from torchdata.stateful_dataloader import StatefulDataLoader

import curricle.torch
from curricle.torch import BatchSampler

WORKERS = [(0, None), (1, "fork"), (2, "fork")]
# Each of these imports torch again, which takes seconds.
SPAWNED = (2, "spawn")


class Numbers(Dataset):
    """A dataset of somebody's own: a sample is its number."""

    def __len__(self) -> int:
        return N

    def __getitem__(self, index: int) -> int:
        return index


def as_lists(samples: list[Any]) -> list[Any]:
    """Keeps samples as they are; tokens as lists."""
    return [sample.tolist() if isinstance(sample, np.ndarray) else sample for sample in samples]


def loader_of(sampler: BatchSampler, workers: int = 0, context: str | None = None, kind: Any = StatefulDataLoader, **more: Any) -> Any:
    return kind(Numbers(), batch_sampler=sampler, num_workers=workers, multiprocessing_context=context, collate_fn=as_lists, **more)


def ids_of(path: Path, n: int | None = None, **options: Any) -> list[list[int]]:
    """Ids of the batches that the loader yields."""
    batches = curricle.Loader(path, **options)
    return [batch.ids.tolist() for batch, _ in zip(batches, range(n) if n is not None else iter(int, 1))]


def take(batches: Iterator[Any], n: int) -> list[Any]:
    return [next(batches) for _ in range(n)]


# Tensors.


def test_tensors_share_the_memory_of_their_batch_unless_they_are_of_another_type(folder: Path) -> None:
    batch = next(iter(curricle.Loader(run_file(folder))))
    shared = batch.torch()
    assert shared.dtype == torch.uint16 and shared.data_ptr() == batch.tokens.ctypes.data
    assert torch.from_dlpack(batch).data_ptr() == batch.tokens.ctypes.data
    for dtype in (torch.int64, torch.int32):
        copied = batch.torch(dtype)
        assert copied.dtype == dtype and copied.shape == batch.tokens.shape
        np.testing.assert_array_equal(copied.numpy(), batch.tokens)
        copied[0] += 1
        assert copied[0] == batch.tokens[0] + 1
    tokens = batch.tokens.copy()
    del batch
    np.testing.assert_array_equal(shared.numpy(), tokens)


def test_tensors_of_rows_have_rows(folder: Path) -> None:
    batch = next(iter(curricle.Loader(run_file(folder, batch='layout = "padded"\npad-to = 40'))))
    assert batch.torch().shape == batch.torch(torch.int64).shape == (16, 40)


def test_tensors_are_of_no_other_type(folder: Path) -> None:
    batch = next(iter(curricle.Loader(run_file(folder))))
    with pytest.raises(TypeError, match=r"float32.*int64 or torch.int32"):
        batch.torch(torch.float32)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="memory is pinned for a GPU")
def test_pinned_tensors_are_copies_that_a_gpu_reads(folder: Path) -> None:
    batch = next(iter(curricle.Loader(run_file(folder))))
    pinned = batch.torch(pin_memory=True)
    assert pinned.is_pinned() and pinned.dtype == torch.int64
    np.testing.assert_array_equal(pinned.to("cuda", non_blocking=True).cpu().numpy(), batch.tokens)


# Dicts of tensors.


def test_packed_batches_are_one_row_in_which_no_sample_is_predicted_from_another(folder: Path) -> None:
    batch = next(iter(curricle.Loader(run_file(folder))))
    made = curricle.torch.tensors(batch)
    assert list(made) == ["input_ids", "position_ids", "labels"]
    assert all(tensor.dtype == torch.int64 and tensor.shape == (1, batch.tokens.size) for tensor in made.values())
    np.testing.assert_array_equal(made["input_ids"][0], batch.tokens)
    np.testing.assert_array_equal(made["position_ids"][0], batch.position_ids)
    expected = batch.tokens.astype(np.int64)
    expected[batch.cu_seqlens[1:-1]] = -100
    np.testing.assert_array_equal(made["labels"][0], expected)


def test_padded_batches_have_a_mask_and_labels_only_where_there_are_tokens(folder: Path) -> None:
    batch = next(iter(curricle.Loader(run_file(folder, batch='layout = "padded"\npad-to = 40\npad-token = 999'))))
    made = curricle.torch.tensors(batch)
    assert list(made) == ["input_ids", "position_ids", "labels", "attention_mask"]
    assert all(tensor.dtype == torch.int64 and tensor.shape == (16, 40) for tensor in made.values())
    np.testing.assert_array_equal(made["attention_mask"].sum(1), batch.lengths)
    np.testing.assert_array_equal(made["labels"], np.where(batch.attention_mask, batch.tokens.astype(np.int64), -100))


def test_rows_of_several_samples_are_told_apart_by_positions_and_labels(folder: Path) -> None:
    batch = next(iter(curricle.Loader(run_file(folder, batch='layout = "rows"\nrow-length = 64\npacker = "first-fit"'))))
    made = curricle.torch.tensors(batch)
    assert list(made) == ["input_ids", "position_ids", "labels"] and made["labels"].shape == batch.tokens.shape
    expected = np.where(batch.attention_mask, batch.tokens.astype(np.int64), -100).ravel()
    behind = batch.starts[batch.starts % 64 > 0].astype(np.int64)
    assert len(behind) > 0
    expected[behind] = -100
    np.testing.assert_array_equal(made["labels"].ravel(), expected)


LAYOUTS = ["", 'layout = "padded"\npad-to = 40\npad-token = 999', 'layout = "rows"\nrow-length = 64\npacker = "first-fit"']


@pytest.mark.parametrize("batch", LAYOUTS)
@pytest.mark.parametrize("dtype", [np.int64, np.int32])
def test_what_tensors_are_written_from_fills_any_memory_with_what_the_arrays_say(folder: Path, batch: str, dtype: type) -> None:
    made = next(iter(curricle.Loader(run_file(folder, batch=batch))))
    out = np.full(made.tokens.shape, 77, dtype)
    for copy, expected in [
        (made.copy_tokens, made.tokens),
        (made.copy_position_ids, made.position_ids),
        (made.copy_attention_mask, made.attention_mask),
        (made.copy_sample_index, made.sample_index),
    ]:
        copy(out)
        np.testing.assert_array_equal(out, expected)


def test_the_wide_tensors_are_written_where_a_gpu_reads_and_nothing_is_copied_there_afterwards(folder: Path, monkeypatch: Any) -> None:
    batch = next(iter(curricle.Loader(run_file(folder))))
    asked, empty = [], torch.empty

    def noted(*shape: Any, pin_memory: bool, **options: Any) -> Any:
        asked.append(pin_memory)
        return empty(*shape, **options)

    monkeypatch.setattr(torch, "empty", noted)
    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda tensor: pytest.fail("a second copy"))
    made = curricle.torch.tensors(batch, ["input_ids", "position_ids", "labels", "attention_mask", "sample_index"], pin_memory=True)
    assert asked == [True] * 5 and all(tensor.dtype == torch.int64 for tensor in made.values())


def test_a_loader_of_torch_yields_what_was_asked_for(folder: Path) -> None:
    path = run_file(folder, rest="steps = 3", batch='values = ["seqlen"]\nmicro-batch-size = 8')
    loader = curricle.torch.Loader(path, keys=["ids", "seqlen", "cu_seqlens", "sample_index", "lengths"], device="cpu")
    ends = []
    for batch, plain in zip(loader, curricle.Loader(path)):
        assert batch["ids"].tolist() == plain.ids.tolist() and batch["seqlen"].tolist() == plain.columns["seqlen"].tolist()
        assert batch["cu_seqlens"].dtype == torch.int32 and batch["sample_index"].shape == (1, plain.tokens.size)
        assert loader.batch is not None and loader.batch.digest == plain.digest
        ends.append(loader.is_last_of_step)
    assert ends == [False, True] * 3
    with pytest.raises(ValueError, match=r"no `mask`; there are input_ids.*seqlen, and columns"):
        next(iter(curricle.torch.Loader(path, keys=["mask"])))
    with pytest.raises(TypeError, match="`keys` is a text"):
        curricle.torch.Loader(path, keys="ids")


def test_a_loader_of_torch_pickles_with_what_it_makes(folder: Path) -> None:
    path = run_file(folder)
    loader = curricle.torch.Loader(path, collate=len, steps_per_epoch=3)
    assert take(iter(loader), 2) == [16, 16]
    assert list(pickle.loads(pickle.dumps(loader))) == [16]


# The batch sampler.


@pytest.mark.parametrize(("workers", "context"), WORKERS)
@pytest.mark.parametrize("kind", [DataLoader, StatefulDataLoader])
def test_a_data_loader_yields_what_the_loader_does(folder: Path, kind: Any, workers: int, context: str | None) -> None:
    path = run_file(folder, rest="epochs = 1", batch="micro-batch-size = 4")
    whole = ids_of(path)
    loader = loader_of(BatchSampler(path), workers, context, kind)
    assert len(loader) == len(whole)
    assert list(loader) == whole
    assert list(loader) == []


@pytest.mark.parametrize(("workers", "context"), [*WORKERS, SPAWNED])
def test_a_dataset_of_ours_serves_a_batch_in_one_call(folder: Path, workers: int, context: str | None) -> None:
    path = run_file(folder, rest="steps = 6")
    dataset = curricle.Dataset(folder / "corpus")
    loader = DataLoader(dataset, batch_sampler=BatchSampler(path), num_workers=workers, multiprocessing_context=context, collate_fn=as_lists)
    assert list(loader) == [[tokens_of(i).tolist() for i in ids] for ids in ids_of(path)]


@pytest.mark.parametrize(("workers", "context", "taken"), [(*workers, taken) for workers in WORKERS for taken in (1, 3, 7, 12)] + [(*SPAWNED, 7)])
def test_a_resumed_data_loader_goes_on_at_the_next_batch(folder: Path, workers: int, context: str | None, taken: int) -> None:
    # Steps of 16 in batches of 4: each number but the last is in the middle of a step, and workers are ahead by up to four.
    path = run_file(folder, rest="steps = 8", batch="micro-batch-size = 4")
    whole = ids_of(path)
    loader = loader_of(BatchSampler(path), workers, context)
    assert take(iter(loader), taken) == whole[:taken]
    other = loader_of(BatchSampler(path), workers, context)
    other.load_state_dict(pickle.loads(pickle.dumps(loader.state_dict())))
    assert list(other) == whole[taken:]


@pytest.mark.parametrize("every", [2, 5])
def test_a_state_between_snapshots_is_exact_too(folder: Path, every: int) -> None:
    path = run_file(folder, rest="steps = 8", batch="micro-batch-size = 4")
    whole = ids_of(path)
    loader = loader_of(BatchSampler(path), 2, "fork", snapshot_every_n_steps=every)
    batches = iter(loader)
    take(batches, 7)
    other = loader_of(BatchSampler(path), 2, "fork", snapshot_every_n_steps=every)
    other.load_state_dict(loader.state_dict())
    assert list(other) == whole[7:]


@pytest.mark.parametrize(("before", "after"), [(2, 0), (2, 1), (1, 2), (0, 2)])
def test_the_sampler_of_a_state_goes_on_with_another_number_of_workers(folder: Path, before: int, after: int) -> None:
    path = run_file(folder, rest="steps = 8", batch="micro-batch-size = 4")
    whole = ids_of(path)
    loader = loader_of(BatchSampler(path), before, "fork" if before else None)
    batches = iter(loader)
    take(batches, 6)
    # torchdata refuses a state of another number of workers; what it has of the sampler is all that decides the order.
    sampler = BatchSampler(path)
    sampler.load_state_dict(curricle.torch.sampler_state(loader.state_dict()))
    assert list(loader_of(sampler, after, "fork" if after else None)) == whole[6:]


def test_the_state_of_a_sampler_is_of_the_list_it_yielded_last(folder: Path) -> None:
    path = run_file(folder, batch="micro-batch-size = 4")
    whole = ids_of(path, 12)
    sampler = BatchSampler(path)
    lists = iter(sampler)
    for taken in range(1, 9):
        assert next(lists) == whole[taken - 1]
        other = BatchSampler(path)
        other.load_state_dict(sampler.state_dict())
        assert take(iter(other), 4) == whole[taken : taken + 4]


def test_a_sampler_and_a_loader_read_each_others_states(folder: Path) -> None:
    path = run_file(folder, batch="micro-batch-size = 4")
    whole = ids_of(path, 12)
    sampler, loader = BatchSampler(path), curricle.Loader(path)
    take(iter(sampler), 5)
    loader.load_state_dict(sampler.state_dict())
    assert [batch.ids.tolist() for batch in take(iter(loader), 2)] == whole[5:7]
    sampler.load_state_dict(loader.state_dict())
    assert take(iter(sampler), 5) == whole[7:]


def test_a_sampler_refuses_to_go_on_in_a_step_that_is_another(folder: Path) -> None:
    path = run_file(folder, batch="micro-batch-size = 4")
    sampler = BatchSampler(path)
    take(iter(sampler), 5)
    larger = folder / "larger.toml"
    larger.write_text(path.read_text().replace("global-batch-size = 16", "global-batch-size = 32"))
    other = BatchSampler(larger)
    other.load_state_dict(sampler.state_dict())
    with pytest.raises(curricle.StateError, match=r"middle of step 1, .* is another here"):
        next(iter(other))


def test_a_state_without_ours_or_an_older_one_is_refused(folder: Path) -> None:
    for wrong in ({}, None, {"_snapshot": {"_main_snapshot": {"_index_sampler_state": None}}}):
        with pytest.raises(curricle.StateError, match="none of a"):
            curricle.torch.sampler_state(wrong)  # type: ignore[arg-type]
    loader = loader_of(BatchSampler(run_file(folder)), 1, "fork", snapshot_every_n_steps=3)
    batches = iter(loader)
    take(batches, 4)
    with pytest.raises(curricle.StateError, match=r"1 batches older.*snapshot_every_n_steps=1"):
        curricle.torch.sampler_state(loader.state_dict())


# Epochs.


@pytest.mark.parametrize(("workers", "context"), WORKERS)
def test_epochs_follow_one_another_however_workers_prefetch(folder: Path, workers: int, context: str | None) -> None:
    path = run_file(folder, batch="micro-batch-size = 8")
    sampler = BatchSampler(path, steps_per_epoch=3)
    loader = loader_of(sampler, workers, context, persistent_workers=workers > 0)
    assert len(loader) == len(sampler) == 6
    found = []
    for epoch in range(3):
        sampler.set_epoch(epoch)
        found.append(list(loader))
    assert [len(epoch) for epoch in found] == [6, 6, 6]
    assert list(itertools.chain(*found)) == ids_of(path, 18)


@pytest.mark.parametrize(("workers", "context"), WORKERS)
@pytest.mark.parametrize("set_epoch", [True, False])
@pytest.mark.parametrize("finished", [True, False])
def test_a_state_of_the_end_of_an_epoch_loses_nothing_of_the_next(
    folder: Path, workers: int, context: str | None, set_epoch: bool, finished: bool
) -> None:
    path = run_file(folder, batch="micro-batch-size = 8")
    loader = loader_of(BatchSampler(path, steps_per_epoch=3), workers, context)
    batches = iter(loader)
    take(batches, 6)
    if finished:
        assert next(batches, None) is None
    sampler = BatchSampler(path, steps_per_epoch=3)
    other = loader_of(sampler, workers, context)
    other.load_state_dict(loader.state_dict())
    found = []
    # Whoever left the first epoch goes on with the second; whoever did not finds it empty.
    for epoch in range(1 if finished else 0, 3):
        if set_epoch:
            sampler.set_epoch(epoch)
        found.append(list(other))
    whole = ids_of(path, 18)
    assert found == ([] if finished else [[]]) + [whole[6:12], whole[12:]]


def test_set_epoch_leaves_what_a_data_loader_restored(folder: Path) -> None:
    path = run_file(folder, batch="micro-batch-size = 8")
    loader = loader_of(BatchSampler(path, steps_per_epoch=3))
    list(loader)
    batches = iter(loader)
    take(batches, 3)
    sampler = BatchSampler(path, steps_per_epoch=3)
    other = loader_of(sampler)
    other.load_state_dict(loader.state_dict())
    sampler.set_epoch(1)
    assert list(other) == ids_of(path, 12)[9:]
    sampler.set_epoch(2)
    assert list(other) == ids_of(path, 18)[12:]


@pytest.mark.parametrize(("workers", "context"), WORKERS)
@pytest.mark.parametrize("taken", [2, 5, 7, 12])
def test_a_loop_over_epochs_of_a_resumed_data_loader_may_count_from_0_again(folder: Path, workers: int, context: str | None, taken: int) -> None:
    path = run_file(folder)

    def train(state: dict[str, Any] | None, until: int) -> tuple[list[list[int]], Any]:
        sampler = BatchSampler(path, steps_per_epoch=5)
        loader = loader_of(sampler, workers, context)
        if state is not None:
            loader.load_state_dict(state)
        found: list[list[int]] = []
        for epoch in range(3):
            sampler.set_epoch(epoch)
            for ids in loader:
                found.append(ids)
                if len(found) == until:
                    return found, loader.state_dict()
        return found, None

    whole = ids_of(path, 15)
    found, state = train(None, taken)
    assert found == whole[:taken]
    assert train(state, 15)[0] == whole[taken:]


def test_ranks_are_given_what_the_loader_gives_them(folder: Path) -> None:
    path = run_file(folder, rest="epochs = 1")
    shares = [list(loader_of(BatchSampler(path, dp_rank=rank, dp_world_size=4))) for rank in range(4)]
    assert shares == [ids_of(path, dp_rank=rank, dp_world_size=4) for rank in range(4)]
    assert sorted(i for share in shares for ids in share for i in ids) == list(range(N))


def test_a_sampler_says_how_large_its_batches_are(folder: Path) -> None:
    sampler = BatchSampler(run_file(folder, batch="micro-batch-size = 4"))
    assert sampler.batch_size == 4 and sampler.drop_last is False
    assert lengths_of()[next(iter(sampler))].shape == (4,)


class Alarm(Exception):
    """What a handler of signals raises."""


def test_a_step_that_is_planned_while_an_exception_of_a_signal_goes_through_is_the_next_one(folder: Path) -> None:
    # So many samples that planning takes longer than two looks at signals; this rank has a thousandth of them.
    path = folder / "large.toml"
    path.write_text('seed = 7\n[dataset]\npath = "corpus"\n[batch]\nglobal-batch-size = 8000000\n[policy]\nplugin = "uniform"\n')
    ranks = {"dp_rank": 3, "dp_world_size": 4000}
    sampler = BatchSampler(path, **ranks)
    steps, whole, times = iter(sampler), [], []
    for _ in range(3):
        begun = time.monotonic()
        whole.append(next(steps))
        times.append(time.monotonic() - begun)
    sampler = BatchSampler(path, **ranks)
    assert next(iter(sampler)) == whole[0]
    before = sampler.state_dict()

    def ring(*_: object) -> None:
        raise Alarm

    usual = signal.signal(signal.SIGALRM, ring)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.005)
        with pytest.raises(Alarm):
            next(iter(sampler))
        begun = time.monotonic()
        assert sampler.state_dict() == before
        assert time.monotonic() - begun < min(times) / 2, "the state waits for the step"
    finally:
        signal.signal(signal.SIGALRM, usual)
    assert [ids for ids, _ in zip(sampler, range(2))] == whole[1:]
