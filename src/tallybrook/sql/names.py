"""Names: every table is a known one or a CTE in scope, every column one that can exist."""

import re

from sqlglot import exp

from tallybrook.lake.tables import TABLES, Tables
from tallybrook.ports.sql import QueryRefusedError

_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,127}")
_TABLE_ARGS = {"this", "alias"}
_FIELD = re.compile(r"(\w+) (?:DOUBLE|INTEGER|BIGINT|VARCHAR)")


def check(tree: exp.Expr, tables: Tables = TABLES) -> None:
    """Refuse unknown tables and columns."""
    for cte in tree.find_all(exp.CTE):
        _check_cte(cte, tables)
    for table in tree.find_all(exp.Table):
        _check_table(table, tables)
    known, fields = _names_defined(tree, tables), _fields(tables)
    for column in tree.find_all(exp.Column):
        _check_column(column, known, fields, tables)


def is_base_table(table: exp.Table, tables: Tables = TABLES) -> bool:
    """Whether it is a table of the lake (and not a CTE)."""
    return not _in_scope(table) and table.name.lower() in tables


def _fields(tables: Tables) -> frozenset[str]:
    """The fields of rows inside of columns."""
    columns = (column for table in tables.values() for column in table.all_columns)
    return frozenset(name for column in columns for name in _FIELD.findall(column.type))


def _check_cte(cte: exp.CTE, tables: Tables) -> None:
    name = cte.alias
    if not _PLAIN.fullmatch(name):
        raise QueryRefusedError(f"{name!r} is no name for a WITH query.", "Use letters and digits.")
    if name.lower() in tables:
        raise QueryRefusedError(f"WITH hides the table {name}.", "Give it another name.")


def _check_table(table: exp.Table, tables: Tables) -> None:
    extra = {key for key, value in table.args.items() if value} - _TABLE_ARGS
    if extra or not isinstance(table.this, exp.Identifier):
        raise QueryRefusedError(
            "That is not a table by its plain name.", f"The tables are: {', '.join(tables)}."
        )
    if not _in_scope(table) and table.name.lower() not in tables:
        raise QueryRefusedError(
            f"There is no table {table.name!r}.", f"The tables are: {', '.join(tables)}."
        )


def _in_scope(table: exp.Table) -> bool:
    """Whether a WITH around the table defines its name before the place where it is used."""
    name, node = table.name.lower(), table
    below: exp.Expr = node
    while (above := below.parent) is not None:
        if isinstance(above, exp.With):
            ctes = above.expressions
            ctes = ctes[: ctes.index(below)] if below in ctes else ctes
        else:
            with_ = above.args.get("with_")
            ctes = with_.expressions if with_ is not None and with_ is not below else []
        if any(cte.alias.lower() == name for cte in ctes):
            return True
        below = above
    return False


def _names_defined(tree: exp.Expr, tables: Tables) -> set[str]:
    """Columns of the tables and every alias of the statement, lower case."""
    names = {name.lower() for table in tables.values() for name in table.names}
    for node in tree.find_all(exp.Alias, exp.TableAlias):
        names.add(node.alias.lower() if isinstance(node, exp.Alias) else node.name.lower())
        names.update(column.name.lower() for column in node.args.get("columns") or ())
    for node in tree.find_all(exp.Unnest):
        if isinstance(place := node.args.get("offset"), exp.Identifier):
            names.add(place.name.lower())
    return names


def _check_column(
    column: exp.Column, known: set[str], fields: frozenset[str], tables: Tables
) -> None:
    name = column.name.lower()
    parts = column.args.get("db") or column.args.get("catalog")
    if parts and (name not in fields or column.args.get("catalog")):
        raise QueryRefusedError(f"{column.sql()!r} has too many parts.", "Write table.column.")
    if isinstance(column.this, exp.Star) or name in known or (column.table and name in fields):
        return
    raise QueryRefusedError(
        f"There is no column {column.name!r}.",
        f"{_columns_of(column, tables)} Values inside properties are read with"
        " json_extract_scalar(properties, '$.name').",
    )


def _columns_of(column: exp.Column, tables: Tables) -> str:
    """The columns of the tables that the statement reads."""
    read = {t.name.lower() for t in column.root().find_all(exp.Table)} & set(tables)
    return " ".join(
        f"The columns of {name} are: {', '.join(c.name for c in tables[name].all_columns)}."
        for name in sorted(read or {"events"})
    )
