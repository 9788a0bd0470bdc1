"""``ports.counters.Counters`` over DynamoDB."""

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

from tallybrook.ports.aws.clients import client
from tallybrook.ports.aws.dynamo import MAX_BATCH_GET, MAX_TRANSACTION, Item
from tallybrook.ports.aws.tables import COUNTERS, SERIES, physical, records_table
from tallybrook.ports.counters import (
    EVERYTHING,
    CounterRow,
    Instants,
    Scope,
    SeriesTotal,
    bounds_s,
)
from tallybrook.ports.counters.aws import reading, rows
from tallybrook.ports.counters.aws.correcting import add_together, correction, name_series
from tallybrook.ports.counters.aws.snapshot import LogView
from tallybrook.ports.log import CounterKey, Kind

SIZES = (1, 5, 15, 60)
_THREADS = 16
_FEW = 4
"""Up to so many buckets of a series are asked for by key, 100 a call, else by a query."""
_EVER_S = 1 << 62

_T = TypeVar("_T")
_R = TypeVar("_R")


class DynamoCounters:
    """Safe for threads.

    ``record_types`` are the types whose tables ``instants`` reads, ``sizes`` the minutes that the
    log's commits count by.
    """

    def __init__(
        self,
        stack: str,
        record_types: Iterable[str] = (),
        *,
        dynamo: Any = None,
        sizes: Sequence[int] = SIZES,
    ) -> None:
        self._dynamo = dynamo or client("dynamodb")
        self._table = physical(stack, COUNTERS)
        self._series = physical(stack, SERIES)
        self._records = {name: physical(stack, records_table(name)) for name in record_types}
        self._sizes = sizes
        self._log = LogView(stack, self._dynamo, sizes)
        self._pool = ThreadPoolExecutor(_THREADS, "counters")
        self._thread = threading.local()
        self._versions: dict[CounterKey, int | None] | None = None

    def rows(
        self, account_id: str, kind: Kind, series: str, minutes: int, start_s: int, end_s: int
    ) -> list[CounterRow]:
        pk = rows.partition(account_id, kind, series, minutes)
        found = reading.in_range(self._dynamo, self._table, pk, start_s, end_s)
        return [rows.counter_row(item) for item in found]

    def sums(
        self, account_id: str, minutes: int, start_s: int, end_s: int
    ) -> dict[tuple[Kind, str, int], int]:
        step = 60 * minutes
        starts = range(-(-start_s // step) * step, end_s, step)
        names = self.names(account_id)
        if len(starts) <= _FEW:
            keys = [(account_id, *name, minutes, start) for name in names for start in starts]
            return {key[1:3] + key[4:]: n for key, n in self._counts(keys) if n}
        return {
            (*name, row.start_s): row.count
            for name, found in self._histories(account_id, names, minutes, start_s, end_s)
            for row in found
            if row.count
        }

    def names(self, account_id: str) -> list[tuple[Kind, str]]:
        return [
            rows.series_name(item)
            for item in reading.named(self._dynamo, self._series, account_id)
        ]  # fmt: skip

    def series(self, account_id: str) -> list[SeriesTotal]:
        names = self.names(account_id)
        histories = self._histories(account_id, names, 60, -_EVER_S, _EVER_S)
        return [_total(*name, found) for name, found in histories]

    @contextmanager
    def at_once(self) -> Iterator[None]:
        if getattr(self._thread, "inside", False):
            yield
            return
        self._thread.inside, self._thread.head = True, None
        try:
            yield
        finally:
            self._thread.inside = False

    def everything(
        self, since_s: int | None, scope: Scope = EVERYTHING
    ) -> Iterator[tuple[CounterKey, int]]:
        head = self._head()
        first_s, end_s = bounds_s(since_s, scope)
        held: dict[CounterKey, int] = {}
        versions: dict[CounterKey, int | None] = {}
        for item in self._stored(scope.account_id, first_s, end_s):
            key = rows.counter_key(item)
            held[key] = rows.count_of(item)
            if key[1] == "record":
                versions[key] = rows.version_of(item)
        self._versions = versions
        held.update(
            (key, count)
            for key, count in self._log.moved_since(head)
            if first_s <= key[4] < end_s and scope.has_account(key[0])
        )
        yield from held.items()

    def _stored(self, account_id: str | None, first_s: int, end_s: int) -> Iterator[Item]:
        """Buckets as they are now: of all accounts by reading the table, of one by its names."""
        if account_id is None:
            yield from reading.scanned(self._dynamo, self._table, first_s, end_s)
            return
        parts = [
            rows.partition(account_id, *name, minutes)
            for name in self.names(account_id)
            for minutes in self._sizes
        ]
        for found in self._each(
            lambda pk: reading.in_range(self._dynamo, self._table, pk, first_s, end_s), parts
        ):
            yield from found

    def instants(self, scope: Scope = EVERYTHING) -> Iterator[Instants]:
        from tallybrook.ports.counters.gathering import event_instants, record_instants

        yield from event_instants(self._log.bodies(0, self._head()), scope)
        for name, table in self._records.items():
            yield from record_instants(name, reading.records(self._dynamo, table), scope)

    def correct(self, changes: Mapping[CounterKey, int], now_us: int) -> None:
        name_series(self._dynamo, self._series, {key[:3] for key in changes})
        actions = [
            correction(self._table, key, change, now_us, self._versions)
            for key, change in sorted(changes.items())
        ]
        for at in range(0, len(actions), MAX_TRANSACTION):
            add_together(self._dynamo, actions[at : at + MAX_TRANSACTION])

    def close(self) -> None:
        self._pool.shutdown()

    def _head(self) -> int:
        """The commit that this thread is held to, else the last one."""
        if not getattr(self._thread, "inside", False):
            return self._log.head()
        if self._thread.head is None:
            self._thread.head = self._log.head()
        return int(self._thread.head)

    def _histories(
        self, account_id: str, names: list[tuple[Kind, str]], minutes: int, start_s: int, end_s: int
    ) -> Iterator[tuple[tuple[Kind, str], list[CounterRow]]]:
        found = self._each(lambda n: self.rows(account_id, *n, minutes, start_s, end_s), names)
        return zip(names, found, strict=True)

    def _counts(self, keys: Sequence[CounterKey]) -> Iterator[tuple[CounterKey, int]]:
        parts = [keys[at : at + MAX_BATCH_GET] for at in range(0, len(keys), MAX_BATCH_GET)]
        found = self._each(lambda part: reading.by_key(self._dynamo, self._table, part), parts)
        return ((rows.counter_key(item), rows.count_of(item)) for part in found for item in part)

    def _each(self, call: Callable[[_T], _R], asked: Sequence[_T]) -> list[_R]:
        """The answers, in order; several calls are under way at once."""
        if len(asked) < 2:
            return [call(one) for one in asked]
        return list(self._pool.map(call, asked))


def _total(kind: Kind, series: str, found: Sequence[CounterRow]) -> SeriesTotal:
    hours = [row.start_s for row in found if row.count]
    count = sum(row.count for row in found)
    return SeriesTotal(series, kind, count, min(hours, default=0), max(hours, default=0))
