"""State in SQLite, in a file of its own: any process may change it."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tallybrook.errors import ConflictError
from tallybrook.ports.clock import Clock, system_clock
from tallybrook.ports.log.local.reader import Readers
from tallybrook.ports.sqlite import Database
from tallybrook.ports.state import (
    ABSENT,
    MAX_KEY_BYTES,
    Change,
    Delete,
    Put,
    Stored,
    require_fitting,
    require_key,
    require_writable,
)
from tallybrook.ports.state.versions import fresh_version

_SCHEMA = """
CREATE TABLE IF NOT EXISTS state (
    partition TEXT NOT NULL,
    key TEXT NOT NULL,
    value BLOB NOT NULL,
    version INTEGER NOT NULL,
    expires_at_s INTEGER,
    PRIMARY KEY (partition, key)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS state_expiry ON state (expires_at_s) WHERE expires_at_s IS NOT NULL;
"""
_ALIVE = "(expires_at_s IS NULL OR expires_at_s > ?)"
_HIGHEST = "\U0010ffff" * (MAX_KEY_BYTES // 4)
"""After a prefix: no key that starts with it comes later."""
_SWEPT = 4
"""Expired items freed by each write, more than it can make."""


class SqliteState:
    """``ports.state.State`` over one file."""

    def __init__(self, path: Path, clock: Clock = system_clock) -> None:
        self._clock = clock
        self._db = Database(path, _SCHEMA, "state")
        self._readers = Readers(path)

    def get(self, partition: str, key: str) -> Stored | None:
        require_key(partition, key)
        rows = self._readers.all(
            "SELECT key, value, version, expires_at_s FROM state"
            f" WHERE partition = ? AND key = ? AND {_ALIVE}",
            (partition, key, self._now_s()),
        )
        return Stored(*rows[0]) if rows else None  # type: ignore[arg-type]

    def put(
        self,
        partition: str,
        key: str,
        value: bytes,
        *,
        expect: int | None = None,
        expires_at_s: int | None = None,
    ) -> int:
        return self.write([Put(partition, key, value, expect, expires_at_s)])[0]

    def delete(self, partition: str, key: str, *, expect: int | None = None) -> bool:
        change = Delete(partition, key, expect)
        require_fitting(change)
        with self._writing() as connection:
            held = self._version(connection, change)
            if held != ABSENT:
                _require(change, held)
                self._apply(connection, change)
            return held != ABSENT

    def query(
        self, partition: str, prefix: str = "", *, after: str | None = None, limit: int = 1000
    ) -> list[Stored]:
        rows = self._readers.all(
            "SELECT key, value, version, expires_at_s FROM state"
            f" WHERE partition = ? AND key BETWEEN ? AND ? AND key > ? AND {_ALIVE}"
            " ORDER BY key LIMIT ?",
            (partition, prefix, prefix + _HIGHEST, after or "", self._now_s(), limit),
        )
        return [Stored(*row) for row in rows]  # type: ignore[arg-type]

    def write(self, changes: Sequence[Change]) -> list[int]:
        require_writable(changes)
        with self._writing() as connection:
            for change in changes:
                _require(change, self._version(connection, change))
            return [self._apply(connection, change) for change in changes]

    def close(self) -> None:
        self._readers.close()
        self._db.close()

    def _now_s(self) -> int:
        return self._clock() // 1_000_000

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction, which also frees a few items whose time is over."""
        with self._db.transaction() as connection:
            connection.execute(
                "DELETE FROM state WHERE (partition, key) IN"
                " (SELECT partition, key FROM state WHERE expires_at_s <= ? LIMIT ?)",
                (self._now_s(), _SWEPT),
            )
            yield connection

    def _version(self, connection: sqlite3.Connection, change: Change) -> int:
        row = connection.execute(
            f"SELECT version FROM state WHERE partition = ? AND key = ? AND {_ALIVE}",
            (change.partition, change.key, self._now_s()),
        ).fetchone()
        return int(row[0]) if row else ABSENT

    def _apply(self, connection: sqlite3.Connection, change: Change) -> int:
        """Make a change; the version it gives, or 0."""
        if isinstance(change, Put):
            version = fresh_version()
            connection.execute(
                "INSERT OR REPLACE INTO state (partition, key, value, version, expires_at_s)"
                " VALUES (?, ?, ?, ?, ?)",
                (change.partition, change.key, change.value, version, change.expires_at_s),
            )
            return version
        if isinstance(change, Delete):
            connection.execute(
                "DELETE FROM state WHERE partition = ? AND key = ?", (change.partition, change.key)
            )
        return ABSENT


def _require(change: Change, held: int) -> None:
    if change.expect is not None and change.expect != held:
        raise ConflictError(f"{change.key} was changed meanwhile")
