"""Arrays, maps and rows: places that are not there, maps unnested to keys and values."""

from sqlglot import exp

from tallybrook.lake.tables import TABLES
from tallybrook.ports.sql import QueryRefusedError
from tallybrook.sql.rules.building import Rule, call, cast, literal

MAPS = frozenset(
    column.name
    for table in TABLES.values()
    for column in table.all_columns
    if column.type.startswith("MAP(")
)
"""The columns that are maps."""


def _subscript(node: exp.Expr) -> exp.Expr:
    """``x[…]`` of what is not there is an error, ``element_at`` NULL."""
    place = node.expressions[0]
    if len(node.expressions) != 1 or isinstance(place, exp.Slice):
        raise QueryRefusedError("A subscript is one place or one key.")
    if node.args.get("safe"):
        return node
    if _is_map(node.this) or (isinstance(place, exp.Literal) and place.is_string):
        return call("TB_VALUE", node.this, place)
    return call("TB_ELEMENT", node.this, place)


def _dot(node: exp.Expr) -> exp.Expr:
    """A field of a row."""
    if not isinstance(node.expression, exp.Identifier):
        raise QueryRefusedError("A field of a row is written value.field.")
    return call("STRUCT_EXTRACT", node.this, literal(node.expression.name))


def _is_map(node: exp.Expr) -> bool:
    node = node.unnest()
    if isinstance(node, exp.Column):
        return node.name.lower() in MAPS
    return isinstance(node, exp.Map | exp.Coalesce) and (
        isinstance(node, exp.Map) or _is_map(node.this)
    )


def _size(node: exp.Expr) -> exp.Expr:
    """Of an array, or of a map."""
    return call("CARDINALITY" if _is_map(node.this) else "LEN", node.this)


def _unnest(node: exp.Expr) -> exp.Expr:
    """A map becomes keys and values; several arrays go side by side, the shorter filled up."""
    values = node.expressions
    if len(values) == 1 and not _is_map(values[0]):
        return node
    if node.args.get("offset"):
        raise QueryRefusedError("WITH ORDINALITY is for one array here.")
    alias = node.args.get("alias")
    if not isinstance(node.parent, exp.Join | exp.From) or alias is None:
        raise QueryRefusedError("UNNEST of a map stands in FROM and gets names: AS t(key, value).")
    parts: list[exp.Expr] = []
    for value in values:
        columns = ("MAP_KEYS", "MAP_VALUES") if _is_map(value) else ()
        parts += [call(name, value.copy()) for name in columns] or [value]
    select = exp.Select(expressions=[call("UNNEST", part) for part in parts])
    return exp.Lateral(this=exp.Subquery(this=select), alias=alias)


def _sequence(node: exp.Expr) -> exp.Expr:
    """A sequence of dates is one of dates, a day apart unless told otherwise."""
    if not _is_date(node.args["start"]):
        return node
    if node.args.get("step") is None:
        node.set("step", exp.Interval(this=literal("1"), unit=exp.Var(this="DAY")))
    return cast(node.copy(), "DATE[]")


def _is_date(node: exp.Expr) -> bool:
    if isinstance(node, exp.Cast):
        return bool(node.to.this == exp.DataType.Type.DATE)
    if isinstance(node, exp.Anonymous) and node.name in ("TB_SHIFT", "TB_TRUNCATE"):
        return any(_is_date(argument) for argument in node.expressions)
    return isinstance(node, exp.Date | exp.TsOrDsToDate | exp.CurrentDate)


RULES: dict[str, Rule] = {
    "Bracket": _subscript,
    "Dot": _dot,
    "ArraySize": _size,
    "Unnest": _unnest,
    "GenerateSeries": _sequence,
}
