"""The writing side of the log in DynamoDB: conditional writes side by side on a pool of threads."""

import logging
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import chain
from typing import Any

from tallybrook.errors import BacklogFullError, StorageError, TallybrookError
from tallybrook.ports.aws.clients import CONNECTIONS, client, translated
from tallybrook.ports.aws.dynamo import number, text
from tallybrook.ports.aws.tables import EVENTS, LOG, physical
from tallybrook.ports.clock import Clock, system_clock
from tallybrook.ports.failed.aws import DynamoFailedRecords
from tallybrook.ports.log import Done, LogStats, Receipt, Watcher, Write
from tallybrook.ports.log.aws.inserting import Numbered, insert
from tallybrook.ports.log.aws.parts import Part, run_all
from tallybrook.ports.log.aws.planning import Plan, PlannedChange, is_replay, plan
from tallybrook.ports.log.aws.reader import DynamoLogReader
from tallybrook.ports.log.aws.records import apply_change
from tallybrook.ports.log.aws.rows import ArrivalNumbers
from tallybrook.ports.log.waiting import weight_of, write_and_wait

_log = logging.getLogger(__name__)

MAX_PENDING = 10_000
"""Items (events, records, failed records) that may wait for DynamoDB; past it, 429."""


class DynamoLog:
    """``ports.log.Log`` over the tables ``events``, ``records-*`` and ``failed``.

    Any number of processes may hold one at once. Writes run side by side, and so do the events of
    one write; ``done`` is called on a thread of the pool. A write that fails may have left its
    first parts behind: sent again, they are told as duplicates, and nothing is stored twice.
    A replay (one event or one record, and one failed record that it settles) is one transaction,
    and so is settling by itself: a ``ConflictError`` unless the failed records are open.
    """

    def __init__(
        self,
        stack: str,
        *,
        clock: Clock = system_clock,
        max_pending: int = MAX_PENDING,
        workers: int = CONNECTIONS,
    ) -> None:
        self._stack = stack
        self._clock = clock
        self._max_pending = max_pending
        self._dynamo: Any = client("dynamodb")
        self._reader = DynamoLogReader(stack)
        self._failed = DynamoFailedRecords(stack)
        self._arrivals = ArrivalNumbers(clock)
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="log")
        self._changed = threading.Condition()
        self._under_way: dict[int, tuple[int, float]] = {}  # weight and start, oldest first
        self._taken = self._pending = 0
        self._closing = self._failing = False
        self.stats = LogStats()

    @property
    def head(self) -> int:
        """The last number given by the sequencer: read each time."""
        return self._reader.head()

    @property
    def pending(self) -> int:
        return self._pending

    @property
    def failing(self) -> bool:
        return self._failing

    def lag_ms(self) -> float:
        with self._changed:
            oldest = next(iter(self._under_way.values()), None)
        return (time.perf_counter() - oldest[1]) * 1000 if oldest else 0.0

    def probe(self) -> None:
        item = {"pk": text("probe"), "seq": number(0), "at": number(self._clock())}
        with translated("try a write"):
            self._dynamo.put_item(TableName=physical(self._stack, LOG), Item=item)
        self._failing = False

    def submit(self, write: Write, done: Done) -> None:
        weight = weight_of(write)
        with self._changed:
            if self._closing:
                raise StorageError("the log is closing")
            if self._pending and self._pending + weight > self._max_pending:
                self.stats.refused += weight
                raise BacklogFullError(f"{self._pending} items wait for the writer")
            self._taken += 1
            self._pending += weight
            self._under_way[self._taken] = (weight, time.perf_counter())
            self._pool.submit(self._begin, self._taken, write, done)

    def write(self, write: Write, timeout_s: float = 30.0) -> Receipt:
        return write_and_wait(self.submit, write, timeout_s)

    def watch(self, watcher: Watcher) -> None:
        """Nothing is ever told here: the commits are made by the sequencer, which gives them."""

    def close(self) -> None:
        with self._changed:
            self._closing = True
            self._changed.wait_for(lambda: not self._under_way)
        self._pool.shutdown()
        self._failed.close()

    def _begin(self, turn: int, write: Write, done: Done) -> None:
        """Plan everything, then store events and records side by side."""
        receipt = Receipt([True] * len(write.events), ["unchanged"] * len(write.records))
        end = partial(self._end, turn, done, receipt)
        try:
            planned = plan(write, self._arrivals)
        except Exception as error:  # noqa: BLE001 - told to the caller
            end([error])
            return
        if is_replay(write):
            run_all(self._pool, [partial(self._replay, write, planned, receipt)], end)
        else:
            run_all(self._pool, self._parts(planned, receipt), partial(self._go_on, write, end))

    def _parts(self, planned: Plan, receipt: Receipt) -> list[Part]:
        events = [partial(self._insert, row, receipt) for row in planned.events]
        records = [partial(self._apply, changes, receipt) for changes in planned.records]
        return [*events, *records]

    def _insert(self, row: Numbered, receipt: Receipt) -> None:
        table = physical(self._stack, EVENTS)
        receipt.duplicate[row.at] = insert(self._dynamo, table, row.item)

    def _apply(self, changes: Sequence[PlannedChange], receipt: Receipt) -> None:
        for at, change, item in changes:
            table = physical(self._stack, f"records-{change.record_type}")
            receipt.records[at] = apply_change(self._dynamo, table, change, item)

    def _replay(self, write: Write, planned: Plan, receipt: Receipt) -> None:
        """One transaction, so that instances which replay the same at once store it once."""
        # Here and not above: most functions never replay.
        from tallybrook.ports.log.aws.replaying import Settling, replay_change, replay_event

        ((failed_id, status),) = write.settle.items()
        settling = Settling(self._failed, failed_id, status, self._clock())
        for row in planned.events:
            table = physical(self._stack, EVENTS)
            receipt.duplicate[row.at] = replay_event(self._dynamo, table, row.item, settling)
        for at, change, item in chain.from_iterable(planned.records):
            table = physical(self._stack, f"records-{change.record_type}")
            receipt.records[at] = replay_change(self._dynamo, table, change, item, settling)

    def _go_on(self, write: Write, end: Any, errors: list[Exception]) -> None:
        """Failed records only after what was good: sent again after an error they would be kept
        under other ids. Settled is what they became only when that is stored."""
        keep = [partial(self._failed.keep, record) for record in write.failed]
        if errors:
            end(errors)
        else:
            run_all(self._pool, keep, partial(self._settle, write, end))

    def _settle(self, write: Write, end: Any, errors: list[Exception]) -> None:
        # By itself it decides between several who do so at once. Behind something else it must be
        # safe to send again.
        alone = not (write.events or write.records or write.failed)
        part = partial(self._failed.settle, write.settle, self._clock(), only_open=alone)
        settle = [part] if write.settle else []
        if errors:
            end(errors)
        else:
            run_all(self._pool, settle, end)

    def _end(self, turn: int, done: Done, receipt: Receipt, errors: list[Exception]) -> None:
        result = _error_of(errors) if errors else receipt
        try:
            done(result)
        except Exception:  # noqa: BLE001 - whatever it is, it is the caller's own
            _log.exception("log: a caller failed on its receipt")
        with self._changed:
            weight, started = self._under_way.pop(turn)
            self._pending -= weight
            self._count(result, time.perf_counter() - started)
            self._changed.notify_all()

    def _count(self, result: Receipt | TallybrookError, took_s: float) -> None:
        stats = self.stats
        if isinstance(result, TallybrookError):
            stats.failures += 1
            self._failing = isinstance(result, StorageError) or self._failing
            return
        self._failing = False
        stats.commits += 1
        stats.commit_s += took_s
        stats.slowest_s = max(stats.slowest_s, took_s)
        stats.events += result.duplicate.count(False)
        stats.duplicates += result.duplicate.count(True)


def _error_of(errors: Sequence[Exception]) -> TallybrookError:
    """The one to tell: what can never succeed before what can."""
    known = [error for error in errors if isinstance(error, TallybrookError)]
    others = [error for error in errors if not isinstance(error, TallybrookError)]
    if others:
        _log.error("log: a write cannot be stored", exc_info=others[0])
        return TallybrookError(f"the write cannot be stored: {others[0]}")
    final = [error for error in known if not isinstance(error, StorageError)]
    _log.warning("log: a write was refused: %s", (final or known)[0].detail)
    return (final or known)[0]
