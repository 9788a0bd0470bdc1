"""Which days a statement needs: the partition filter of each place that reads a table.

The bounds are kept as constant SQL expressions; the engine that runs the statement evaluates
them, so that ``date_add('day', -7, current_date)`` prunes as well as a literal.
"""

from collections.abc import Callable, Iterator
from typing import Literal

from msgspec import Struct
from sqlglot import exp

from tallybrook.lake.tables import Table

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


class _Reading(Struct, frozen=True):
    """The table of a place that reads it, and the qualifiers that its columns may have there."""

    table: Table
    qualifiers: frozenset[str]


def need(node: exp.Table, table: Table) -> Need:
    """What the WHERE and ON around a place that reads a table say about its time."""
    select = node.find_ancestor(exp.Select)
    if select is None:
        return ()
    bare = {""} if _alone(select) else set()
    reading = _Reading(table, frozenset({node.alias_or_name.lower()} | bare))
    found: list[Bound | Either] = []
    for condition in _conditions(select, node):
        found += _need(condition, reading)
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


def _need(node: exp.Expr, names: _Reading) -> Need:
    node = node.unnest()
    if isinstance(node, exp.And):
        parts = list(node.flatten())
        return (*(b for part in parts for b in _need(part, names)), *_months(parts, names))
    if isinstance(node, exp.Or):
        branches = tuple(_need(part, names) for part in node.flatten())
        return (Either(branches),) if all(branches) else ()
    if isinstance(node, exp.Between):
        return _between(node, names)
    if isinstance(node, exp.In):
        return _in(node, names)
    return _comparison(node, names)


def _between(node: exp.Between, names: _Reading) -> Need:
    low = exp.GTE(this=node.this.copy(), expression=node.args["low"].copy())
    high = exp.LTE(this=node.this.copy(), expression=node.args["high"].copy())
    return _comparison(low, names) + _comparison(high, names)


def _in(node: exp.In, names: _Reading) -> Need:
    if node.args.get("query") is not None or not node.expressions:
        return ()
    branches = tuple(
        _comparison(exp.EQ(this=node.this.copy(), expression=value.copy()), names)
        for value in node.expressions
    )
    return (Either(branches),) if all(branches) else ()


def _comparison(node: exp.Expr, names: _Reading) -> Need:
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


def _read(node: exp.Expr, names: _Reading) -> _Reader | None:
    """How a comparison with this expression bounds the instant, or None if it does not."""
    node = node.unnest()
    if isinstance(node, exp.Column):
        return _of_column(node, names)
    if isinstance(node, exp.Anonymous) and node.name == "TB_TRUNCATE":
        inner = node.expressions[1]
        return _truncated if isinstance(inner, exp.Column) and _of_column(inner, names) else None
    within = _of_column(node.this, names) if isinstance(node.this, exp.Column) else None
    if within is None or within is _years:
        return None
    if isinstance(node, exp.Cast):
        return {"DATE": _days, "TIMESTAMP": within, "TIMESTAMPTZ": within}.get(node.to.this.name)
    return _days if isinstance(node, exp.Date | exp.TsOrDsToDate) else None


def _of_column(node: exp.Column, names: _Reading) -> _Reader | None:
    if node.table.lower() not in names.qualifiers:
        return None
    if node.name.lower() == names.table.time:
        return _instants
    partition = names.table.partition(node.name.lower())
    return _BY_KIND.get(partition.kind) if partition is not None else None


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


def _day_texts(kind: type[exp.Expr], sql: str) -> Need:
    """Days as text are compared as text: only a whole one says something about days."""
    whole = (
        f"CASE WHEN regexp_full_match(CAST({sql} AS VARCHAR), '[0-9]{{4}}/[0-9]{{2}}/[0-9]{{2}}')"
        f" THEN TRY_STRPTIME(CAST({sql} AS VARCHAR), '%Y/%m/%d') END"
    )
    return _days(kind, whole)


def _years(kind: type[exp.Expr], sql: str) -> Need:
    """Every day of the years."""
    year = f"CAST(({sql}) AS INTEGER)"
    lower = Bound("lower_day", f"TRY(MAKE_DATE({year}, 1, 1))")
    upper = Bound("upper_day", f"TRY(MAKE_DATE({year}, 12, 31))")
    if kind is exp.EQ:
        return (lower, upper)
    return (lower,) if kind in (exp.GT, exp.GTE) else (upper,)


def _months(parts: list[exp.Expr], names: _Reading) -> Need:
    """Every day of the months, where the year beside them is one."""
    years = [sql for kind, sql in _comparisons(parts, names, "year") if kind is exp.EQ]
    found: list[Bound | Either] = []
    for kind, month in _comparisons(parts, names, "month") if len(years) == 1 else ():
        first = f"TRY(MAKE_DATE(CAST(({years[0]}) AS INTEGER), CAST(({month}) AS INTEGER), 1))"
        if kind in (exp.EQ, exp.GT, exp.GTE):
            found.append(Bound("lower_day", first))
        if kind in (exp.EQ, exp.LT, exp.LTE):
            found.append(Bound("upper_day", f"LAST_DAY({first})"))
    return tuple(found)


def _comparisons(
    parts: list[exp.Expr], names: _Reading, wanted: str
) -> Iterator[tuple[type[exp.Expr], str]]:
    """How, and with which constants, a partition of a kind is compared."""
    for part in (part.unnest() for part in parts):
        if type(part) not in _FLIP:
            continue
        left, right, kind = part.this, part.expression, type(part)
        if _partition_kind(right, names) == wanted:
            left, right, kind = right, left, _FLIP[kind]
        if _partition_kind(left, names) == wanted and _constant(right):
            yield kind, right.sql(dialect="duckdb")


def _partition_kind(node: exp.Expr, names: _Reading) -> str:
    node = node.unnest()
    if not isinstance(node, exp.Column) or node.table.lower() not in names.qualifiers:
        return ""
    partition = names.table.partition(node.name.lower())
    return partition.kind if partition is not None else ""


def _truncated(kind: type[exp.Expr], sql: str) -> Need:
    """A truncated instant is at or before the instant: only its lower bound says something."""
    return (Bound("lower", sql),) if kind in (exp.GT, exp.GTE, exp.EQ) else ()


def _constant(node: exp.Expr) -> bool:
    return node.find(exp.Column, exp.Query, exp.AggFunc, exp.Window) is None


_BY_KIND: dict[str, _Reader] = {"day": _days, "day_text": _day_texts, "year": _years}
