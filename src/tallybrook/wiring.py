"""The one place that builds the product: which backend stands behind which port.

``Settings.backend`` decides. Backends are imported where they are built: what is not used is not
loaded, which is memory and start-up time of every process and every function.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from tallybrook.accounts.keys import KeyRing
from tallybrook.counters import delta
from tallybrook.ports.clock import Clock, system_clock
from tallybrook.ports.counters import Counters
from tallybrook.ports.events import Events
from tallybrook.ports.failed import FailedRecords
from tallybrook.ports.log import CommitEffects, Log, LogReader
from tallybrook.ports.log.consumer import Consumer
from tallybrook.ports.sql import Limits, SqlEngine
from tallybrook.records.reading import RecordReader, parse_types
from tallybrook.settings import Settings

if TYPE_CHECKING:
    from tallybrook.ports.log.local import SqliteLog

EFFECTS: CommitEffects = delta

Positions = Callable[[], Mapping[str, int]]
"""Asks every consumer for the last sequence number it has taken in."""


class Stores(Struct):
    """The reading side, beside whoever writes. ``close`` ends all of it."""

    reader: LogReader
    counters: Counters
    failed: FailedRecords
    events: Events
    keys: KeyRing
    records: RecordReader
    close: Callable[[], None]


class Product(Struct):
    """What a process that serves works with.

    ``commits_here`` tells whether ``log.watch`` sees every commit; where it does not, commits
    happen elsewhere. ``positions`` is None where a worker writes down its consumers' standing.
    """

    log: Log
    stores: Stores
    sql: SqlEngine | None
    commits_here: bool
    positions: Positions | None


def open_product(settings: Settings, clock: Clock = system_clock, *, sql: bool = True) -> Product:
    """The product behind the server: the data folder's, or the stack's."""
    if settings.backend == "aws":
        return _open_aws(settings, clock, sql=sql)
    log = open_log(settings, clock)
    stores = _open_local_stores(settings, log, clock)
    return Product(log, stores, open_sql(settings) if sql else None, True, None)


def log_path(data: Path) -> Path:
    """Where a data directory keeps its log."""
    return data / "log.db"


def open_log(settings: Settings, clock: Clock = system_clock) -> "SqliteLog":
    """The writing side. The caller holds the data directory's lock: there is one writer."""
    from tallybrook.ports.log.local import SqliteLog

    settings.data_path.mkdir(parents=True, exist_ok=True)
    return SqliteLog(
        log_path(settings.data_path), EFFECTS, clock=clock, max_pending=settings.max_pending
    )


def open_keys(settings: Settings, clock: Clock = system_clock) -> KeyRing:
    """The keys of the stack, or of a data directory, which is made if it is not there."""
    if settings.backend == "aws":
        from tallybrook.ports.keys.aws import DynamoKeys

        return KeyRing(DynamoKeys(settings.stack), clock)
    from tallybrook.ports.keys.local import SqliteKeys

    settings.data_path.mkdir(parents=True, exist_ok=True)
    return KeyRing(SqliteKeys(settings.data_path / "keys.db"), clock)


@contextmanager
def open_counters(settings: Settings) -> Iterator[Counters]:
    """The counters of a stack, or of a data directory whose log exists; any process may."""
    if settings.backend == "aws":
        from tallybrook.ports.counters.aws import DynamoCounters

        yield DynamoCounters(settings.stack, record_types=tuple(_types(settings)))
        return
    from tallybrook.ports.counters.local import SqliteCounters

    counters = SqliteCounters(log_path(settings.data_path))
    try:
        yield counters
    finally:
        counters.close()


def _open_local_stores(settings: Settings, log: "SqliteLog", clock: Clock) -> Stores:
    from tallybrook.ports.counters.local import SqliteCounters
    from tallybrook.ports.failed.local import SqliteFailedRecords
    from tallybrook.ports.log.local import SqliteLogReader
    from tallybrook.ports.log.local.events import SqliteEvents

    path = log_path(settings.data_path)
    reader, counters, failed = (
        SqliteLogReader(path),
        SqliteCounters(path),
        SqliteFailedRecords(path),
    )
    events = SqliteEvents(path, log.find)

    def close() -> None:
        for store in (reader, counters, failed, events):
            store.close()

    keys, records = open_keys(settings, clock), RecordReader(_types(settings))
    return Stores(reader, counters, failed, events, keys, records, close)


def _types(settings: Settings) -> dict[str, tuple[str, ...]]:
    return parse_types(settings.record_types)


def open_sql(settings: Settings) -> SqlEngine:
    """The SQL engine; its children start with ``start()``."""
    from tallybrook.ports.sql.local import LocalSqlEngine

    return LocalSqlEngine(
        settings.data_path,
        children=settings.query_workers,
        limits=Limits(memory_bytes=settings.query_memory_mb << 20),
    )


def _open_aws(settings: Settings, clock: Clock, *, sql: bool) -> Product:
    from tallybrook.ports.counters.aws import DynamoCounters
    from tallybrook.ports.events.aws import DynamoEvents
    from tallybrook.ports.failed.aws import DynamoFailedRecords
    from tallybrook.ports.log.aws import DynamoLog, DynamoLogReader

    stack, types = settings.stack, _types(settings)
    log = DynamoLog(stack, clock=clock, max_pending=settings.max_pending)
    stores = Stores(
        DynamoLogReader(stack),
        DynamoCounters(stack, record_types=tuple(types)),
        DynamoFailedRecords(stack),
        DynamoEvents(stack),
        open_keys(settings, clock),
        RecordReader(types),
        lambda: None,
    )
    return Product(log, stores, None, False, None)


class Consumers(Struct):
    """The consumers of a data directory, and the log they read."""

    reader: LogReader
    consumers: list[Consumer]


@contextmanager
def open_consumers(data: Path) -> Iterator[Consumers]:
    """Everything that reads the log in the worker's process."""
    from tallybrook.lake.consumer import LakeConsumer
    from tallybrook.ports.failed.local import SqliteFailedRecords
    from tallybrook.ports.lake.local import LocalLake
    from tallybrook.ports.log.local import SqliteLogReader
    from tallybrook.ports.log.local.userindex import UserIndexer

    path = log_path(data)
    reader, failed = SqliteLogReader(path), SqliteFailedRecords(path)
    store = LocalLake(data)
    try:
        yield Consumers(reader, [LakeConsumer(store, failed.keep), UserIndexer(path)])
    finally:
        store.close()
        failed.close()
        reader.close()
