"""DuckDB with nothing around it, over the very files that a query of the product reads."""

import sqlite3
import time
from pathlib import Path
from typing import Any

import duckdb

from bench.product import Product
from tallybrook.sql import macros

NAME = "bare DuckDB"
THREADS = 2

Engine = duckdb.DuckDBPyConnection


def files(data: Path) -> list[str]:
    """The live files of the lake that hold events."""
    with sqlite3.connect(data / "lake" / "catalog.db") as catalog:
        found = catalog.execute(
            "SELECT path FROM files WHERE removed_us IS NULL AND path LIKE 'events/%'"
        )
        return [str(data / "lake" / path) for (path,) in found]


def open_engine() -> Engine:
    """As it comes, but for what decides about answers: Trino's arithmetic and macros. It stays
    open, and remembers what it has read."""
    engine = duckdb.connect(config={"threads": THREADS})
    engine.execute("SET TimeZone = 'UTC'; SET integer_division = true")
    macros.define(engine)
    return engine


def connect(data: Path) -> Engine:
    """A connection with a view ``events`` over those files."""
    paths = ", ".join("'" + path.replace("'", "''") + "'" for path in files(data))
    engine = duckdb.connect(config={"threads": THREADS})
    engine.execute("SET TimeZone = 'UTC'")
    engine.execute(
        f"CREATE VIEW events AS SELECT * FROM read_parquet([{paths}], hive_partitioning = true)"
    )
    return engine


def times(
    running: Product, engine: Engine, sql: str, bare_sql: str, rounds: int
) -> tuple[list[float], list[float]]:
    """Milliseconds through the API and bare, alternating; the answers must be the same."""
    ours: list[float] = []
    bare: list[float] = []
    for number in range(rounds + 1):
        # A comment that is never the same keeps the answer from being remembered.
        mark = f" -- {time.time_ns()}"
        begun = time.perf_counter()
        reply = running.query(sql + mark)
        middle = time.perf_counter()
        rows = engine.execute(bare_sql + mark).fetchall()
        if number:  # the first of each only warms the page cache
            ours.append((middle - begun) * 1000)
            bare.append((time.perf_counter() - middle) * 1000)
        if reply["metadata"]["from_cache"]:
            raise RuntimeError("the answer was remembered: nothing was measured")
        require_same(reply["rows"], rows)
    return ours, bare


def require_same(ours: list[list[Any]], bare: list[tuple[Any, ...]]) -> None:
    """Raise when the two do not have the same number of rows and columns."""
    if len(ours) != len(bare) or (ours and len(ours[0]) != len(bare[0])):
        raise RuntimeError(f"answers differ: {ours[:3]} and {bare[:3]}")


def total(parts: list[list[float]]) -> list[float]:
    """Sums over several statements, round by round."""
    return [sum(values) for values in zip(*parts, strict=True)]
