"""The call that names the tables of the lake, for whoever writes SQL."""

from typing import TYPE_CHECKING

from msgspec import Struct
from starlette.responses import Response

from tallybrook.entrypoints.server.context import Call
from tallybrook.entrypoints.server.problems import json_response

if TYPE_CHECKING:
    from tallybrook.lake.tables import Column
    from tallybrook.sql.kept import ResultTable


class ShownColumn(Struct):
    """A column as a query sees it; ``type`` is Athena's name of it. A ``partition`` is what a
    query of the table filters on."""

    name: str
    type: str
    description: str
    partition: bool


class ShownTable(Struct):
    """A table; its columns in their order, partitions last."""

    name: str
    description: str
    columns: list[ShownColumn]


class TableList(Struct):
    """The tables in their order, then the account's tables of results by name."""

    tables: list[ShownTable]


async def tables(call: Call) -> Response:
    """GET /tables. It is about columns, not about rows."""
    from tallybrook.lake.tables import TABLES  # here: who serves no SQL need not load them
    from tallybrook.sql.kept import result_tables

    found = []
    for table in TABLES.values():
        columns = [_column(column, partition=False) for column in table.columns]
        columns += [_column(column, partition=True) for column in table.partitions]
        found.append(ShownTable(table.name, table.description, columns))
    state = call.context.stores.works().state
    found += map(_result, await call.context.read(result_tables, state, call.account_id))
    return json_response(TableList(found))


def _result(table: "ResultTable") -> ShownTable:
    columns = [ShownColumn(column.name, column.type, "", False) for column in table.columns]
    said = f"What the saved query {table.query_id} answered at {table.refreshed_at}."
    return ShownTable(table.name, said, columns)


def _column(column: "Column", *, partition: bool) -> ShownColumn:
    return ShownColumn(column.name, column.trino_type, column.description, partition)
