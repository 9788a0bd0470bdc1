"""The lake's tables as data: Parquet columns, SQL view, guard and docs are all made from here."""

from typing import Literal

from msgspec import Struct

ColumnType = Literal["VARCHAR", "BIGINT", "TIMESTAMP", "DATE"]


class Column(Struct, frozen=True):
    """One column. ``type`` is the DuckDB and Parquet type; TIMESTAMP is UTC, microseconds."""

    name: str
    type: ColumnType
    description: str

    @property
    def trino_type(self) -> str:
        """The type as Athena names it."""
        return self.type.lower()


class Table(Struct, frozen=True):
    """One table. ``partitions`` live in the path only, in this order (hive layout)."""

    name: str
    description: str
    columns: tuple[Column, ...]
    partitions: tuple[Column, ...]
    sort: tuple[str, ...]

    @property
    def all_columns(self) -> tuple[Column, ...]:
        return self.columns + self.partitions

    @property
    def names(self) -> frozenset[str]:
        return frozenset(column.name for column in self.all_columns)


EVENTS = Table(
    name="events",
    description="One row for each accepted event.",
    columns=(
        Column("event_id", "VARCHAR", "The client's id, or a ULID given on arrival."),
        Column("event_type", "VARCHAR", "What happened."),
        Column("timestamp", "TIMESTAMP", "When it happened (UTC)."),
        Column("ingested_at", "TIMESTAMP", "When it arrived (UTC)."),
        Column("time_source", "VARCHAR", "Where timestamp is from: event, payload or arrival."),
        Column("user_id", "VARCHAR", "The known user, if any."),
        Column("anonymous_id", "VARCHAR", "The unknown visitor, if any."),
        Column("session_id", "VARCHAR", "The session, if any."),
        Column("properties", "VARCHAR", "JSON object, the text as received."),
        Column("context", "VARCHAR", "JSON object, the text as received."),
        Column("seq", "BIGINT", "Position in the log; unique, rising in order of arrival."),
    ),
    partitions=(
        Column("account_id", "VARCHAR", "The account; always the caller's own."),
        Column("date", "DATE", "UTC day of timestamp; the partition to filter on."),
    ),
    sort=("event_type", "timestamp", "seq"),
)

TABLES: dict[str, Table] = {EVENTS.name: EVENTS}


def parquet_select(table: Table) -> str:
    """The SELECT list that turns decoded rows (instants as integers) into the table's columns."""
    return ", ".join(_typed(column) for column in table.columns)


def _typed(column: Column) -> str:
    if column.type == "TIMESTAMP":
        return f'make_timestamp("{column.name}") AS "{column.name}"'
    return f'CAST("{column.name}" AS {column.type}) AS "{column.name}"'
