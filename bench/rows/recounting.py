"""Counting again from scratch, beside numpy and DuckDB doing the same."""

import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TypeVar

import duckdb
import numpy as np
from numpy.typing import NDArray

from bench.row import Goal, Options, Row, absolute, beside
from tallybrook.counters.buckets import SIZES
from tallybrook.counters.recount import recount, tally
from tallybrook.events.model import Event
from tallybrook.ports.log import Write
from tallybrook.ports.log.local import SqliteLogReader
from tallybrook.settings import Settings
from tallybrook.wiring import log_path, open_counters, open_log

T = TypeVar("T")

_RECORDS = 1_000_000
_DAY_US = 86_400_000_000
_START_US = 20_000 * _DAY_US
_TYPES = ("page_view", "purchase", "sign_up", "search", "logout")
_NUMPY, _DUCKDB = "numpy", "DuckDB read_json"


def recounting(options: Options) -> list[Row]:
    """In memory, from the bytes of NDJSON, and the whole command on a stored log."""
    rounds = max(3, options.rounds)
    rows = [_in_memory(rounds)]
    data = options.scratch / "recount"
    _fill(data, 100_000)
    rows.append(_from_bytes(data, rounds))
    if not options.quick:
        large = options.scratch / "recount-large"
        _fill(large, _RECORDS)
        took = [_ms(lambda: _recounted(large))[0] for _ in range(options.rounds)]
        rows.append(absolute("1 000 000 events, log to compared counters", took, "ms"))
    return rows


def _in_memory(rounds: int) -> Row:
    """All four sizes of 1 000 000 instants of one day."""
    instants = np.random.default_rng(1).integers(_START_US, _START_US + _DAY_US, _RECORDS)
    ours: list[float] = []
    theirs: list[float] = []
    for _ in range(rounds):
        took_ms, found = _ms(lambda: tally(instants).counts)
        ours.append(took_ms)
        took_ms, expected = _ms(lambda: _numpy(instants))
        theirs.append(took_ms)
        if {key: n for key, n in found.items() if n} != expected:
            raise RuntimeError("the two counts differ")
    goal = Goal(3, "<=", "×")
    return beside("1 000 000 records, four sizes", ours, "ms", _NUMPY, theirs, goal)


def _numpy(instants: NDArray[np.int64]) -> dict[tuple[int, int], int]:
    """The shortest way there is: one bincount a size over the range that occurs."""
    found: dict[tuple[int, int], int] = {}
    for minutes in SIZES:
        numbers = instants // (60_000_000 * minutes)
        first = int(numbers.min())
        counts = np.bincount(numbers - first)
        for offset in np.flatnonzero(counts).tolist():
            found[minutes, (first + offset) * minutes * 60] = int(counts[offset])
    return found


def _from_bytes(data: Path, rounds: int) -> Row:
    """100 000 events: ours reads the log and compares every counter as well."""
    lines = data / "lines.ndjson"
    with closing(SqliteLogReader(log_path(data))) as reader:
        chunks = reader.chunks("events", 0, 1 << 60)
    lines.write_bytes(b"\n".join(chunk.body for chunk in chunks) + b"\n")
    ours: list[float] = []
    theirs: list[float] = []
    for _ in range(rounds):
        took_ms, counted = _ms(lambda: _recounted(data))
        ours.append(took_ms)
        took_ms, expected = _ms(lambda: _duckdb(lines))
        theirs.append(took_ms)
        if counted != expected:
            raise RuntimeError(f"the two counts differ: {counted} and {expected}")
    goal = Goal(2, "<=", "×")
    return beside("100 000 events from NDJSON bytes", ours, "ms", _DUCKDB, theirs, goal)


def _recounted(data: Path) -> int:
    """Recount a data directory; how many buckets are not empty. Every counter must agree."""
    with open_counters(Settings(data=str(data))) as counters:
        found = recount(counters)
    if found.differences:
        raise RuntimeError(f"{len(found.differences)} counters differ from their recount")
    return sum(1 for result in found.tallies.values() for n in result.counts.values() if n)


def _duckdb(lines: Path) -> int:
    """One reading of the file into memory, four groupings; how many buckets there are."""
    with duckdb.connect(config={"threads": 2}) as engine:
        engine.execute(
            "CREATE TEMP TABLE seen AS SELECT * FROM read_json(?, format = 'newline_delimited',"
            " columns = {account_id: 'VARCHAR', event_type: 'VARCHAR', timestamp: 'BIGINT'})",
            [str(lines)],
        )
        buckets = 0
        for minutes in SIZES:
            buckets += len(
                engine.execute(
                    f"SELECT account_id, event_type, timestamp // {60_000_000 * minutes}, count(*)"
                    " FROM seen GROUP BY ALL"
                ).fetchall()
            )
        return buckets


def _fill(data: Path, events: int) -> None:
    """A log of that many events, a day's worth, through the log itself."""
    step_us = _DAY_US // events
    with closing(open_log(Settings(data=str(data)))) as log:
        for first in range(0, events, 5_000):
            log.write(Write([_event(n, step_us) for n in range(first, first + 5_000)]))


def _event(n: int, step_us: int) -> Event:
    return Event(
        seq=0, event_id=f"e-{n}", event_type=_TYPES[n % len(_TYPES)],
        timestamp=_START_US + n * step_us, ingested_at=_START_US, account_id="default",
        time_source="event", user_id=f"user-{n % 5000}", session_id=f"s-{n % 9000}",
    )  # fmt: skip


def _ms(work: Callable[[], T]) -> tuple[float, T]:
    begun = time.perf_counter()
    result = work()
    return (time.perf_counter() - begun) * 1000, result
