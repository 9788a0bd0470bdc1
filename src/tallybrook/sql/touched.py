"""Which places of a statement read a table, and which of its columns they may touch. Pure."""

from msgspec import Struct
from sqlglot import exp

from tallybrook.lake.tables import TABLES, Table, Tables
from tallybrook.sql import names


class Base(Struct, frozen=True):
    """One place that reads a table."""

    node: exp.Table
    table: Table
    columns: frozenset[str]


def bases(tree: exp.Expr, tables: Tables = TABLES) -> list[Base]:
    """Every place, in the order of the tree."""
    by_qualifier = _named(tree)
    found = []
    for node in tree.find_all(exp.Table):
        if names.is_base_table(node, tables):
            table = tables[node.name.lower()]
            alias = node.alias_or_name.lower()
            read = by_qualifier.get("", set()) | by_qualifier.get(alias, set())
            named = table.names if _starred(node, alias) else table.names & read
            found.append(Base(node, table, frozenset(named)))
    return found


def _named(tree: exp.Expr) -> dict[str, set[str]]:
    """Names of columns by what stands before the dot; "" for those that stand alone.

    What stands before a dot may itself be a column that holds rows.
    """
    found: dict[str, set[str]] = {"": set()}
    for column in tree.find_all(exp.Column):
        found.setdefault(column.table.lower(), set()).add(column.name.lower())
        if column.table:
            found[""].add(column.table.lower())
    for join in tree.find_all(exp.Join):
        found[""].update(name.name.lower() for name in join.args.get("using") or ())
    return found


def _starred(node: exp.Table, alias: str) -> bool:
    """Whether a star of the SELECT around the table stands for its columns."""
    select = node.find_ancestor(exp.Select)
    if select is None:
        return False
    return any(
        isinstance(item, exp.Star)
        or (isinstance(item, exp.Column) and isinstance(item.this, exp.Star)
            and item.table.lower() == alias)
        for item in select.expressions
    )  # fmt: skip
