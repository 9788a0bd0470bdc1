"""Columns → sorted, partitioned, compressed Parquet, and the facts the catalog keeps of a file."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path, PurePath
from typing import Any

import duckdb

from tallybrook.errors import StorageError
from tallybrook.lake.rows import Columns
from tallybrook.lake.scan import literal, path_value, select_files
from tallybrook.lake.tables import EVENTS, TABLES, Table, incoming_select
from tallybrook.ports.lake import DataFile, LakeStore

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DAY_US = 86_400_000_000

FLUSH_LEVEL = 3
MERGE_LEVEL = 9
"""zstd: fast where somebody waits for freshness, small where nobody waits."""


def open_writer(scratch: str, memory_bytes: int, threads: int) -> duckdb.DuckDBPyConnection:
    """A DuckDB that stays within its memory and spills to the scratch directory."""
    config: dict[str, Any] = {
        "threads": threads,
        "memory_limit": f"{memory_bytes}B",
        "temp_directory": scratch,
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
    }
    writer = duckdb.connect(config=config)
    writer.execute("SET TimeZone = 'UTC'")
    return writer


def write_columns(
    writer: duckdb.DuckDBPyConnection, store: LakeStore, rows: Columns, table: Table = EVENTS
) -> list[DataFile]:
    """Write rows to new files under the store's staging root; nothing refers to them yet."""
    writer.register("incoming", rows)
    try:
        return copy(writer, store, incoming_select(table, "incoming"), table, FLUSH_LEVEL)
    finally:
        writer.unregister("incoming")


def merge_files(
    writer: duckdb.DuckDBPyConnection, store: LakeStore, files: list[DataFile]
) -> list[DataFile]:
    """Write the rows of files of one partition to one new file."""
    return rewrite_files(writer, store, files, "true")


def rewrite_files(
    writer: duckdb.DuckDBPyConnection, store: LakeStore, files: Sequence[DataFile], keep: str
) -> list[DataFile]:
    """Write those rows of files of one partition for which ``keep`` is true to one new file, to
    none where there are no such rows."""
    table = TABLES[files[0].table]
    located = list(zip(files, store.locate(files), strict=True))
    names = [f'"{c.name}"' for c in table.columns] + [path_value(p) for p in table.partitions]
    query = f"SELECT {', '.join(names)} FROM ({select_files(table, located)}) WHERE {keep}"
    return copy(writer, store, query, table, MERGE_LEVEL)


def copy(
    writer: duckdb.DuckDBPyConnection,
    store: LakeStore,
    query: str,
    table: Table,
    level: int,
    source: str = "",
) -> list[DataFile]:
    """Write what a query gives: a table's columns, and its partitions as they are in the path."""
    keys = [p.name for p in table.partitions]
    order = ", ".join(f'"{name}"' for name in (*keys, *table.sort))
    written = writer.execute(
        f"COPY ({query} ORDER BY {order}) TO {literal(f'{store.staging()}/{table.name}')} ("
        f"FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL {level}, PARTITION_BY"
        f" ({', '.join(keys)}), APPEND, FILENAME_PATTERN '{{uuidv7}}', RETURN_STATS)"
    ).fetchall()
    return [_data_file(store, table, row, source) for row in written]


def copy_plain(
    writer: duckdb.DuckDBPyConnection,
    store: LakeStore,
    query: str,
    path: str,
    account_id: str,
    source: str,
) -> DataFile:
    """Write what a query gives, in its order, to one file of a table without partitions."""
    to = Path(store.staging()) / path
    to.parent.mkdir(parents=True, exist_ok=True)
    try:
        written = writer.execute(
            f"COPY ({query}) TO {literal(str(to))} (FORMAT parquet, COMPRESSION zstd,"
            f" COMPRESSION_LEVEL {MERGE_LEVEL}, RETURN_STATS)"
        ).fetchone()
    except duckdb.Error:
        store.discard([path])
        raise
    if written is None:
        raise StorageError("the lake wrote a file and was not told of it")
    _, rows, size, _, statistics, *_ = written
    return DataFile(
        path=path, account_id=account_id, rows=rows, bytes=size, min_us=0, max_us=0,
        column_bytes=_column_bytes(statistics), source=source,
    )  # fmt: skip


_Stats = dict[str, dict[str, str]]
_Written = tuple[str, int, int, int, _Stats, dict[str, str]]
"""A row of ``RETURN_STATS``: file name, rows, bytes, footer bytes, column statistics, keys."""


def _data_file(store: LakeStore, table: Table, written: _Written, source: str) -> DataFile:
    filename, rows, size, _, statistics, keys = written[:6]
    first_us, last_us = _bounds(table, statistics, keys)
    return DataFile(
        path=store.relative(str(PurePath(filename))),
        account_id=keys["account_id"],
        rows=rows,
        bytes=size,
        min_us=first_us,
        max_us=last_us,
        column_bytes=_column_bytes(statistics),
        max_seq=int(statistics['"seq"']["max"]) if '"seq"' in statistics else 0,
        source=source,
    )


def _column_bytes(statistics: _Stats) -> dict[str, int]:
    """The parts of a map or struct are counted together under its name."""
    sizes: dict[str, int] = {}
    for name, found in statistics.items():
        column = name.split('"')[1]
        sizes[column] = sizes.get(column, 0) + int(found.get("column_size_bytes", 0))
    return sizes


def _bounds(table: Table, statistics: _Stats, keys: dict[str, str]) -> tuple[int, int]:
    if table.time is not None:
        times = statistics[f'"{table.time}"']
        return instant_us(times["min"]), instant_us(times["max"])
    day = next((p.name for p in table.partitions if p.kind == "day"), None)
    if day is None:
        return 0, 0
    first_us = instant_us(keys[day])
    return first_us, first_us + DAY_US - 1


def instant_us(text: str) -> int:
    """Microseconds since the epoch of DuckDB's rendering of a TIMESTAMP or DATE (years 1..9999)."""
    whole = datetime.fromisoformat(text)
    return (whole.replace(tzinfo=UTC) - EPOCH) // timedelta(microseconds=1)
