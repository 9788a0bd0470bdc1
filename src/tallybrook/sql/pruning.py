"""Which days a statement needs: the partition filter of each place that reads ``events``.

The bounds are kept as constant SQL expressions; the engine that runs the statement evaluates
them, so that ``date_add('day', -7, current_date)`` prunes as well as a literal.
"""

from collections.abc import Callable, Iterator
from typing import Literal

from msgspec import Struct
from sqlglot import exp

Side = Literal["lower", "upper", "lower_day", "upper_day"]
"""Bounds on the instant; ``_day`` bounds name a UTC day, taken as a whole."""


class Bound(Struct, frozen=True):
    """``sql`` is a constant DuckDB expression; the instant must not be before/after it."""

    side: Side
    sql: str


class Either(Struct, frozen=True):
    """OR: the instant lies in one of the branches, each an AND of bounds."""

    branches: tuple["Need", ...]


Need = tuple[Bound | Either, ...]
"""AND of bounds. Empty: nothing is known, everything must be read."""

_FLIP: dict[type[exp.Expr], type[exp.Expr]] = {
    exp.GT: exp.LT,
    exp.GTE: exp.LTE,
    exp.LT: exp.GT,
    exp.LTE: exp.GTE,
    exp.EQ: exp.EQ,
}


def need(table: exp.Table) -> Need:
    """What the WHERE and ON around a table say about its time."""
    select = table.find_ancestor(exp.Select)
    if select is None:
        return ()
    names = {table.alias_or_name.lower(), ""} if _alone(select) else {table.alias_or_name.lower()}
    found: list[Bound | Either] = []
    for condition in _conditions(select, table):
        found += _need(condition, names)
    return tuple(found)


def _alone(select: exp.Select) -> bool:
    """Whether an unqualified column can only be of the one table."""
    return not select.args.get("joins")


def _conditions(select: exp.Select, table: exp.Table) -> Iterator[exp.Expr]:
    """Conditions every row of the table must meet to be in the result."""
    joins = select.args.get("joins") or []
    if any(str(join.args.get("side") or "") for join in joins):
        yield from _outer_join_conditions(select, table)
        return
    yield from (join.args["on"] for join in joins if join.args.get("on") is not None)
    if (where := select.args.get("where")) is not None:
        yield where.this


def _outer_join_conditions(select: exp.Select, table: exp.Table) -> Iterator[exp.Expr]:
    """Beside an outer join: WHERE still holds for every row; so does the ON of a LEFT JOIN for
    the joined side."""
    if (where := select.args.get("where")) is not None:
        yield where.this
    join = table.parent
    if isinstance(join, exp.Join) and join.side in ("", "LEFT") and join.args.get("on"):
        later = [j for j in select.args["joins"] if j is not join]
        if not any(j.side in ("RIGHT", "FULL") for j in later):
            yield join.args["on"]


def _need(node: exp.Expr, names: set[str]) -> Need:
    node = node.unnest()
    if isinstance(node, exp.And):
        return tuple(b for part in node.flatten() for b in _need(part, names))
    if isinstance(node, exp.Or):
        branches = tuple(_need(part, names) for part in node.flatten())
        return (Either(branches),) if all(branches) else ()
    if isinstance(node, exp.Between):
        return _between(node, names)
    if isinstance(node, exp.In):
        return _in(node, names)
    return _comparison(node, names)


def _between(node: exp.Between, names: set[str]) -> Need:
    low = exp.GTE(this=node.this.copy(), expression=node.args["low"].copy())
    high = exp.LTE(this=node.this.copy(), expression=node.args["high"].copy())
    return _comparison(low, names) + _comparison(high, names)


def _in(node: exp.In, names: set[str]) -> Need:
    if node.args.get("query") is not None or not node.expressions:
        return ()
    branches = tuple(
        _comparison(exp.EQ(this=node.this.copy(), expression=value.copy()), names)
        for value in node.expressions
    )
    return (Either(branches),) if all(branches) else ()


def _comparison(node: exp.Expr, names: set[str]) -> Need:
    if type(node) not in _FLIP:
        return ()
    left, right, kind = node.this, node.expression, type(node)
    if _read(right, names) is not None:
        left, right, kind = right, left, _FLIP[kind]
    read = _read(left, names)
    if read is None or not _constant(right):
        return ()
    return read(kind, right.sql(dialect="duckdb"))


_Reader = Callable[[type[exp.Expr], str], Need]


def _read(node: exp.Expr, names: set[str]) -> _Reader | None:
    """How a comparison with this expression bounds the instant, or None if it does not."""
    node = node.unnest()
    if isinstance(node, exp.Column):
        return _of_column(node, names)
    inner = _of_column(node.this, names) if isinstance(node.this, exp.Column) else None
    if inner is None:
        return None
    if isinstance(node, exp.Cast):
        return {"DATE": _days, "TIMESTAMP": inner, "TIMESTAMPTZ": inner}.get(node.to.this.name)
    if isinstance(node, exp.Date | exp.TsOrDsToDate):
        return _days
    if isinstance(node, exp.TimestampTrunc | exp.DateTrunc):
        return _truncated
    return None


def _of_column(node: exp.Column, names: set[str]) -> _Reader | None:
    if node.table.lower() not in names:
        return None
    return {"timestamp": _instants, "date": _days}.get(node.name.lower())


def _instants(kind: type[exp.Expr], sql: str) -> Need:
    lower, upper = Bound("lower", sql), Bound("upper", sql)
    if kind is exp.EQ:
        return (lower, upper)
    return (lower,) if kind in (exp.GT, exp.GTE) else (upper,)


def _days(kind: type[exp.Expr], sql: str) -> Need:
    lower, upper = Bound("lower_day", sql), Bound("upper_day", sql)
    if kind is exp.EQ:
        return (lower, upper)
    return (lower,) if kind in (exp.GT, exp.GTE) else (upper,)


def _truncated(kind: type[exp.Expr], sql: str) -> Need:
    """A truncated instant is at or before the instant: only its lower bound says something."""
    return (Bound("lower", sql),) if kind in (exp.GT, exp.GTE, exp.EQ) else ()


def _constant(node: exp.Expr) -> bool:
    return node.find(exp.Column, exp.Query, exp.AggFunc, exp.Window) is None
