"""The native half. What is meant for people is in the package: :class:`curricle.Batch` is one of these."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

__version__: str

class Batch:
    """The samples of one forward pass on one rank. Arrays are views of memory that lives as long as any of them; tokens may be written to."""

    @property
    def step(self) -> int:
        """Number of the global batch, from 0."""
    @property
    def digest(self) -> str:
        """Identity of the global batch: equal on all ranks, 32 hexadecimal digits."""
    @property
    def annotations(self) -> dict[str, float]:
        """What the policy puts beside the global batch: a difficulty, a learning-rate factor."""
    @property
    def micro_batch(self) -> int:
        """Place among this rank's micro-batches of the step, from 0."""
    @property
    def n_micro_batches(self) -> int:
        """Micro-batches of the step on this rank."""
    @property
    def is_last_of_step(self) -> bool:
        """Whether to step the optimizer after this one."""
    @property
    def layout(self) -> str:
        """``"packed"``: samples end to end. ``"padded"``: a sample a row. ``"rows"``: several samples a row."""
    @property
    def ids(self) -> np.ndarray[Any, np.dtype[np.uint64]]:
        """Sample ids; the other lists go in the same order."""
    @property
    def lengths(self) -> np.ndarray[Any, np.dtype[np.uint32]]:
        """Tokens of each sample, after truncation and without padding."""
    @property
    def starts(self) -> np.ndarray[Any, np.dtype[np.uint64]]:
        """Where in ``tokens``, flat, each sample begins."""
    @property
    def tokens(self) -> np.ndarray[Any, Any]:
        """Tokens, of the dataset's type: one dimension if samples lie end to end, rows × columns if rows are filled up."""
    @property
    def cu_seqlens(self) -> np.ndarray[Any, np.dtype[np.int32]] | None:
        """Where samples begin and the last one ends, for attention over sequences of different lengths; None where rows are filled up.

        Raises:
            OverflowError: if there are 2³¹ tokens or more.
        """
    @property
    def columns(self) -> dict[str, np.ndarray[Any, np.dtype[np.float64]]]:
        """Values of the columns that the run file's ``values`` names, one for each sample."""
    @property
    def attention_mask(self) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Which places of ``tokens`` hold a token; made when it is asked for."""
    @property
    def position_ids(self) -> np.ndarray[Any, np.dtype[np.int64]]:
        """Place of each token in its sample, 0 where there is none; made when it is asked for."""
    @property
    def sample_index(self) -> np.ndarray[Any, np.dtype[np.int64]]:
        """Which sample of the batch each token is of, -1 where there is none; made when it is asked for."""
    def copy_tokens(self, out: np.ndarray[Any, Any]) -> None:
        """Copies the tokens into an array of int64 or int32 of as many elements, in one pass."""
    def copy_labels(self, out: np.ndarray[Any, Any], nothing: int = -100) -> None:
        """Copies what a model is to predict: the tokens, but ``nothing`` where there is none and where a sample begins behind another."""
    def copy_position_ids(self, out: np.ndarray[Any, Any]) -> None:
        """Copies the place of each token in its sample into such an array, 0 where there is none."""
    def copy_attention_mask(self, out: np.ndarray[Any, Any]) -> None:
        """Writes 1 into such an array where a token is, 0 where there is none."""
    def copy_sample_index(self, out: np.ndarray[Any, Any]) -> None:
        """Copies which sample of the batch each token is of into such an array, -1 where there is none."""
    def torch(self, dtype: torch.dtype | None = None, pin_memory: bool = False) -> torch.Tensor:
        """The tokens as a tensor: of the batch's own memory, or with ``dtype`` or ``pin_memory`` a copy."""
    def __dlpack__(self, *args: Any, **keywords: Any) -> Any: ...
    def __dlpack_device__(self) -> tuple[int, int]: ...
    def __len__(self) -> int:
        """Number of samples."""

