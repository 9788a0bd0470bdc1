"""Failed records in the log's own SQLite file."""

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import cast

from tallybrook.errors import ConflictError, InvalidError, StorageError
from tallybrook.ports.log import FailedRecord, FailedStatus
from tallybrook.ports.log.local.reader import Readers
from tallybrook.ports.log.local.transaction import SqliteTransaction

_COLUMNS = (
    "failed_id, account_id, source, reason, detail, body, encoding, tries, status,"
    " first_at, last_at"
)


class SqliteFailedRecords:
    """``ports.failed.FailedRecords``."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._readers = Readers(path)

    def page(
        self, account_id: str, status: FailedStatus | None, limit: int, before: str | None
    ) -> list[FailedRecord]:
        statuses = (status,) if status else ("open", "replayed", "discarded")
        marks = ", ".join("?" * len(statuses))
        rows = self._readers.all(
            f"SELECT {_COLUMNS} FROM failed WHERE account_id = ? AND status IN ({marks})"
            " AND failed_id < ? ORDER BY failed_id DESC LIMIT ?",
            (account_id, *statuses, before or "\U0010ffff", limit),
        )
        return [_record(row) for row in rows]

    def get(self, account_id: str, failed_id: str) -> FailedRecord | None:
        rows = self._readers.all(
            f"SELECT {_COLUMNS} FROM failed WHERE account_id = ? AND failed_id = ?",
            (account_id, failed_id),
        )
        return _record(rows[0]) if rows else None

    def counts(self) -> dict[tuple[str, FailedStatus], int]:
        rows = self._readers.all(
            "SELECT account_id, status, COUNT(*) FROM failed GROUP BY account_id, status"
        )
        found = cast("list[tuple[str, FailedStatus, int]]", rows)
        return {(account_id, status): count for account_id, status, count in found}

    def keep(self, record: FailedRecord) -> None:
        with self._writing() as connection:
            SqliteTransaction(connection).keep_failed([record])

    def settle(
        self, changes: Mapping[str, FailedStatus], now_us: int, *, only_open: bool = False
    ) -> None:
        if len(changes) > 100 and only_open:
            raise InvalidError("at most 100 failed records are settled together")
        with self._writing() as connection:
            if only_open:
                _require_open(connection, changes)
            SqliteTransaction(connection).settle(changes, now_us)

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction of a connection of its own; one that raises has changed nothing."""
        try:
            with closing(sqlite3.connect(self._path, timeout=30, isolation_level=None)) as opened:
                opened.execute("PRAGMA synchronous=FULL")
                opened.execute("BEGIN IMMEDIATE")
                yield opened
                opened.execute("COMMIT")
        except sqlite3.Error as error:
            raise StorageError(f"failed records: {error}") from error

    def close(self) -> None:
        self._readers.close()


def _require_open(connection: sqlite3.Connection, changes: Mapping[str, FailedStatus]) -> None:
    marks = ", ".join("?" * len(changes))
    (found,) = connection.execute(
        f"SELECT COUNT(*) FROM failed WHERE status = 'open' AND failed_id IN ({marks})",
        list(changes),
    ).fetchone()
    if found < len(changes):
        raise ConflictError("the failed record was replayed or discarded already")


def _record(row: tuple[object, ...]) -> FailedRecord:
    names = [name.strip() for name in _COLUMNS.split(",")]
    return FailedRecord(**dict(zip(names, row, strict=True)))  # type: ignore[arg-type]
