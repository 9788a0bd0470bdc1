"""Failed records in the log's own SQLite file."""

import sqlite3
from pathlib import Path
from typing import cast

from tallybrook.errors import StorageError
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
        try:
            connection = sqlite3.connect(self._path, timeout=30, isolation_level=None)
            try:
                connection.execute("PRAGMA synchronous=FULL")
                SqliteTransaction(connection).keep_failed([record])
            finally:
                connection.close()
        except sqlite3.Error as error:
            raise StorageError(f"failed records: {error}") from error

    def close(self) -> None:
        self._readers.close()


def _record(row: tuple[object, ...]) -> FailedRecord:
    names = [name.strip() for name in _COLUMNS.split(",")]
    return FailedRecord(**dict(zip(names, row, strict=True)))  # type: ignore[arg-type]
