"""What commit effects may do, in SQL, inside the committer's open transaction."""

import sqlite3
from collections.abc import Iterable, Mapping

from tallybrook.ports.log import CounterKey, FailedRecord, FailedStatus, RecordChange, StoredRecord

_ROW = "(?, ?, ?, ?, ?, ?, ?, ?)"
_COUNTS = [
    (
        rows,
        "INSERT INTO counters"
        " (account_id, kind, series, minutes, start_s, count, created_at, updated_at)"
        f" VALUES {', '.join([_ROW] * rows)} ON CONFLICT DO UPDATE"
        " SET count = count + excluded.count, updated_at = excluded.updated_at",
    )
    for rows in (64, 16, 4, 1)
]
"""Statements for so many buckets at once, the largest first. Each call into SQLite gives the
interpreter away and has to get it back from a busy event loop, so a commit makes few of them."""
_PUT = """
INSERT INTO records (account_id, record_type, record_id, instant_us, skipped, body, seq)
VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET instant_us = excluded.instant_us, skipped = excluded.skipped,
    body = excluded.body, seq = excluded.seq
"""
_KEEP = """
INSERT INTO failed (failed_id, account_id, source, reason, detail, body, encoding, tries, status,
    first_at, last_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET tries = tries + 1, last_at = excluded.last_at
"""


class SqliteTransaction:
    """``ports.log.Transaction``; remembers what it counted, for those who watch commits."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.counted: dict[CounterKey, int] = {}

    def add_counts(self, deltas: Mapping[CounterKey, int], now_us: int) -> None:
        rows = [(*key, change, now_us, now_us) for key, change in deltas.items()]
        at = 0
        for size, statement in _COUNTS:
            while len(rows) - at >= size:
                values = [value for row in rows[at : at + size] for value in row]
                self._connection.execute(statement, values)
                at += size
        for key, change in deltas.items():
            self.counted[key] = self.counted.get(key, 0) + change

    def record(self, account_id: str, record_type: str, record_id: str) -> StoredRecord | None:
        row = self._connection.execute(
            "SELECT instant_us, skipped, body, seq FROM records"
            " WHERE account_id = ? AND record_type = ? AND record_id = ?",
            (account_id, record_type, record_id),
        ).fetchone()
        return StoredRecord(*row) if row else None

    def put_record(self, change: RecordChange, seq: int) -> None:
        self._connection.execute(
            _PUT,
            (
                change.account_id,
                change.record_type,
                change.record_id,
                change.instant_us,
                change.skipped,
                change.body,
                seq,
            ),
        )

    def delete_record(self, change: RecordChange) -> None:
        self._connection.execute(
            "DELETE FROM records WHERE account_id = ? AND record_type = ? AND record_id = ?",
            (change.account_id, change.record_type, change.record_id),
        )

    def keep_failed(self, records: Iterable[FailedRecord]) -> None:
        """Store failed records; one that is there already only counts another try."""
        rows = [
            (
                r.failed_id, r.account_id, r.source, r.reason, r.detail, r.body, r.encoding,
                r.tries, r.status, r.first_at, r.last_at,
            )
            for r in records
        ]  # fmt: skip
        self._connection.executemany(_KEEP, rows)

    def settle(self, changes: Mapping[str, FailedStatus], now_us: int) -> None:
        """Move failed records to a status."""
        self._connection.executemany(
            "UPDATE failed SET status = ?, last_at = ? WHERE failed_id = ?",
            [(status, now_us, failed_id) for failed_id, status in changes.items()],
        )
