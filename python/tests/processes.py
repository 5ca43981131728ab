"""Ranks as processes of their own, joined by gloo."""

from __future__ import annotations

import multiprocessing
import multiprocessing.connection
import time
import traceback
from collections.abc import Callable
from datetime import timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

# Torch is imported once, in the server that ranks are forked from.
_SERVER = multiprocessing.get_context("forkserver")
_SERVER.set_forkserver_preload(["torch", "torch.distributed", "curricle"])

_count = 0


class Died:
    """What became of a rank that ended without an answer."""

    def __init__(self, exit_code: int | None) -> None:
        self.exit_code = exit_code


def _serve(answer: Connection, store: str, rank: int, world: int, work: Callable[..., Any], arguments: tuple[Any, ...], join: bool) -> None:
    import torch

    # Several ranks share few cores, and no model here gains from threads.
    torch.set_num_threads(1)
    try:
        if join:
            join_group(store, rank, world)
        answer.send((True, work(rank, world, *arguments)))
    except Exception as error:
        traceback.print_exc()
        answer.send((False, error))


def join_group(store: str, rank: int, world: int) -> None:
    """Joins the ranks that meet at a file."""
    import torch.distributed

    torch.distributed.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=world, timeout=timedelta(seconds=60))


def run_ranks(
    folder: Path, world: int, work: Callable[..., Any], *arguments: Any, join: bool = True, timeout: float = 180, patience: float = 180
) -> list[Any]:
    """What ``work(rank, world, *arguments)`` returned or raised in each of the processes, or that one died.

    After ``timeout`` seconds, or ``patience`` after one died, the others are killed: a defect is a failure and no hang.
    """
    global _count
    _count += 1
    store = str(folder / f"store-{_count}")
    ends = [_SERVER.Pipe(duplex=False) for _ in range(world)]
    processes = [_SERVER.Process(target=_serve, args=(ends[rank][1], store, rank, world, work, arguments, join)) for rank in range(world)]
    for process, (_, sender) in zip(processes, ends):
        process.start()
        sender.close()
    until = time.monotonic() + timeout
    answers: list[Any] = [None] * world
    waiting = set(range(world))
    try:
        while waiting and time.monotonic() < until:
            receivers = {ends[rank][0]: rank for rank in waiting}
            for receiver in multiprocessing.connection.wait(list(receivers), timeout=1):
                rank = receivers[receiver]
                waiting.discard(rank)
                try:
                    answers[rank] = receiver.recv()[1]
                except EOFError:
                    processes[rank].join(timeout=10)
                    answers[rank] = Died(processes[rank].exitcode)
                    until = min(until, time.monotonic() + patience)
    finally:
        for process in processes:
            if waiting:
                process.kill()
            process.join(timeout=10)
            if process.is_alive():
                process.kill()
                process.join()
    for rank in waiting:
        answers[rank] = TimeoutError(f"rank {rank} gave no answer")
    return answers
