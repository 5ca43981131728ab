"""Between the author's class and the contract: the module that `curricle build` generates calls `exports` once, at build time.

Without WASI an exception that nobody catches ends in a bare trap, since Python cannot print it. So every one is logged here, line by line,
and raised again: a defect is no refusal, and the host shows the last lines that a call logged before it trapped.
"""

import importlib
import json
import sys
from types import ModuleType
from typing import Any

import wit_world
from componentize_py_types import Err
from wit_world.imports import logging, types

from . import _host, _sandbox, _traceback
from ._errors import Exhausted, Refusal
from ._plan import Plan
from ._refusals import ANSWERS
from ._samples import Samples
from ._traits import Config, Metric, Packer, Pacing, Policy, StatefulPolicy

_BASES = {"policy": Policy, "stateful-policy": StatefulPolicy, "metric": Metric, "pacing": Pacing, "packer": Packer}
_LEVELS = {"debug": types.Level.DEBUG, "info": types.Level.INFO, "warn": types.Level.WARN, "error": types.Level.ERROR}


def _log(level: str, message: str) -> None:
    logging.log(_LEVELS[level], str(message))


_sandbox.enter()


class _Host:
    """What every world has."""

    log = staticmethod(_log)


def exports(source: str, kind: str, name: str, version: str, summary: str, schema: str) -> dict[str, Any]:
    """What the component exports, by the names under which componentize-py looks for it, from the class in the module `source`."""
    if kind in ("policy", "stateful-policy"):
        from . import _policy_host

        _host.current = _policy_host
        _policy_host.log = _log
    else:
        _host.current = _Host
    try:
        module = importlib.import_module(source)
        _traceback.remember(module)
        plugin = _only_class(module, _BASES[kind])
    except BaseException as error:
        # `curricle build` shows the lines with this mark, and not how the interpreter came here.
        for line in _traceback.build_lines(error, source):
            print(f"curricle: {line}", file=sys.stderr, flush=True)
        raise SystemExit(1) from None
    described = types.Description(name, version, summary, schema)
    made = _MAKERS[kind](plugin)
    # The first is the interface that has `describe`.
    next(iter(made.values())).describe = lambda self: described
    # The world itself has nothing but interfaces, and is looked for all the same.
    return {"WitWorld": type("WitWorld", (wit_world.WitWorld,), {}), **made}


class NotOneClass(Exception):
    """The module has no class for the plugin, or several."""


def _only_class(module: ModuleType, base: type) -> type:
    classes = [
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, base) and value.__module__ == module.__name__
    ]
    # A class from which another one derives is that one's business.
    classes = [one for one in classes if not any(other is not one and issubclass(other, one) for other in classes)]
    if len(classes) != 1:
        found = ", ".join(f"`{one.__name__}`" for one in classes) or "none"
        raise NotOneClass(f"the source must have one class that derives from `curricle_guest.{base.__name__}`; found {found}")
    return classes[0]


def _answering(function: Any) -> Any:
    """A function of the plugin whose refusals are answers, and whose other exceptions are logged."""

    def answer(*arguments: Any) -> Any:
        if _sandbox.building:
            _sandbox.leave_build(_log)
        try:
            return function(*arguments)
        except Exhausted:
            refusal = types.Error_Exhausted()
        except Refusal as error:
            refusal = ANSWERS.get(type(error), types.Error_Data)(str(error))
        except BaseException as error:
            _log_defect(error)
            raise
        raise Err(refusal)

    return answer


def _only_logging(function: Any) -> Any:
    """A function of the plugin that the contract gives no way to refuse."""

    def answer(*arguments: Any) -> Any:
        try:
            return function(*arguments)
        except BaseException as error:
            _log_defect(error)
            raise

    return answer


def _log_defect(error: BaseException) -> None:
    for line in _traceback.lines(error):
        logging.log(types.Level.ERROR, line)
    # The interpreter would print it once more, all frames of it, over what was just said.
    sys.stderr = None


def _start(plugin: type, config: str) -> Any:
    instance = plugin()
    instance.configure(Config(json.loads(config)))
    return instance


def _policy(plugin: type) -> dict[str, Any]:
    class Exported:
        instance: Any = None

        @_answering
        def configure(self, config):
            Exported.instance = _start(plugin, config)

        @_answering
        def fill(self, step):
            Exported.instance.fill(step, Plan())

    return {"Policy": Exported}


def _stateful_policy(plugin: type) -> dict[str, Any]:
    policy = _policy(plugin)["Policy"]

    class Exported:
        @_only_logging
        def save(self):
            return bytes(policy.instance.save())

        @_answering
        def restore(self, state):
            policy.instance.restore(bytes(state))

    return {"Policy": policy, "Snapshot": Exported}


def _metric(plugin: type) -> dict[str, Any]:
    from wit_world.exports import metric

    cases = {
        "float32": (float, metric.Values_Float32),
        "float64": (float, metric.Values_Float64),
        "uint32": (int, metric.Values_Uint32),
        "uint64": (int, metric.Values_Uint64),
    }

    def samples(given):
        return Samples(given.first, given.width, given.tokens, given.offsets)

    class Exported:
        instance: Any = None

        @_answering
        def configure(self, config):
            Exported.instance = instance = _start(plugin, config)
            if instance.values is not None and instance.values not in cases:
                raise TypeError(f"{plugin.__name__}.values is {instance.values!r}; it must be one of {', '.join(cases)} or None")
            return metric.Needs(instance.passes, instance.tokens, instance.values is not None)

        @_answering
        def accumulate(self, number, given):
            Exported.instance.accumulate(number, samples(given))

        @_only_logging
        def partial(self, number):
            return bytes(Exported.instance.partial(number))

        @_answering
        def merge(self, number, partials):
            return bytes(Exported.instance.merge(number, [bytes(partial) for partial in partials]))

        @_answering
        def finish(self, number, merged):
            Exported.instance.finish(number, bytes(merged))

        @_only_logging
        def totals(self):
            return [float(total) for total in Exported.instance.totals()]

        @_answering
        def measure(self, given):
            number, case = cases[Exported.instance.values]
            return case([number(value) for value in Exported.instance.measure(samples(given))])

    return {"Metric": Exported}


def _pacing(plugin: type) -> dict[str, Any]:
    class Exported:
        instance: Any = None

        @_answering
        def configure(self, config):
            Exported.instance = _start(plugin, config)

        @_only_logging
        def difficulty(self, step):
            return float(Exported.instance.difficulty(step))

    return {"Pacing": Exported}


def _packer(plugin: type) -> dict[str, Any]:
    class Exported:
        instance: Any = None

        @_answering
        def configure(self, config):
            Exported.instance = _start(plugin, config)

        @_answering
        def pack(self, lengths, capacity, max_samples):
            return list(Exported.instance.pack(lengths, capacity, max_samples))

    return {"Packer": Exported}


_MAKERS = {"policy": _policy, "stateful-policy": _stateful_policy, "metric": _metric, "pacing": _pacing, "packer": _packer}
