"""Recounted buckets in a SQLite file of their own.

They are of record types whose records are kept elsewhere. A type that this product counts itself
has its exact counters already: a bucket of it from outside is never newer, and reading gives ours.
"""

import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from tallybrook.ports.clock import Clock, system_clock
from tallybrook.ports.log import CounterKey
from tallybrook.ports.metrics import BucketKey, StoredMetric, Written
from tallybrook.ports.sqlite import Database

if TYPE_CHECKING:
    from tallybrook.ports.counters import Counters

_SCHEMA = """
CREATE TABLE IF NOT EXISTS metrics (
    account_id TEXT NOT NULL,
    record_type TEXT NOT NULL,
    minutes INTEGER NOT NULL,
    start_s INTEGER NOT NULL,
    count INTEGER NOT NULL,
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (account_id, record_type, minutes, start_s)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS tickets (
    account_id TEXT NOT NULL,
    record_type TEXT NOT NULL,
    last INTEGER NOT NULL,
    PRIMARY KEY (account_id, record_type)
) WITHOUT ROWID;
"""
_TICKET = """
INSERT INTO tickets VALUES (?, ?, ?)
ON CONFLICT DO UPDATE SET last = max(last + 1, excluded.last) RETURNING last
"""
_WRITE = """
INSERT INTO metrics VALUES (?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET
    count = excluded.count, version = excluded.version, updated_at = excluded.updated_at
    WHERE version <= excluded.version
"""
_BUCKET = "account_id = ? AND record_type = ? AND minutes = ?"


class SqliteMetrics:
    """``ports.metrics.MetricSink``. ``own`` are the counters of what this product counts."""

    def __init__(
        self, path: Path, own: "Counters | None" = None, clock: Clock = system_clock
    ) -> None:
        self._own = own
        self._clock = clock
        self._db = Database(path, _SCHEMA, "metrics")

    def ticket(self, account_id: str, record_type: str) -> int:
        with self._db.transaction() as connection:
            row = connection.execute(_TICKET, (account_id, record_type, self._clock())).fetchone()
        return int(row[0])

    def write(
        self,
        account_id: str,
        record_type: str,
        counts: Mapping[BucketKey, int],
        version: int,
        now_us: int,
    ) -> Written:
        if self._counted_here(account_id, record_type):
            return Written(superseded=len(counts))
        done = Written()
        with self._db.transaction() as connection:
            for (minutes, start_s), count in counts.items():
                key = (account_id, record_type, minutes, start_s)
                self._put(connection, key, count, version, now_us, done)
        return done

    def _put(
        self,
        connection: sqlite3.Connection,
        key: tuple[str, str, int, int],
        count: int,
        version: int,
        now_us: int,
        done: Written,
    ) -> None:
        old = connection.execute(
            f"SELECT count FROM metrics WHERE {_BUCKET} AND start_s = ?", key
        ).fetchone()
        row = (*key, count, version, now_us, now_us)
        if not connection.execute(_WRITE, row).rowcount:
            done.superseded += 1
            return
        done.written += 1
        account_id, record_type, minutes, start_s = key
        change = count - (old[0] if old else 0)
        if minutes == 1 and change:
            counter: CounterKey = (account_id, "record", record_type, minutes, start_s)
            done.changes[counter] = change

    def stored(
        self,
        account_id: str,
        record_type: str,
        minutes: int,
        start_s: int,
        end_s: int,
        limit: int | None = None,
    ) -> list[StoredMetric]:
        if self._own is not None and self._counted_here(account_id, record_type):
            own = self._own.rows(account_id, "record", record_type, minutes, start_s, end_s)
            return [
                StoredMetric(minutes, r.start_s, r.count, r.updated_at, r.created_at, r.updated_at)
                for r in own[:limit]
            ]
        rows = self._db.all(
            "SELECT minutes, start_s, count, version, created_at, updated_at FROM metrics"
            f" WHERE {_BUCKET} AND start_s >= ? AND start_s < ? ORDER BY start_s LIMIT ?",
            (account_id, record_type, minutes, start_s, end_s, -1 if limit is None else limit),
        )
        return [StoredMetric(*row) for row in rows]

    def types(self, account_id: str) -> list[str]:
        own = self._own.names(account_id) if self._own is not None else []
        rows = self._db.all(
            "SELECT DISTINCT record_type FROM metrics WHERE account_id = ?", (account_id,)
        )
        return sorted({name for kind, name in own if kind == "record"} | {row[0] for row in rows})

    def _counted_here(self, account_id: str, record_type: str) -> bool:
        return self._own is not None and ("record", record_type) in self._own.names(account_id)

    def close(self) -> None:
        self._db.close()
