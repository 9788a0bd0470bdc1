"""The consumer that turns the ``events`` topic into the lake."""

import base64
import time
from collections.abc import Callable, Iterator

import duckdb

from tallybrook.errors import StorageError
from tallybrook.events.model import Event
from tallybrook.lake.compact import TARGET_BYTES, plan
from tallybrook.lake.rows import BadLine, columns, decode
from tallybrook.lake.write import merge_files, open_writer, write_columns
from tallybrook.ports.lake import DataFile, LakeStore
from tallybrook.ports.log import Chunk, FailedRecord, Topic

MAX_BATCH_BYTES = 32 * 1024 * 1024
"""Log bytes in one flush: what is decoded at once, and so the memory it takes (some six times as
much), is bounded."""

COMPACT_EVERY = 32
"""Flushes after which housekeeping runs even when the log never goes quiet."""

IDLE_BUDGET_S = 2.0


class LakeConsumer:
    """Writes events to the lake, exactly once, and keeps its files few.

    Files and position are one commit of the store, so a crash repeats nothing. ``keep_failed``
    is called before that commit for each line that cannot be a row: it may be called again with
    the same ``failed_id`` after a crash and must keep it once.
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
    ) -> None:
        self._store, self._keep_failed = store, keep_failed
        self._writer = open_writer(store.scratch(), memory_bytes, threads)
        self._batch_bytes = batch_bytes
        self._target_bytes, self._now_us = target_bytes, now_us
        self.max_entries = max_entries
        self._flushes = 0

    def position(self) -> int:
        return self._store.position()

    def handle(self, chunks: list[Chunk]) -> None:
        for batch in _batches(chunks, self._batch_bytes):
            self._flush(batch)
        if self._flushes >= COMPACT_EVERY:
            self.idle()

    def idle(self) -> None:
        """Merge small files for at most about ``IDLE_BUDGET_S``, and drop what nobody reads."""
        self._flushes = 0
        deadline = time.monotonic() + IDLE_BUDGET_S
        small = self._store.small_files(self._target_bytes // 2)
        for group in plan(small, self._now_us(), target_bytes=self._target_bytes):
            self._merge(group)
            if time.monotonic() > deadline:
                break
        self._store.expire()

    def close(self) -> None:
        """Free DuckDB and the store."""
        self._writer.close()
        self._store.close()

    def _flush(self, chunks: list[Chunk]) -> None:
        at = self._store.position()
        if chunks[-1].last_seq <= at:
            return
        events = decode(chunks, at, self._fail)
        self._commit(self._write(events) if events else [], position=chunks[-1].last_seq)
        self._flushes += 1

    def _write(self, events: list[Event]) -> list[DataFile]:
        try:
            return write_columns(self._writer, self._store, columns(events))
        except (duckdb.IOException, duckdb.OutOfMemoryException) as error:
            raise StorageError(f"the lake could not write: {error}") from error

    def _merge(self, group: list[DataFile]) -> None:
        try:
            merged = merge_files(self._writer, self._store, group)
        except duckdb.IOException as error:
            raise StorageError(f"the lake could not merge: {error}") from error
        except duckdb.OutOfMemoryException:
            # Small files are slower and nothing worse: what does not fit together stays apart.
            for part in _halves(group):
                self._merge(part)
            return
        self._commit(merged, remove=[file.path for file in group])

    def _commit(
        self, add: list[DataFile], remove: list[str] | None = None, position: int | None = None
    ) -> None:
        try:
            self._store.commit(add, remove or (), position)
        except StorageError:
            self._store.discard([file.path for file in add])
            raise

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


def _halves(group: list[DataFile]) -> list[list[DataFile]]:
    """The parts of a merge that are merges themselves."""
    middle = len(group) // 2
    return [part for part in (group[:middle], group[middle:]) if len(part) > 1]


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
