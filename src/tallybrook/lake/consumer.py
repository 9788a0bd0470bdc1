"""The consumer that turns the ``events`` topic into the lake's tables."""

import base64
import time
from collections.abc import Callable, Iterator, Sequence

from tallybrook.events.model import Event
from tallybrook.lake.chores import Chore
from tallybrook.lake.compact import TARGET_BYTES
from tallybrook.lake.erased import Leaving
from tallybrook.lake.merging import merge_all
from tallybrook.lake.routes import route
from tallybrook.lake.rows import BadLine, decode
from tallybrook.lake.write import write_columns
from tallybrook.lake.writing import Writer
from tallybrook.ports.lake import DataFile, LakeStore
from tallybrook.ports.log import Chunk, FailedRecord, Topic

MAX_BATCH_BYTES = 32 * 1024 * 1024
"""Log bytes in one flush: what is decoded at once, and so the memory it takes (some six times as
much), is bounded."""

COMPACT_EVERY = 32
"""Flushes after which housekeeping runs even when the log never goes quiet."""

IDLE_BUDGET_S = 2.0


class LakeConsumer:
    """Writes events, and the rows of other tables that some of them are, to the lake, exactly
    once, and keeps its files few.

    Files and position are one commit of the store, so a crash repeats nothing. ``keep_failed``
    is called before that commit for each line that cannot be a row: it may be called again with
    the same ``failed_id`` after a crash and must keep it once. ``chores`` are done while
    it is quiet. Safe for threads.
    """

    name = "lake"
    topic: Topic = "events"
    linger_s = 2.0

    def __init__(
        self,
        store: LakeStore,
        keep_failed: Callable[[FailedRecord], None],
        *,
        memory_bytes: int = 256 * 1024 * 1024,
        threads: int = 1,
        batch_bytes: int = MAX_BATCH_BYTES,
        target_bytes: int = TARGET_BYTES,
        max_entries: int = 100_000,
        now_us: Callable[[], int] = lambda: time.time_ns() // 1000,
        chores: Sequence[Chore] = (),
    ) -> None:
        self.writer = Writer(
            store, memory_bytes=memory_bytes, threads=threads, target_bytes=target_bytes,
            now_us=now_us,
        )  # fmt: skip
        self._store, self._keep_failed = store, keep_failed
        self._batch_bytes, self._chores = batch_bytes, chores
        self.max_entries = max_entries
        self._flushes = 0

    def position(self) -> int:
        with self.writer.lock:
            return self._store.position()

    def handle(self, chunks: list[Chunk]) -> None:
        for batch in _batches(chunks, self._batch_bytes):
            with self.writer.lock:
                self._flush(batch)
        if self._flushes >= COMPACT_EVERY:
            self.idle()

    def idle(self) -> None:
        """Merge small files for at most about ``IDLE_BUDGET_S``, do the chores, and drop what
        nobody reads."""
        with self.writer.lock:
            self._flushes = 0
            merge_all(self.writer, budget_s=IDLE_BUDGET_S)
            for chore in self._chores:
                chore(self.writer)
            self._store.expire()

    def close(self) -> None:
        """Free DuckDB and the store."""
        self.writer.close()

    def _flush(self, chunks: list[Chunk]) -> None:
        at = self._store.position()
        if chunks[-1].last_seq <= at:
            return
        leaving = Leaving(self._store.erased())
        events = leaving.out(decode(chunks, at, self._fail))
        self.writer.commit(self._write(events), position=chunks[-1].last_seq)
        self._flushes += 1

    def _write(self, events: list[Event]) -> list[DataFile]:
        """The files of all tables; none is left where one cannot be written."""
        engine, files = self.writer.engine, list[DataFile]()
        with self.writer.writing("write", files):
            for batch in route(events, self._fail):
                files += write_columns(engine, self._store, batch.columns, batch.table)
        return files

    def _fail(self, bad: BadLine) -> None:
        self._keep_failed(_failed_record(bad))


def _failed_record(bad: BadLine) -> FailedRecord:
    """The same line always makes the same record: id and times are those of its place."""
    try:
        body, encoding = bad.line.decode(), "utf-8"
    except UnicodeDecodeError:
        body, encoding = base64.b64encode(bad.line).decode(), "base64"
    return FailedRecord(
        failed_id=f"lake-{bad.seq}",
        account_id=bad.account_id,
        source="lake",
        reason="not_a_row",
        detail=bad.detail,
        body=body,
        encoding="utf-8" if encoding == "utf-8" else "base64",
        first_at=bad.ingested_at,
        last_at=bad.ingested_at,
    )


def _batches(chunks: list[Chunk], most_bytes: int) -> Iterator[list[Chunk]]:
    """Cut where ``most_bytes`` would be passed; a position is always a chunk's end."""
    batch: list[Chunk] = []
    size = 0
    for chunk in chunks:
        if batch and size + len(chunk.body) > most_bytes:
            yield batch
            batch, size = [], 0
        batch.append(chunk)
        size += len(chunk.body)
    if batch:
        yield batch
