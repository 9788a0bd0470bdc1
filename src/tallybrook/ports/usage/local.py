"""Usage in SQLite, in a file of its own: any process may add to it."""

from collections.abc import Sequence
from pathlib import Path

from tallybrook.errors import InvalidError
from tallybrook.ports.sqlite import Database
from tallybrook.ports.usage import MAX_BATCH, Usage

_SCHEMA = """
CREATE TABLE IF NOT EXISTS usage (
    day TEXT NOT NULL,
    account_id TEXT NOT NULL,
    function TEXT NOT NULL,
    meter TEXT NOT NULL,
    quantity REAL NOT NULL,
    PRIMARY KEY (day, account_id, function, meter)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS batches (batch_id TEXT PRIMARY KEY, day TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS positions (name TEXT PRIMARY KEY, seq INTEGER NOT NULL) WITHOUT ROWID;
"""
_ADD = (
    "INSERT INTO usage VALUES (?, ?, ?, ?, ?) ON CONFLICT (day, account_id, function, meter)"
    " DO UPDATE SET quantity = quantity + excluded.quantity"
)
_ROWS = "SELECT day, account_id, function, meter, quantity FROM usage WHERE day BETWEEN ? AND ?"


class SqliteUsage:
    """``ports.usage.LogUsage`` over one file."""

    def __init__(self, path: Path) -> None:
        self._db = Database(path, _SCHEMA, "usage")

    def add(self, rows: Sequence[Usage], batch_id: str | None = None) -> bool:
        if batch_id is not None and len(rows) > MAX_BATCH:
            raise InvalidError(f"a batch of usage has at most {MAX_BATCH} rows")
        with self._db.transaction() as connection:
            if batch_id is not None:
                day = max((row.day for row in rows), default="")
                found = connection.execute(
                    "INSERT OR IGNORE INTO batches VALUES (?, ?)", (batch_id, day)
                )
                if found.rowcount == 0:
                    return False
            connection.executemany(_ADD, _values(rows))
        return True

    def between(self, first_day: str, last_day: str, account_id: str | None = None) -> list[Usage]:
        of_account = "" if account_id is None else " AND account_id = ?"
        more = () if account_id is None else (account_id,)
        order = " ORDER BY day, account_id, function, meter"
        return [
            Usage(*row)
            for row in self._db.all(_ROWS + of_account + order, (first_day, last_day, *more))
        ]

    def forget(self, before_day: str) -> int:
        with self._db.transaction() as connection:
            connection.execute("DELETE FROM batches WHERE day < ?", (before_day,))
            gone = connection.execute("DELETE FROM usage WHERE day < ?", (before_day,))
            return gone.rowcount

    def position(self, name: str) -> int:
        found = self._db.all("SELECT seq FROM positions WHERE name = ?", (name,))
        return int(found[0][0]) if found else 0

    def advance(self, name: str, seq: int, rows: Sequence[Usage]) -> None:
        with self._db.transaction() as connection:
            connection.executemany(_ADD, _values(rows))
            connection.execute("INSERT OR REPLACE INTO positions VALUES (?, ?)", (name, seq))

    def close(self) -> None:
        self._db.close()


def _values(rows: Sequence[Usage]) -> list[tuple[str, str, str, str, float]]:
    return [(r.day, r.account_id, r.function, r.meter, r.quantity) for r in rows if r.quantity]
