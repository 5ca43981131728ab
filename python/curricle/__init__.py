"""Curricle feeds model trainers: a native host owns the data and the batching, and *what* goes into each batch is decided by plugins.

>>> import curricle
>>> loader = curricle.Loader("curricle.toml")
>>> for batch in loader:
...     train(batch.tokens, batch.cu_seqlens)
...     state = loader.state_dict()

The adapters are modules of their own, which import what they adapt to when they are imported and not before: :mod:`curricle.torch`,
:mod:`curricle.lightning`, :mod:`curricle.accelerate`, :mod:`curricle.transformers`, :mod:`curricle.deepspeed`.
"""

from __future__ import annotations

from pathlib import Path as _Path

from . import _native
from ._analysis import Analysis, analyze, import_
from ._dataset import Dataset
from ._loader import Loader
from ._native import Batch
from ._ranks import check_ranks
from ._run import Run
from ._simulate import Simulation, simulate
from .errors import (
    ColumnError,
    ConfigError,
    CurricleError,
    DataError,
    DatasetError,
    ForkError,
    InternalError,
    IoError,
    PluginContractError,
    PluginError,
    PluginLimitError,
    PluginLinkError,
    PluginLoadError,
    PluginRefusedError,
    PluginStateError,
    PluginTrapError,
    RanksError,
    StateError,
)

__version__ = _native.__version__

__all__ = [
    "Analysis",
    "Batch",
    "ColumnError",
    "ConfigError",
    "CurricleError",
    "DataError",
    "Dataset",
    "DatasetError",
    "ForkError",
    "InternalError",
    "IoError",
    "Loader",
    "PluginContractError",
    "PluginError",
    "PluginLimitError",
    "PluginLinkError",
    "PluginLoadError",
    "PluginRefusedError",
    "PluginStateError",
    "PluginTrapError",
    "RanksError",
    "Run",
    "Simulation",
    "StateError",
    "analyze",
    "check_ranks",
    "import_",
    "simulate",
]

# The plugins that come with the package; `CURRICLE_PLUGINS` goes first.
_native.look_in(str(_Path(__file__).parent / "plugins"))
