"""Refusals: answers that a person reads. Any other exception is a defect of the plugin and ends the call as a fault."""


class Refusal(Exception):
    """The plugin, or the host, will not do it. One sentence without a full stop; plugin, call and step are named by the host."""


class ConfigError(Refusal):
    """The configuration is wrong: name the key, what was found and what is accepted."""


class DataError(Refusal):
    """The dataset lacks what is needed: a column, a category, enough samples."""


class StateError(Refusal):
    """A stream or a saved state does not belong to what it is used with."""


class Exhausted(Refusal):
    """Nothing is left to give: from ``fill`` it ends training cleanly, from anything else it is a fault."""
