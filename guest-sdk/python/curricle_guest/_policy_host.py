"""The host's functions of a policy's component, under the names by which the rest of the package asks for them."""

from wit_world.imports import dataset as _dataset
from wit_world.imports import pacings as _pacings
from wit_world.imports import plan as _plan
from wit_world.imports import streams as _streams

from ._refusals import refusing
from .dataset import Between, Category, Column, Quantiles

_KINDS = {_dataset.ColumnKind.NUMBER: "number", _dataset.ColumnKind.CATEGORY: "category"}
_ORDERS = {
    "shuffled": _streams.Order_Shuffled(),
    "independent": _streams.Order_Independent(),
    "sequential": _streams.Order_Sequential(),
}


def _condition(condition):
    match condition:
        case Between(column, above, at_most):
            return _dataset.Condition_Between(_dataset.Between(column, above, at_most))
        case Quantiles(column, start, end):
            return _dataset.Condition_Quantiles(_dataset.Quantiles(column, start, end))
        case Category(column, codes):
            return _dataset.Condition_Category(_dataset.Category(column, list(codes)))
    raise TypeError(f"{condition!r} is no condition; `between`, `quantiles` and `category` make one")


def columns():
    return [Column(column.name, _KINDS[column.kind], column.min, column.max) for column in _dataset.columns()]


def count(conditions):
    return _count([_condition(condition) for condition in conditions])


def open(name, conditions, order):
    order = _streams.Order_Ascending(order[1]) if isinstance(order, tuple) else _ORDERS[order]
    return _open(name, [_condition(condition) for condition in conditions], order)


_count = refusing(_dataset.count)
_open = refusing(_streams.open)
len = _dataset.len
values = refusing(_dataset.values)
quantile = refusing(_dataset.quantile)
categories = refusing(_dataset.categories)
length = _streams.length
position = _streams.position
take = _streams.take
size = _plan.size
draw = refusing(_plan.draw)
append = refusing(_plan.append)
truncate = _plan.truncate
annotate = refusing(_plan.annotate)
ordered = _plan.ordered
difficulty = refusing(_pacings.difficulty)
