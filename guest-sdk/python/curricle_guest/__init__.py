"""Plugins for Curricle in Python: policies, metrics, pacing functions, packers.

A plugin is one class that derives from :class:`Policy`, :class:`StatefulPolicy`, :class:`Metric`, :class:`Pacing` or :class:`Packer`.
``curricle build`` makes a sandboxed component of it, and :mod:`curricle_guest.testing` runs it natively for unit tests. Name, version and
the JSON Schema of the configuration are said in ``curricle.toml``.
"""

from . import dataset, log, pacings
from ._errors import ConfigError, DataError, Exhausted, Refusal, StateError
from ._plan import Plan
from ._samples import Samples
from ._streams import Stream
from ._traits import Config, Metric, Packer, Pacing, Policy, StatefulPolicy, Step
from .dataset import Condition, between, category, quantiles

__all__ = [
    "Condition",
    "Config",
    "ConfigError",
    "DataError",
    "Exhausted",
    "Metric",
    "Packer",
    "Pacing",
    "Plan",
    "Policy",
    "Refusal",
    "Samples",
    "StateError",
    "StatefulPolicy",
    "Step",
    "Stream",
    "between",
    "category",
    "dataset",
    "log",
    "pacings",
    "quantiles",
]
