"""Advice that costs nothing: what makes a statement dearer, or read otherwise on Athena. Pure."""

import re

from sqlglot import exp

from tallybrook.lake.tables import TABLES

_COMPARISONS = (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.Between, exp.In)
_DATED = frozenset(
    column.name
    for table in TABLES.values()
    for column in table.all_columns
    if column.type in ("DATE", "TIMESTAMP")
)
_DECIMAL = re.compile(r"\d+\.\d*|\.\d+")


def hints(tree: exp.Expr) -> tuple[str, ...]:
    """Sentences for the answer's metadata, in no particular order, each once."""
    found = [
        _star(tree),
        _limit(tree),
        _distinct(tree),
        _dates(tree),
        _decimals(tree),
    ]
    return tuple(hint for hint in found if hint)


def _star(tree: exp.Expr) -> str:
    if any(not isinstance(star.parent, exp.Count) for star in tree.find_all(exp.Star)):
        return "SELECT * reads every column: name the ones you need."
    return ""


def _limit(tree: exp.Expr) -> str:
    grouped = tree.args.get("group") or tree.find(exp.AggFunc)
    if tree.find(exp.Table) and not tree.args.get("limit") and not grouped:
        return "There is no LIMIT: the answer is cut at the row limit."
    return ""


def _distinct(tree: exp.Expr) -> str:
    if any(isinstance(node.this, exp.Distinct) for node in tree.find_all(exp.Count)):
        return "count(DISTINCT x) is exact; approx_distinct(x) needs less time and memory."
    return ""


def _dates(tree: exp.Expr) -> str:
    """Text compared with a date: Athena wants a date."""
    read = {table.name.lower() for table in tree.find_all(exp.Table)} & set(TABLES)
    if any(p.kind == "day_text" for name in read for p in TABLES[name].partitions):
        return ""
    for node in tree.find_all(*_COMPARISONS):
        sides = list(node.iter_expressions())
        texts = any(isinstance(side, exp.Literal) and side.is_string for side in sides)
        if texts and any(isinstance(s, exp.Column) and s.name.lower() in _DATED for s in sides):
            return "Athena compares a date with a date only: write date '2026-01-31'."
    return ""


def _decimals(tree: exp.Expr) -> str:
    """Decimals are divided otherwise: neither engine's answer is wrong, but they differ."""
    # Where a column comes from a cast elsewhere is not followed: any cast counts.
    casts = any(c.to.this == exp.DataType.Type.DECIMAL for c in tree.find_all(exp.Cast))
    for divided in tree.find_all(exp.Div, exp.Avg):
        literals = (n for n in divided.find_all(exp.Literal) if not n.is_string)
        if casts or any(_DECIMAL.fullmatch(n.name) for n in literals if _divides(n, divided)):
            return (
                "Decimals such as 1.5 keep all digits here when they are divided, and are rounded"
                " to their own number of digits on Athena: write 15e-1 or CAST(x AS double)."
            )
    return ""


def _divides(literal: exp.Expr, divided: exp.Expr) -> bool:
    """Whether the number itself is divided, and does not only decide about what is."""
    node = literal.parent
    while node is not None and node is not divided:
        if isinstance(node, exp.ApproxQuantile | exp.Predicate | exp.CountIf):
            return False
        node = node.parent
    return True
