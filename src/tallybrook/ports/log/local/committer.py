"""The writing side of the SQLite log: group commit on one thread.

Everything that waits when the thread comes round is one transaction, so a sync to disk is shared
by all the requests that arrived during the one before.
"""

import logging
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from queue import Empty, SimpleQueue

from tallybrook.errors import BacklogFullError, StorageError, TallybrookError
from tallybrook.ports.clock import Clock, system_clock
from tallybrook.ports.log import (
    Commit,
    CommitEffects,
    Done,
    LogStats,
    Receipt,
    Watcher,
    Write,
)
from tallybrook.ports.log.local.dedup import Deduplicator
from tallybrook.ports.log.local.idindex import IdIndex
from tallybrook.ports.log.local.schema import open_writer
from tallybrook.ports.log.local.storing import Stored, store
from tallybrook.ports.log.waiting import weight_of, write_and_wait

_log = logging.getLogger(__name__)

MAX_PENDING = 50_000
"""Items (events, records, failed records) that may wait for the writer; past it, 429."""

MAX_GROUP = 20_000
"""Items taken into one transaction, so that no single commit takes long."""


Waiting = tuple[Write, Done, int]
"""A write, whom to tell, and how many items it is."""


class SqliteLog:
    """``ports.log.Log``. Opening it takes the place of the one writer: hold the data lock first."""

    def __init__(
        self,
        path: Path,
        effects: CommitEffects,
        *,
        clock: Clock = system_clock,
        max_pending: int = MAX_PENDING,
        index: IdIndex | None = None,
    ) -> None:
        self._connection = open_writer(path)
        self._effects = effects
        self._clock = clock
        self._max_pending = max_pending
        self._ids = Deduplicator(path, index or IdIndex(path.parent / "ids"))
        self.stats = LogStats()
        self.head = self._ids.catch_up()
        self._queue: SimpleQueue[Waiting | None] = SimpleQueue()
        self._pending = 0
        self._since = time.perf_counter()
        self._lock = threading.Lock()
        self._closing = self._failing = False
        self._watchers: list[Watcher] = []
        self._thread = threading.Thread(target=self._run, name="committer", daemon=True)
        self._thread.start()
        self._checkpoints = Checkpoints(path)

    @property
    def pending(self) -> int:
        """Items waiting for the writer or in its open transaction."""
        return self._pending

    @property
    def failing(self) -> bool:
        """Whether the last commit was refused by the disk."""
        return self._failing

    def probe(self) -> None:
        """Try an empty durable write; raises ``StorageError`` while the disk refuses."""
        self.write(Write(settle={"": "open"}), timeout_s=10)

    def find(self, account_id: str, event_id: str) -> int | None:
        """The sequence number of a committed event, or None. Safe on any thread."""
        return self._ids.find(account_id, event_id)

    def lag_ms(self) -> float:
        """How long the oldest write that is not yet durable has been waiting, 0 when none is."""
        return (time.perf_counter() - self._since) * 1000 if self._pending else 0.0

    def submit(self, write: Write, done: Done) -> None:
        weight = weight_of(write)
        with self._lock:
            if self._closing:
                raise StorageError("the log is closing")
            if self._pending and self._pending + weight > self._max_pending:
                self.stats.refused += weight
                raise BacklogFullError(f"{self._pending} items wait for the writer")
            if not self._pending:
                self._since = time.perf_counter()
            self._pending += weight
            self._queue.put((write, done, weight))

    def write(self, write: Write, timeout_s: float = 30.0) -> Receipt:
        return write_and_wait(self.submit, write, timeout_s)

    def watch(self, watcher: Watcher) -> None:
        self._watchers.append(watcher)

    def close(self) -> None:
        with self._lock:
            # Nothing is queued behind this: what was accepted is committed before the end.
            self._closing = True
        self._queue.put(None)
        self._thread.join()
        self._checkpoints.close()
        self._ids.close()
        self._connection.close()

    def _run(self) -> None:
        while (first := self._queue.get()) is not None:
            group, weight, last = self._gather(first)
            self._commit(group)
            with self._lock:
                self._pending -= weight
                self._since = time.perf_counter()
            if last:
                return

    def _gather(self, first: Waiting) -> tuple[list[Waiting], int, bool]:
        """Everything that waits, up to a bound; and whether the end was among it."""
        group, weight = [first], first[2]
        while weight < MAX_GROUP:
            try:
                item = self._queue.get_nowait()
            except Empty:
                break
            if item is None:
                return group, weight, True
            group.append(item)
            weight += item[2]
        return group, weight, False

    def _commit(self, group: Sequence[Waiting]) -> None:
        started = time.perf_counter()
        try:
            stored = self._store([write for write, _, _ in group])
        except sqlite3.OperationalError as error:
            self._failing = True
            self._refuse(group, StorageError(f"the disk refused the write: {error}"))
            return
        except Exception as error:  # noqa: BLE001 - told to the callers, one by one
            self._isolate(group, error)
            return
        took = time.perf_counter() - started
        self._failing = False
        self.stats.commits += 1
        self.stats.commit_s += took
        self.stats.slowest_s = max(self.stats.slowest_s, took)
        for (_, done, _), receipt in zip(group, stored.receipts, strict=True):
            _tell(done, receipt)
        for watcher in self._watchers:
            watcher(Commit(self.head, stored.now_us, stored.counted, stored.failed))

    def _store(self, writes: Sequence[Write]) -> Stored:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            stored = store(
                self._connection, writes, self._ids, self._effects, self.head + 1, self._clock()
            )
            self._connection.execute("COMMIT")
        except BaseException:
            self._ids.forget()
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise
        self.head = stored.last_seq
        self._ids.remember(self.head)
        self.stats.events += stored.accepted
        self.stats.duplicates += stored.duplicates
        return stored

    def _isolate(self, group: Sequence[Waiting], error: Exception) -> None:
        """One write that cannot be stored must not take the others of its group with it."""
        if len(group) > 1:
            for item in group:
                self._commit([item])
            return
        _log.error("log: a write cannot be stored", exc_info=error)
        self._refuse(group, TallybrookError(f"the write cannot be stored: {error}"))

    def _refuse(self, group: Sequence[Waiting], error: TallybrookError) -> None:
        self.stats.failures += len(group)
        _log.warning("log: %d writes refused: %s", len(group), error.detail)
        for _, done, _ in group:
            _tell(done, error)


