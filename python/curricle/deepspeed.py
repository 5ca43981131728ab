"""For DeepSpeed: the loader for an engine, its place in the checkpoint's ``client_state``.

>>> import curricle.deepspeed
>>> engine, _, _, _ = deepspeed.initialize(model=model, config=config)
>>> loader = curricle.deepspeed.loader(engine, "curricle.toml")
>>> curricle.deepspeed.load_checkpoint(engine, "checkpoints", loader)
>>> for batch in loader:
...     engine.backward(engine(**batch).loss)
...     engine.step()
...     if loader.is_last_of_step and engine.global_steps % 1000 == 0:
...         curricle.deepspeed.save_checkpoint(engine, "checkpoints", loader)

Nothing is given to ``deepspeed.initialize(training_data=…)``, whose loader would shard and shuffle again, and the configuration has no
``data_efficiency`` with ``data_sampling``: who brings one along converts it, as docs/deepspeed.md says.
"""

from __future__ import annotations

import os
from typing import Any

from deepspeed import comm
from deepspeed.runtime.engine import DeepSpeedEngine

from ._run import Run
from .errors import ConfigError, StateError
from .torch import Loader

__all__ = ["load_checkpoint", "loader", "save_checkpoint"]

_KEY = "curricle"


def loader(engine: DeepSpeedEngine, run: str | os.PathLike[str] | Run, **options: Any) -> Loader:
    """A loader of the engine's data-parallel rank, whose batches are on its device.

    Args:
        engine: What ``deepspeed.initialize`` returned.
        run: Path of the run file, or a :class:`curricle.Run`.
        options: More of :class:`curricle.torch.Loader`.

    Raises:
        ConfigError: if micro-batch or accumulation are not those of the engine, or the last step of the run has fewer micro-batches.
    """
    group = engine.data_parallel_group
    options.setdefault("dp_rank", comm.get_rank(group=group))
    options.setdefault("dp_world_size", comm.get_world_size(group=group))
    if comm.get_world_size(group=group) < comm.get_world_size():
        # Of a pipeline some stages load nothing, and would not take part in comparing ranks.
        options.setdefault("group", group)
    options.setdefault("device", engine.device)
    made = Loader(run, **options)
    wanted = {
        "gradient_accumulation_steps": (engine.gradient_accumulation_steps(), made.run.accumulation),
        "train_micro_batch_size_per_gpu": (engine.train_micro_batch_size_per_gpu(), made.run.micro_batch_size),
    }
    for name, (of_engine, of_run) in wanted.items():
        if of_engine != of_run:
            raise ConfigError(
                f"the engine's `{name}` is {of_engine}, and that of the run is {of_run} on this rank; give both the same", code="config"
            )
    made.run._refuse_short_end("the engine")
    return made


def save_checkpoint(engine: DeepSpeedEngine, save_dir: str | os.PathLike[str], loader: Loader, **options: Any) -> Any:
    """``engine.save_checkpoint`` with the loader's state among its ``client_state``, under ``"curricle"``; all ranks call it.

    Raises:
        ConfigError: in the middle of a step, whose gradients the engine does not save.
    """
    state = loader.state_dict()
    if _in_step(state):
        raise ConfigError(
            f"{loader!r}: it is in the middle of a step, and an engine that loads the checkpoint would have none of that step's gradients and step"
            " its optimizer within steps from there on; save where `loader.is_last_of_step`",
            code="config",
        )
    client_state = {**options.pop("client_state", {}), _KEY: state}
    return engine.save_checkpoint(os.fspath(save_dir), client_state=client_state, **options)


def load_checkpoint(engine: DeepSpeedEngine, load_dir: str | os.PathLike[str], loader: Loader, **options: Any) -> tuple[str | None, dict[str, Any]]:
    """``engine.load_checkpoint``, after which the loader goes on where it was; nothing changes where there is no checkpoint.

    Raises:
        StateError: if the checkpoint has no state of a loader, or that of another run or of the middle of a step.
    """
    path, client_state = engine.load_checkpoint(os.fspath(load_dir), **options)
    if path is None:
        return None, {}
    state = client_state.pop(_KEY, None)
    if state is None:
        raise StateError(f"checkpoint `{path}`: its `client_state` has no `{_KEY}`; save it with `curricle.deepspeed.save_checkpoint`", code="state")
    if _in_step(state):
        raise StateError(
            f"checkpoint `{path}`: its state is of the middle of a step, and the engine counts from the start of one; load one that was saved where"
            " `loader.is_last_of_step`",
            code="state",
        )
    loader.load_state_dict(state)
    return path, client_state


def _in_step(state: Any) -> bool:
    """Whether a state was taken in the middle of a step."""
    return isinstance(state, dict) and bool(state.get("samples_into_step"))
