"""Reading the SQLite log: any process, any thread."""

import sqlite3
import threading
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from tallybrook.errors import StorageError
from tallybrook.ports.log import Chunk, Topic
from tallybrook.ports.log.local.schema import open_reader

MAX_READ_BYTES = 64 << 20
"""What one call of ``chunks`` gives at most, unless a single chunk is larger."""


class Readers:
    """One read-only connection a thread over one SQLite file.

    A file that is locked or cannot be read is a ``StorageError`` (try again).
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._local = threading.local()
        self._all: list[sqlite3.Connection] = []

    def get(self) -> sqlite3.Connection:
        """This thread's connection."""
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = open_reader(self._path)
            self._all.append(connection)
        return connection

    def all(self, sql: str, args: tuple[object, ...] = ()) -> list[tuple[object, ...]]:
        """All rows."""
        with self.reading() as connection:
            return connection.execute(sql, args).fetchall()

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """This thread's connection, and SQLite's errors as ours."""
        try:
            yield self.get()
        except sqlite3.Error as error:
            raise StorageError(f"cannot read {self._path.name}: {error}") from error

    def close(self) -> None:
        for connection in self._all:
            connection.close()


class SqliteLogReader:
    """``LogReader`` over ``log.db``."""

    def __init__(self, path: Path) -> None:
        self._readers = Readers(path)

    def head(self) -> int:
        row = self._readers.all(
            "SELECT first_seq + count - 1 FROM chunks ORDER BY first_seq DESC LIMIT 1"
        )
        return int(str(row[0][0])) if row else 0

    def chunks(self, topic: Topic, after_seq: int, max_entries: int = 10_000) -> list[Chunk]:
        start = self._start(after_seq) - 1
        with self._readers.reading() as connection, closing(connection.cursor()) as cursor:
            rows = cursor.execute(
                "SELECT first_seq, count, ingested_at, body FROM chunks"
                " WHERE first_seq > ? AND topic = ? ORDER BY first_seq",
                (start, topic),
            )
            return _up_to(max_entries, (Chunk(*row) for row in rows), after_seq)

    def chunk_of(self, seq: int) -> Chunk | None:
        """The chunk that holds one sequence number, or None past the head."""
        rows = self._readers.all(
            "SELECT first_seq, count, ingested_at, body FROM chunks"
            " WHERE first_seq <= ? ORDER BY first_seq DESC LIMIT 1",
            (seq,),
        )
        if not rows:
            return None
        chunk = Chunk(*rows[0])  # type: ignore[arg-type]
        return chunk if seq <= chunk.last_seq else None

    def close(self) -> None:
        self._readers.close()

    def _start(self, after_seq: int) -> int:
        """The first_seq of the chunk that holds ``after_seq + 1``, if it starts before it."""
        rows = self._readers.all(
            "SELECT first_seq FROM chunks WHERE first_seq <= ? ORDER BY first_seq DESC LIMIT 1",
            (after_seq + 1,),
        )
        return int(str(rows[0][0])) if rows else after_seq + 1


def _up_to(max_entries: int, chunks: Iterable[Chunk], after_seq: int) -> list[Chunk]:
    """The first chunks past a number that fit together, at least one if there is any."""
    found: list[Chunk] = []
    entries = held_bytes = 0
    for chunk in chunks:
        if chunk.last_seq <= after_seq:
            continue
        entries += chunk.count
        held_bytes += len(chunk.body)
        if found and (entries > max_entries or held_bytes > MAX_READ_BYTES):
            break
        found.append(chunk)
    return found
