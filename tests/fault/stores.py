"""Counting rows in the stores themselves, with nothing of the product but its file names."""

import json
import sqlite3
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import duckdb

from tests.fault.ledger import Ledger, Record

SIZES = (1, 5, 15, 60)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
Counted = Counter[tuple[str, str, int, int]]
"""(kind, series, minutes, start in seconds) to a count."""


class Entry(NamedTuple):
    """One line of the log."""

    seq: int
    topic: str
    line: dict[str, Any]


def instant_us(text: str) -> int:
    """Microseconds since the epoch of an RFC 3339 text."""
    return (datetime.fromisoformat(text) - _EPOCH) // timedelta(microseconds=1)


def read_log(data: Path) -> list[Entry]:
    """Every entry of the log; its sequence numbers are dense, starting at 1."""
    with sqlite3.connect(data / "log.db") as db:
        rows = db.execute("SELECT first_seq, topic, count, body FROM chunks ORDER BY first_seq")
        entries = [
            Entry(first + i, topic, json.loads(line))
            for first, topic, count, body in rows
            for i, line in enumerate(_lines(body, count))
        ]
    assert [entry.seq for entry in entries] == list(range(1, len(entries) + 1))
    assert all(entry.line["seq"] == entry.seq for entry in entries)
    return entries


def _lines(body: bytes, count: int) -> list[bytes]:
    lines = body.split(b"\n")
    assert len(lines) == count
    return lines


def check_events(entries: list[Entry], told: Ledger) -> None:
    """Each acknowledged event once, as it was sent; nothing that nobody sent."""
    lines = [entry.line for entry in entries if entry.topic == "events"]
    stored = {line["event_id"]: line for line in lines}
    assert len(stored) == len(lines), "an event is in the log twice"
    assert told.events.keys() <= stored.keys(), "an acknowledged event is lost"
    assert stored.keys() <= told.attempted, "the log holds what nobody sent"
    wrong = [sent for sent in told.events.values() if not _same(sent, stored[sent["event_id"]])]
    assert not wrong


def _same(sent: dict[str, Any], line: dict[str, Any]) -> bool:
    at = instant_us(sent["timestamp"]) if "timestamp" in sent else line["ingested_at"]
    return line["timestamp"] == at and all(
        line[name] == sent[name] for name in ("event_type", "user_id", "properties")
    )


def check_lake(data: Path, entries: list[Entry]) -> None:
    """The files that the catalog names hold the log's events: the same rows, each once."""
    with sqlite3.connect(data / "lake" / "catalog.db") as db:
        files = db.execute(
            "SELECT path, rows FROM files WHERE removed_us IS NULL AND path LIKE 'events/%'"
        ).fetchall()
    paths = [str(data / "lake" / path) for path, _ in files]
    with duckdb.connect() as engine:
        rows = engine.execute(
            "SELECT seq, event_id, event_type, user_id, epoch_us(timestamp), properties"
            " FROM read_parquet(?, hive_partitioning = false) ORDER BY seq",
            [paths],
        ).fetchall()
    lines = [entry.line for entry in entries if entry.topic == "events"]
    names = ("seq", "event_id", "event_type", "user_id", "timestamp", "properties")
    assert len(rows) == sum(count for _, count in files) == len(lines)
    for row, line in zip(rows, lines, strict=True):
        assert (*row[:-1], json.loads(row[-1])) == tuple(line.get(name) for name in names)


def read_records(data: Path) -> dict[Record, tuple[dict[str, Any], int]]:
    """Body and instant (µs) of every record of the table."""
    with sqlite3.connect(data / "log.db") as db:
        rows = db.execute("SELECT record_type, record_id, body, instant_us FROM records")
        return {(kind, name): (json.loads(body), at) for kind, name, body, at in rows}


def check_records(data: Path, entries: list[Entry], told: Ledger) -> None:
    """The table, and what the log's operations add up to, are what was last acknowledged."""
    expected = {record: body for record, body in told.records.items() if body is not None}
    assert {record: body for record, (body, _) in read_records(data).items()} == expected
    replayed: dict[Record, dict[str, Any]] = {}
    for line in (entry.line for entry in entries if entry.topic == "records"):
        record = (line["record_type"], line["record_id"])
        if line["op"] == "put":
            replayed[record] = line["body"]
        else:
            del replayed[record]
    assert replayed == expected


def check_counters(data: Path, entries: list[Entry]) -> None:
    """The counters table says what counting the log's events and the records says."""
    expected: Counted = Counter()
    for line in (entry.line for entry in entries if entry.topic == "events"):
        expected.update(_buckets("event", line["event_type"], line["timestamp"]))
    for (series, _), (_, at) in read_records(data).items():
        expected.update(_buckets("record", series, at))
    with sqlite3.connect(data / "log.db") as db:
        rows = db.execute("SELECT kind, series, minutes, start_s, count FROM counters").fetchall()
    assert {row[:4]: row[4] for row in rows if row[4]} == dict(expected)


def _buckets(kind: str, series: str, at_us: int) -> Iterator[tuple[str, str, int, int]]:
    for minutes in SIZES:
        width = minutes * 60
        yield kind, series, minutes, at_us // 1_000_000 // width * width
