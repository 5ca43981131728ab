"""A policy in Python that remembers something: a share of every batch from the lower half of a column, and the rest from the other half.

What a share leaves of a whole sample is owed to the next step, so that the shares come out exactly over many steps; the debt is the state.
"""

# Everything is imported here: what is imported later is not there any more. Without WASI an exception that nobody catches ends in a bare
# trap, since Python cannot print it, so it is logged first.
import json
import traceback

import wit_world
from componentize_py_types import Err
from wit_world.imports import dataset, logging, plan, streams, types

SCHEMA = {
    "type": "object",
    "properties": {
        "column": {"type": "string", "description": "A column of numbers"},
        "share": {"type": "number", "minimum": 0, "maximum": 1, "description": "Share of the lower half"},
    },
    "required": ["column", "share"],
    "additionalProperties": False,
}


def told(function):
    """Logs an exception that is no answer, before it ends the call."""

    def wrapped(*arguments):
        try:
            return function(*arguments)
        except Err:
            raise
        except BaseException:
            logging.log(types.Level.ERROR, traceback.format_exc())
            raise

    return wrapped


class WitWorld(wit_world.WitWorld):
    """Marks the module as an implementation of the world."""


class Policy:
    """The interface `policy`."""

    halves = ()
    share = 0.0
    owed = 0.0

    @told
    def describe(self):
        return types.Description("halves", "1.0.0", "A share of every batch from the lower half of a column", json.dumps(SCHEMA))

    @told
    def configure(self, config):
        config = json.loads(config)
        Policy.share = float(config["share"])
        Policy.owed = 0.0
        half = lambda start, end: dataset.Condition_Quantiles(dataset.Quantiles(config["column"], start, end))
        Policy.halves = [
            streams.open("lower", [half(0.0, 0.5)], streams.Order_Shuffled()),
            streams.open("upper", [half(0.5, 1.0)], streams.Order_Shuffled()),
        ]

    @told
    def fill(self, step):
        size = plan.size()
        wanted = size * Policy.share + Policy.owed
        lower = min(size, int(wanted))
        Policy.owed = wanted - lower
        plan.draw(Policy.halves, [lower, size - lower])
        plan.annotate("owed", Policy.owed)


class Snapshot:
    """The interface `snapshot`."""

    @told
    def save(self):
        return Policy.owed.hex().encode()

    @told
    def restore(self, state):
        try:
            Policy.owed = float.fromhex(bytes(state).decode())
        except ValueError:
            raise Err(types.Error_State("it is not a number in hexadecimal"))
