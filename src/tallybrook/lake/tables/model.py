"""What a table of the lake is: columns, partitions, and the three names of every type. Pure."""

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct

from tallybrook.lake.tables.naming import type_name

ColumnType = Literal[
    "VARCHAR",
    "BIGINT",
    "INTEGER",
    "DOUBLE",
    "BOOLEAN",
    "TIMESTAMP",
    "DATE",
    "MAP(VARCHAR, DOUBLE)",
    "MAP(VARCHAR, STRUCT(score DOUBLE, responses INTEGER, std_dev DOUBLE))",
]
"""DuckDB's name, which is also what the Parquet files hold. TIMESTAMP is UTC, microseconds."""

_FACETS: ColumnType = "MAP(VARCHAR, STRUCT(score DOUBLE, responses INTEGER, std_dev DOUBLE))"
_TRINO: dict[ColumnType, str] = {
    "MAP(VARCHAR, DOUBLE)": "map(varchar, double)",
    _FACETS: "map(varchar, row(score double, responses integer, std_dev double))",
}
_HIVE: dict[ColumnType, str] = {
    "VARCHAR": "string",
    "INTEGER": "int",
    "MAP(VARCHAR, DOUBLE)": "map<string,double>",
    _FACETS: "map<string,struct<score:double,responses:int,std_dev:double>>",
}

PartitionKind = Literal["account", "day", "day_text", "year", "month", "value"]
"""What a partition column is of. ``day``: the UTC day of the table's time as DATE (in the path
``date=2024-01-31``); ``day_text``: the same as text ``2024/01/31`` (in the path
``date=2024-01-31``); ``year`` and ``month`` (1 to 12): numbers of that day; ``value``: a text that
the rows have."""


class Column(Struct, frozen=True):
    """One column. ``type`` is DuckDB's and Parquet's."""

    name: str
    type: ColumnType
    description: str

    @property
    def trino_type(self) -> str:
        """The type as Athena's queries name it."""
        return _TRINO.get(self.type) or type_name(self.type)

    @property
    def hive_type(self) -> str:
        """The type as Athena's DDL and the Glue catalog name it."""
        return _HIVE.get(self.type, self.type.lower())


class Partition(Column, frozen=True):
    """A column that is in the path alone. ``values`` are all it can have, where they are few."""

    kind: PartitionKind = "value"
    values: tuple[str, ...] = ()


class Person(Struct, frozen=True):
    """Where a row names somebody: raw user ids, or pseudonyms. A row is a person's when any of its
    columns holds one of their names."""

    columns: tuple[str, ...] = ()
    pseudonymous: bool = False


class Table(Struct, frozen=True, kw_only=True):
    """One table.

    ``partitions`` live in the path only, in this order, the account first; a table of results has
    none, its files lie under their account all the same. ``time`` names the
    TIMESTAMP column whose day the partitions are of; None where rows are of a whole day (``day``
    is a partition) or of no time. ``sort`` is the order of rows in a file. ``retention_days`` is
    how long rows are kept unless said otherwise, None for ever.
    """

    name: str
    description: str
    columns: tuple[Column, ...]
    partitions: tuple[Partition, ...]
    sort: tuple[str, ...]
    time: str | None = "timestamp"
    person: Person = Person()
    source: Literal["log", "refresh"] = "log"
    retention_days: int | None = None

    @property
    def all_columns(self) -> tuple[Column, ...]:
        return self.columns + self.partitions

    @property
    def names(self) -> frozenset[str]:
        return frozenset(column.name for column in self.all_columns)

    @property
    def filters(self) -> tuple[str, ...]:
        """The columns of which a query has to bound one: empty where none is asked for."""
        found = tuple(p.name for p in self.partitions if p.kind not in ("account", "value"))
        return (self.time, *found) if self.time and found else found

    def partition(self, name: str) -> Partition | None:
        """The partition column of that name."""
        return next((p for p in self.partitions if p.name == name), None)


Tables = Mapping[str, Table]
"""Tables by their names."""

ACCOUNT = Partition("account_id", "VARCHAR", "The account; always the caller's own.", "account")
DAY = Partition("date", "DATE", "UTC day; the partition to filter on.", "day")
DAY_TEXT = Partition(
    "date", "VARCHAR", "UTC day of timestamp as yyyy/MM/dd; the partition to filter on.", "day_text"
)
YEAR = Partition("year", "INTEGER", "Year (UTC); a partition to filter on.", "year")
MONTH = Partition("month", "INTEGER", "Month (UTC), 1 to 12; filter on it and year.", "month")
SEQ = Column("seq", "BIGINT", "Position in the log; unique, rising in order of arrival.")
