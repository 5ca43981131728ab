"""Refusals as the contract has them, and as exceptions."""

from typing import Any

from componentize_py_types import Err
from wit_world.imports import types

from ._errors import ConfigError, DataError, Exhausted, StateError

ANSWERS = {ConfigError: types.Error_Config, DataError: types.Error_Data, StateError: types.Error_State}
_REFUSALS = {answer: refusal for refusal, answer in ANSWERS.items()}


def refusing(function: Any) -> Any:
    """A function of the host that raises its refusals as ours."""

    def ask(*arguments: Any) -> Any:
        try:
            return function(*arguments)
        except Err as error:
            answer = error.value
        if isinstance(answer, types.Error_Exhausted):
            raise Exhausted("nothing is left to give")
        raise _REFUSALS[type(answer)](answer.value)

    return ask
