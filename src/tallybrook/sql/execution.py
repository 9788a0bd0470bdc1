"""A translated statement on its connection: rows in batches, or a plan, or a file."""

import re
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import duckdb

from tallybrook.lake.tables.naming import type_name
from tallybrook.ports.sql import QueryMetadata, ResultColumn
from tallybrook.sql.guard import Statement
from tallybrook.sql.values import Cells

BATCH_ROWS = 2_000
MAX_RESULT_CELLS = 5_000_000
ZONED = "TIMESTAMP WITH TIME ZONE"

Emit = Callable[[list[ResultColumn] | list[list[Any]]], None]


def used(sql: str, statement: Statement) -> dict[str, Any]:
    """Only the parameters of this text: the engine refuses to be given others."""
    return {k: v for k, v in statement.parameters.items() if re.search(rf"\${k}\b", sql)}


def run(
    connection: duckdb.DuckDBPyConnection,
    sql: str,
    statement: Statement,
    max_rows: int,
    emit: Emit,
    metadata: QueryMetadata,
) -> None:
    """Columns, then rows, go to ``emit``; what is to be said of them goes to ``metadata``."""
    values = used(sql, statement)
    if statement.kind == "explain":
        _explain(connection, sql, values, emit)
        return
    names, types = described(connection.execute(sql, values))
    emit([ResultColumn(*pair) for pair in zip(names, map(type_name, types), strict=True)])
    if ZONED in types:
        connection.execute(_without_zones(sql, types), values)
    max_rows = min(max_rows, MAX_RESULT_CELLS // max(len(types), 1))
    cells = Cells()
    for batch in _batches(connection, max_rows, metadata):
        emit([cells.row(row) for row in batch])
    if cells.lost_numbers:
        metadata.hints.append("NaN and infinity are shown as null.")
    if metadata.truncated:
        metadata.hints.append(f"The answer is cut at {max_rows} rows.")


def described(found: duckdb.DuckDBPyConnection) -> tuple[list[str], list[str]]:
    """Names and DuckDB's types of the columns of an answer."""
    description = found.description or []
    return [column[0] for column in description], [str(column[1]) for column in description]


def _without_zones(sql: str, types: list[str]) -> str:
    """Zoned instants as plain ones in UTC: the only form the cells are read in."""
    names = [f"c{number}" for number in range(len(types))]
    shown = (
        f"timezone('UTC', {n})" if t == ZONED else n for n, t in zip(names, types, strict=True)
    )
    return f"SELECT {', '.join(shown)} FROM ({sql}) AS tb_result({', '.join(names)})"


def _batches(
    connection: duckdb.DuckDBPyConnection, max_rows: int, metadata: QueryMetadata
) -> Iterator[list[tuple[Any, ...]]]:
    left = max_rows
    while rows := connection.fetchmany(BATCH_ROWS):
        if len(rows) > left:
            metadata.truncated = True
        if left:
            yield list(islice(rows, left))
        left -= min(left, len(rows))


def _explain(
    connection: duckdb.DuckDBPyConnection, sql: str, values: dict[str, Any], emit: Emit
) -> None:
    plan = connection.execute(f"EXPLAIN {sql}", values).fetchall()
    emit([ResultColumn("Query Plan", "varchar")])
    emit([[line] for row in plan for line in str(row[1]).splitlines()])
