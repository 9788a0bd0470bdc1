"""Keys in SQLite, in a file of their own: any process may change them."""

import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

import msgspec

from tallybrook.errors import ConflictError, StorageError
from tallybrook.ports.keys import Key

_SCHEMA = """
CREATE TABLE IF NOT EXISTS keys (
    position INTEGER PRIMARY KEY,
    key_id TEXT NOT NULL UNIQUE,
    account_id TEXT NOT NULL,
    digest TEXT NOT NULL UNIQUE,
    body TEXT NOT NULL
);
"""


class SqliteKeys:
    """``ports.keys.Keys`` over one file, readable by its owner only. Safe for threads."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        try:
            path.touch(mode=0o600, exist_ok=True)
            self._connection = sqlite3.connect(
                path, timeout=10, isolation_level=None, check_same_thread=False
            )
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute("PRAGMA synchronous=FULL")
            self._connection.executescript(_SCHEMA)
        except (sqlite3.Error, OSError) as error:
            raise StorageError(f"cannot open {path.name}: {error}") from error

    def add(self, key: Key) -> None:
        self._run(
            "INSERT INTO keys (key_id, account_id, digest, body) VALUES (?, ?, ?, ?)",
            (key.key_id, key.account_id, key.digest, _text(key)),
        )

    def by_digest(self, digest: str) -> Key | None:
        rows = self._run("SELECT body FROM keys WHERE digest = ?", (digest,))
        return _key(rows[0][0]) if rows else None

    def stored(self, account_id: str | None = None) -> list[Key]:
        where, args = ("WHERE account_id = ?", (account_id,)) if account_id else ("", ())
        rows = self._run(f"SELECT body FROM keys {where} ORDER BY position", args)
        return [_key(body) for (body,) in rows]

    def replace(self, key_id: str, change: Callable[[Key], Key]) -> Key | None:
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                row = self._connection.execute(
                    "SELECT body FROM keys WHERE key_id = ?", (key_id,)
                ).fetchone()
                changed = change(_key(row[0])) if row else None
                if changed is not None:
                    self._connection.execute(
                        "UPDATE keys SET digest = ?, body = ? WHERE key_id = ?",
                        (changed.digest, _text(changed), key_id),
                    )
                self._connection.execute("COMMIT")
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            return changed

    def version(self) -> int:
        return int(self._run("PRAGMA data_version")[0][0])

    def close(self) -> None:
        self._connection.close()

    def _run(self, sql: str, args: tuple[object, ...] = ()) -> list[tuple[str, ...]]:
        with self._lock:
            try:
                return self._connection.execute(sql, args).fetchall()
            except sqlite3.IntegrityError as error:
                raise ConflictError("the key is stored already") from error
            except sqlite3.Error as error:
                raise StorageError(f"keys: {error}") from error


def _text(key: Key) -> str:
    return msgspec.json.encode(key).decode()


def _key(body: str) -> Key:
    return msgspec.json.decode(body, type=Key)
