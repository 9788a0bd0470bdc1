"""The queue on disk: one SQLite file, shared by the processes that name it."""

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from tallybrook.client.forking import abandon
from tallybrook.client.queues import Bounds, Waiting, file_lock, room_for, within
from tallybrook.errors import StorageError

_SCHEMA = """
CREATE TABLE IF NOT EXISTS waiting (
    place INTEGER PRIMARY KEY AUTOINCREMENT, event_id TEXT NOT NULL UNIQUE, body BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS held (one INTEGER PRIMARY KEY CHECK (one = 1), events INT, bytes INT);
INSERT OR IGNORE INTO held VALUES (1, 0, 0);
"""
_BUSY_S = 10.0


class DiskQueue:
    """See ``queues``. Made with its folder where it is not there; readable by its owner alone.

    Every method raises ``StorageError`` where the disk refuses, or the file is none of ours.
    """

    durable = True

    def __init__(self, path: Path, bounds: Bounds) -> None:
        self.path = path
        self.dropped = 0
        self._bounds = bounds
        self._connection: sqlite3.Connection | None = None
        with self._translated():
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
            self._db().executescript(_SCHEMA)

    def _db(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = sqlite3.connect(
                self.path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False
            )
            # NORMAL: a commit survives the process, whatever ends it, without waiting for the disk.
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = NORMAL")
        return self._connection

    def put(self, event_id: str, body: bytes) -> int:
        with self._writing() as db:
            dropped = self.dropped
            events, held_bytes = db.execute("SELECT events, bytes FROM held").fetchone()
            if db.execute("SELECT 1 FROM waiting WHERE event_id = ?", (event_id,)).fetchone():
                return int(events)
            if not room_for(len(body), events, held_bytes, self._bounds, self._drop):
                self.dropped += 1
                return int(events)
            db.execute("INSERT INTO waiting (event_id, body) VALUES (?, ?)", (event_id, body))
            db.execute("UPDATE held SET events = events + 1, bytes = bytes + ?", (len(body),))
            return int(events) + 1 - (self.dropped - dropped)

    def _drop(self) -> int:
        place, size_bytes = (
            self._db()
            .execute("SELECT place, length(body) FROM waiting ORDER BY place LIMIT 1")
            .fetchone()
        )
        self._forget(self._db(), place, size_bytes)
        self.dropped += 1
        return int(size_bytes)

    @staticmethod
    def _forget(db: sqlite3.Connection, place: int, size_bytes: int) -> None:
        db.execute("DELETE FROM waiting WHERE place = ?", (place,))
        db.execute("UPDATE held SET events = events - 1, bytes = bytes - ?", (size_bytes,))

    def head(self, most: int, most_bytes: int) -> list[Waiting]:
        with self._translated():
            found = self._db().execute(
                "SELECT place, event_id, body FROM waiting ORDER BY place LIMIT ?", (most,)
            )
            return list(within((Waiting(*row) for row in found), most, most_bytes))

    def remove(self, places: Sequence[int]) -> None:
        with self._writing() as db:
            for place in places:
                held = db.execute(
                    "SELECT length(body) FROM waiting WHERE place = ?", (place,)
                ).fetchone()
                if held is not None:  # else another process sent it, too
                    self._forget(db, place, held[0])

    def last(self) -> int:
        with self._translated():
            found = self._db().execute("SELECT coalesce(max(place), 0) FROM waiting").fetchone()
            return int(found[0])

    def __len__(self) -> int:
        with self._translated():
            return int(self._db().execute("SELECT events FROM held").fetchone()[0])

    def sending(self) -> AbstractContextManager[None]:
        return file_lock(self.path.with_name(self.path.name + ".lock"))

    def after_fork(self) -> None:
        if self._connection is not None:
            abandon(self._connection)  # closing it would let go of the parent's locks
            self._connection = None

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction, which takes the write lock at once so that nobody comes in between."""
        with self._translated():
            db = self._db()
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
            except BaseException:
                db.execute("ROLLBACK")
                raise
            db.execute("COMMIT")

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise StorageError(f"the queue {self.path}: {error}") from error
