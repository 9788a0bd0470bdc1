"""A small SQLite file that one object writes: what the local backends of small stores share."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tallybrook.errors import StorageError

_WAIT_S = 30
"""How long to wait for another process that is writing."""


class Database:
    """One connection, for one thread at a time; any number of processes may open the same file.

    A commit survives the loss of power. The file is made, readable by its owner alone. Raises
    ``StorageError`` where SQLite refuses; ``name`` says in it whose file this is.
    """

    def __init__(self, path: Path, schema: str, name: str) -> None:
        self._name = name
        self._lock = threading.Lock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch(mode=0o600, exist_ok=True)
            self._connection = sqlite3.connect(
                path, timeout=_WAIT_S, isolation_level=None, check_same_thread=False
            )
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute("PRAGMA synchronous=FULL")
            self._connection.executescript(schema)
        except (sqlite3.Error, OSError) as error:
            raise StorageError(f"cannot open {path.name}: {error}") from error

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Everything in the block or nothing: what raises inside it has changed nothing."""
        with self._lock, self._translated():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                # SQLite may have undone it already (a full disk): then there is nothing to undo.
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    def all(self, sql: str, args: tuple[object, ...] = ()) -> list[Any]:
        """All rows of a statement."""
        with self._lock, self._translated():
            return self._connection.execute(sql, args).fetchall()

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise StorageError(f"{self._name}: {error}") from error
