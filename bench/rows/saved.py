"""Every saved query through the API beside its translation in bare DuckDB on the same files.

Asked as somebody does who reads the answers: a moment after the one before. In it a query process
makes the connection that the next statement is locked into, some 25 ms; the plain statements of
``bench.rows.querying`` are asked without it.
"""

import math
import time
from collections.abc import Iterator
from typing import Any

from msgspec import Struct

from bench import bare
from bench.generated import SCORED_ONE_IN
from bench.product import Product
from bench.row import Goal, Row, beside
from tallybrook.lake.scan import Located, select_files
from tallybrook.lake.tables import TABLES
from tallybrook.ports.lake.local import LocalLakeReader
from tallybrook.ports.sql import Parameter
from tallybrook.sql.execution import used
from tallybrook.sql.guard import Statement, guard
from tallybrook.sql.libraries import Library
from tallybrook.sql.saved import SavedQuery, bind
from tallybrook.sql.session import EXACT_ROWS

GIVEN: dict[str, dict[str, Parameter]] = {
    "user_journey": {"user": "user-7"},
    "user_growth_hourly": {"hours": 24 * 90},
}
MOST_ROWS = 10_000
"""How many rows of an answer are asked for. Each round asks for one less than the one before:
an answer that was asked for in the same words would be remembered."""

PAUSE_S = 0.1
GOAL = Goal(1.1, "<=", "×")


class Pair(Struct):
    """Milliseconds of a query, round by round."""

    name: str
    ours: list[float]
    bare: list[float]


def measure(running: Product, rounds: int, rows: int) -> list[Row]:
    """A row of all queries together, and one of each."""
    with bare.open_engine() as engine:
        tables = dict(_tables(running, engine))
        pairs = [_measured(running, engine, q, rounds, tables) for q in Library().queries()]
    ours, theirs = bare.total([p.ours for p in pairs]), bare.total([p.bare for p in pairs])
    what = f"{len(pairs)} saved queries on {rows / 1e6:g} M rows"
    note = f"and {rows // SCORED_ONE_IN} scored assessments; one statement after the other"
    return [
        beside(what, ours, "ms", bare.NAME, theirs, GOAL, note),
        *(beside(f"saved: {p.name}", p.ours, "ms", bare.NAME, p.bare, GOAL) for p in pairs),
    ]


def _tables(running: Product, engine: bare.Engine) -> Iterator[tuple[str, int]]:
    """A view of each table over all its files; the rows of each."""
    lake = LocalLakeReader(running.data)
    snapshot = lake.snapshot("default")
    for name, table in TABLES.items():
        files = snapshot.of(name)
        located: list[Located] = list(zip(files, lake.locate(files), strict=True))
        engine.execute(f"CREATE VIEW {name} AS {select_files(table, located)}")
        yield name, sum(file.rows for file in files)
    lake.close()


def _measured(
    running: Product, engine: bare.Engine, query: SavedQuery, rounds: int, tables: dict[str, int]
) -> Pair:
    """The first round only warms the page cache."""
    found = Pair(query.id, [], [])
    for number in range(rounds + 1):
        ours_ms, answered = _asked(running, query, MOST_ROWS - number)
        bare_ms, rows = _bare(engine, query, MOST_ROWS - number, tables)
        require_close(query, answered, rows)
        if number:
            found.ours.append(ours_ms)
            found.bare.append(bare_ms)
    return found


def _asked(running: Product, query: SavedQuery, limit: int) -> tuple[float, list[list[Any]]]:
    body = {"parameters": GIVEN.get(query.id, {}), "limit": limit}
    time.sleep(PAUSE_S)
    begun = time.perf_counter()
    reply = running.client.post(f"/queries/{query.id}/run", json=body, timeout=300)
    answer = reply.raise_for_status().json()
    took_ms = (time.perf_counter() - begun) * 1e3
    if answer["metadata"]["from_cache"]:
        raise RuntimeError("the answer was remembered: nothing was measured")
    return took_ms, answer["rows"]


def _bare(
    engine: bare.Engine, query: SavedQuery, limit: int, tables: dict[str, int]
) -> tuple[float, list[tuple[Any, ...]]]:
    """The same statement as the product's, with the names of its views."""
    values = bind(query, GIVEN.get(query.id, {}))
    statement = guard(query.sql, values, now_us=time.time_ns() // 1000, max_rows=limit)
    for scan in statement.scans:
        engine.execute(f"CREATE OR REPLACE VIEW {scan.view} AS FROM {scan.table}")
    sql = _text(statement, tables)
    begun = time.perf_counter()
    rows = engine.execute(sql, used(sql, statement)).fetchall()
    return (time.perf_counter() - begun) * 1e3, rows


def _text(statement: Statement, tables: dict[str, int]) -> str:
    """Counted exactly where the product counts exactly."""
    read = sum(tables[scan.table] for scan in statement.scans)
    return statement.exact_sql if read <= EXACT_ROWS else statement.sql


def require_close(query: SavedQuery, ours: list[list[Any]], theirs: list[tuple[Any, ...]]) -> None:
    """Raise where a number is off by over 5 % (approximate ones differ from run to run), or there
    are other rows."""
    same = len(ours) == len(theirs) and all(
        _close(a, b) for one, other in zip(ours, theirs, strict=True)
        for a, b in zip(one, other, strict=True)
    )  # fmt: skip
    if not same or not ours:
        raise RuntimeError(f"answers of {query.id} differ: {ours[:3]} and {theirs[:3]}")


def _close(ours: Any, theirs: Any) -> bool:
    if isinstance(theirs, int | float) and isinstance(ours, int | float):
        return math.isclose(ours, theirs, rel_tol=0.05)
    return (ours is None) == (theirs is None)
