"""Tables of results: what a saved query answered when the clock ran it last. Pure.

Nothing defines them but their file, which says in the catalog what it holds: table, columns and
rows change in one commit.
"""

import re
from collections.abc import Iterable
from typing import cast

import msgspec
from msgspec import Struct

from tallybrook.errors import TooLargeError
from tallybrook.lake.tables.model import Column, ColumnType, Table

PREFIX = "results_"
"""What the name of such a table begins with; the id of the saved query follows."""

MAX_RESULT_ROWS = 1_000_000
MAX_RESULT_BYTES = 64 * 1024 * 1024
"""The largest answer that is kept as a table, in rows and as Parquet."""

PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
"""What a column of an answer has to be called to be a column of a table."""


class Origin(Struct, frozen=True):
    """What ``DataFile.source`` says of a file of results. ``digest`` is that of the answer as it
    was handed in, ``columns`` are names with DuckDB's types, ``made_us`` when it was asked."""

    query_id: str
    made_us: int
    digest: str
    columns: tuple[tuple[str, str], ...]


_decoder = msgspec.json.Decoder(Origin)


def name_of(query_id: str) -> str:
    """The table of a saved query's results."""
    return f"{PREFIX}{query_id}"


def is_result(table: str) -> bool:
    """Whether a table is one of results."""
    return table.startswith(PREFIX)


def source_of(origin: Origin) -> str:
    """The origin as ``DataFile.source``."""
    return msgspec.json.encode(origin).decode()


def origin_of(source: str) -> Origin:
    """The reverse of ``source_of``."""
    return _decoder.decode(source)


def table_of(origin: Origin) -> Table:
    """The table that a file of results is. It has no partitions: a query needs no filter."""
    # Any type that an answer can have, not only those of the tables that are defined here.
    columns = (Column(name, cast("ColumnType", kind), "") for name, kind in origin.columns)
    return Table(
        name=name_of(origin.query_id),
        description=f"What the saved query {origin.query_id} answered when the clock ran it last.",
        columns=tuple(columns),
        partitions=(),
        sort=(),
        time=None,
        source="refresh",
    )


def tables_of(files: Iterable[tuple[str, str]]) -> dict[str, Table]:
    """The tables of results among files, by name. ``files`` are pairs of table and source."""
    return {name: table_of(origin_of(source)) for name, source in files if is_result(name)}


def require_size(rows: int, size: int) -> None:
    """Raise ``TooLargeError`` for an answer that is not kept as a table."""
    if rows > MAX_RESULT_ROWS:
        raise TooLargeError(
            f"the answer has over {MAX_RESULT_ROWS:,} rows, which is the most that is kept as a"
            " table: narrow it, aggregate it, or add a LIMIT"
        )
    if size > MAX_RESULT_BYTES:
        raise TooLargeError(
            f"the answer takes {size:,} bytes as Parquet, and at most {MAX_RESULT_BYTES:,} are kept"
            " as a table: name fewer columns, narrow it, or add a LIMIT"
        )