class Dataset:
    def __init__(
        self,
        path: str,
        sequence_length: int | None = None,
        stride: int | None = None,
        token_type: str | None = None,
        column: str | None = None,
        document_end: int | None = None,
        vocab_size: int | None = None,
    ) -> None: ...
    def __len__(self) -> int: ...
    def __getitem__(self, index: int) -> np.ndarray[Any, Any]: ...
    def __getitems__(self, indices: Sequence[int]) -> list[np.ndarray[Any, Any]]: ...
    def lengths(self, ids: Sequence[int] | None) -> np.ndarray[Any, Any]: ...
    def columns(self) -> dict[str, Path]: ...
    def column(self, name: str) -> Path | None: ...
    n_tokens: int
    token_type: str
    vocab_size: int | None
    fingerprint: str
    path: Path
    columns_dir: Path

class RunFile:
    rank: tuple[int, int]
    layout: str
    def __init__(self, path: str | None = None, text: str | None = None, folder: str | None = None) -> None: ...
    def open(self, dp_rank: int, dp_world_size: int) -> Run: ...

class Run:
    dataset: Dataset
    n_steps: int | None
    n_samples: int
    global_batch_size: int
    micro_batch_size: int
    accumulation: int
    dp_rank: int
    dp_world_size: int
    identity: dict[str, Any]
    def n_micro_batches(self, step: int) -> int: ...

class Sampler:
    step: int
    digest: str | None
    def __init__(self, run: Run, state: str | None = None, allow: Sequence[str] = ()) -> None: ...
    def next(self) -> list[Batch] | None: ...
    def state(self, before: bool = False) -> str: ...
    def rank_digest(self) -> bytes: ...
    def close(self) -> None: ...

class Planner:
    step: int
    digest: str | None
    def __init__(self, run: Run, state: str | None = None, allow: Sequence[str] = ()) -> None: ...
    def next(self) -> list[list[int]] | None: ...
    def state(self, before: bool = False) -> str: ...
    def rank_digest(self) -> bytes: ...
    def close(self) -> None: ...
    def skip_to(self, step: int) -> int: ...
    def simulate(self, steps: int) -> dict[str, Any]: ...

class Outline:
    n_tokens: int
    token_type: str
    vocab_size: int | None
    fingerprint: str
    name: Path
    n_blocks: int
    samples_per_block: int
    @staticmethod
    def of(dataset: Dataset) -> Outline: ...
    @staticmethod
    def from_json(json: str) -> Outline: ...
    def to_json(self) -> str: ...
    def __len__(self) -> int: ...

class Metric:
    sha256: str
    def __init__(self, name: str, wasm: bytes, config: str, preset: str) -> None: ...

class Worker:
    next: int
    def __init__(self, metric: Metric, outline: Outline, merged: Sequence[bytes]) -> None: ...
    def begin(self, start: int, end: int) -> None: ...
    def feed(self, batches: object, column: str, first: int, lengths: bool = False) -> int: ...
    def finish(self) -> bytes: ...

class Collector:
    continued: bool
    reads_tokens: bool
    @staticmethod
    def open(metric: Metric, outline: Outline, target: str, force: bool) -> tuple[Collector | None, dict[str, Any] | None]: ...
    def merged(self) -> list[bytes]: ...
    def progress(self) -> tuple[int, int, int, int]: ...
    def add(self, finding: bytes) -> None: ...
    def finish_round(self) -> dict[str, Any] | None: ...
    def close(self) -> None: ...

def agree(digests: Sequence[bytes]) -> None: ...
def analyze(
    dataset: Dataset,
    name: str,
    config: str,
    target: str,
    limits: str,
    threads: int,
    part: str | None,
    force: bool,
    progress: Callable[[int, int, int, int, int], object] | None,
) -> dict[str, Any]: ...
def find_plugin(name: str) -> Path: ...
def look_in(folder: str) -> None: ...