def _tell(done: Done, result: Receipt | TallybrookError) -> None:
    """A caller that fails on its own answer must not stop the writer."""
    try:
        done(result)
    except Exception:  # noqa: BLE001 - whatever it is, it is the caller's own
        _log.exception("log: a caller failed on its receipt")


class Checkpoints:
    """Moves the write-ahead log into the file in the background, off the acknowledging path."""

    def __init__(self, path: Path, every_s: float = 1.0) -> None:
        self._wal = path.with_name(path.name + "-wal")
        self._path = path
        self._every_s = every_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="checkpoints", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        # Truncating holds the write lock while it waits for readers: give up soon, try again.
        connection = sqlite3.connect(self._path, timeout=0.2, isolation_level=None)
        with closing(connection):
            while not self._stop.wait(self._every_s):
                try:
                    for mode in self._modes():
                        connection.execute(f"PRAGMA wal_checkpoint({mode})")
                except sqlite3.Error as error:
                    _log.warning("log: a checkpoint failed, the next one will do: %s", error)

    def _modes(self) -> Iterator[str]:
        """Passive waits for nobody; past 256 MB the writer is made to start the file anew."""
        size = self._wal.stat().st_size if self._wal.exists() else 0
        if size > 4 << 20:
            yield "PASSIVE"
        if size > 256 << 20:
            yield "TRUNCATE"
