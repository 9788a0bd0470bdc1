"""Columns → sorted, partitioned, compressed Parquet, and the facts the catalog keeps of a file."""

from datetime import UTC, datetime, timedelta
from pathlib import PurePath
from typing import Any

import duckdb

from tallybrook.lake.rows import Columns
from tallybrook.lake.tables import EVENTS, Table, parquet_select
from tallybrook.ports.lake import DataFile, LakeStore

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

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
        query = (
            f"SELECT {parquet_select(table)}, CAST(account_id AS VARCHAR) AS account_id,"
            f" CAST(make_timestamp(timestamp) AS DATE) AS date FROM incoming"
        )
        return _copy(writer, store, query, table, FLUSH_LEVEL)
    finally:
        writer.unregister("incoming")


def merge_files(
    writer: duckdb.DuckDBPyConnection,
    store: LakeStore,
    files: list[DataFile],
    table: Table = EVENTS,
) -> list[DataFile]:
    """Write the rows of files of one partition to one new file."""
    paths = store.locate(files)
    names = ", ".join(f'"{column.name}"' for column in table.columns)
    query = (
        f"SELECT {names}, {_literal(files[0].account_id)} AS account_id,"
        f" CAST({_literal(files[0].date)} AS DATE) AS date"
        f" FROM read_parquet([{', '.join(map(_literal, paths))}], hive_partitioning = false)"
    )
    return _copy(writer, store, query, table, MERGE_LEVEL)


def _copy(
    writer: duckdb.DuckDBPyConnection, store: LakeStore, query: str, table: Table, level: int
) -> list[DataFile]:
    order = ", ".join(f'"{name}"' for name in ("account_id", "date", *table.sort))
    partitions = ", ".join(column.name for column in table.partitions)
    written = writer.execute(
        f"COPY ({query} ORDER BY {order}) TO {_literal(store.staging())} (FORMAT parquet,"
        f" COMPRESSION zstd, COMPRESSION_LEVEL {level}, PARTITION_BY ({partitions}), APPEND,"
        " FILENAME_PATTERN '{uuidv7}', RETURN_STATS)"
    ).fetchall()
    return [_data_file(store, row) for row in written]


_Written = tuple[str, int, int, int, dict[str, dict[str, str]], dict[str, str]]
"""A row of ``RETURN_STATS``: file name, rows, bytes, footer bytes, column statistics, keys."""


def _data_file(store: LakeStore, written: _Written) -> DataFile:
    filename, rows, size, _, statistics, keys = written[:6]
    sizes = {name.strip('"'): int(s["column_size_bytes"]) for name, s in statistics.items()}
    times = statistics['"timestamp"']
    return DataFile(
        path=store.relative(str(PurePath(filename))),
        account_id=keys["account_id"],
        date=keys["date"],
        rows=rows,
        bytes=size,
        min_us=instant_us(times["min"]),
        max_us=instant_us(times["max"]),
        column_bytes=sizes,
    )


def instant_us(text: str) -> int:
    """Microseconds since the epoch of DuckDB's rendering of a TIMESTAMP (years 1..9999)."""
    whole = datetime.fromisoformat(text)
    return (whole.replace(tzinfo=UTC) - EPOCH) // timedelta(microseconds=1)


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
