"""Reading a lake's files without any of the product's own code for it."""

from functools import cache
from pathlib import Path
from typing import Any

import duckdb


def database() -> duckdb.DuckDBPyConnection:
    """A cursor of one database for all tests: to open one takes longer than what they ask."""
    return _database().cursor()


@cache
def _database() -> duckdb.DuckDBPyConnection:
    return duckdb.connect()


def every_file(data_dir: Path, table: str = "*") -> list[Path]:
    """All Parquet files that lie in the lake's folders, live or not."""
    return sorted((data_dir / "lake").glob(f"{table}/account_id=*/**/*.parquet"))


def rows_on_disk(data_dir: Path, table: str, select: str) -> list[Any]:
    """SQL over all files of a table, whatever the catalog says."""
    files = [str(path) for path in every_file(data_dir, table)]
    if not files:
        return []
    with database() as db:
        source = f"read_parquet({files!r}, hive_partitioning = true, union_by_name = true)"
        return db.execute(f"SELECT {select} FROM {source} ORDER BY ALL").fetchall()


def mentions(data_dir: Path, text: str) -> list[Path]:
    """The files any cell of which holds a text."""
    found = []
    with database() as db:
        for path in every_file(data_dir):
            count = db.execute(
                "SELECT count(*) FROM read_parquet(?, hive_partitioning = false) t"
                " WHERE contains(t::VARCHAR, ?)",
                [str(path), text],
            ).fetchone()
            if count and count[0]:
                found.append(path)
    return found
