"""The one place that builds the product: which backend stands behind which port."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from msgspec import Struct

from tallybrook.accounts.keys import KeyRing
from tallybrook.counters import delta
from tallybrook.ports.clock import Clock, system_clock
from tallybrook.ports.counters.local import SqliteCounters
from tallybrook.ports.failed.local import SqliteFailedRecords
from tallybrook.ports.keys.local import SqliteKeys
from tallybrook.ports.log import CommitEffects
from tallybrook.ports.log.consumer import Consumer
from tallybrook.ports.log.local import SqliteLog, SqliteLogReader
from tallybrook.ports.log.local.events import SqliteEvents
from tallybrook.ports.log.local.userindex import UserIndexer
from tallybrook.ports.sql import Limits
from tallybrook.ports.sql.local import LocalSqlEngine
from tallybrook.records.reading import RecordReader, parse_types
from tallybrook.settings import Settings

EFFECTS: CommitEffects = delta


class Stores(Struct):
    """The reading side of a data directory, beside whoever else has it open."""

    reader: SqliteLogReader
    counters: SqliteCounters
    failed: SqliteFailedRecords
    events: SqliteEvents
    keys: KeyRing
    records: RecordReader

    def close(self) -> None:
        self.reader.close()
        self.counters.close()
        self.failed.close()
        self.events.close()


def log_path(data: Path) -> Path:
    """Where a data directory keeps its log."""
    return data / "log.db"


def open_log(settings: Settings, clock: Clock = system_clock) -> SqliteLog:
    """The writing side. The caller holds the data directory's lock: there is one writer."""
    settings.data_path.mkdir(parents=True, exist_ok=True)
    return SqliteLog(
        log_path(settings.data_path), EFFECTS, clock=clock, max_pending=settings.max_pending
    )


def open_keys(settings: Settings, clock: Clock = system_clock) -> KeyRing:
    """The keys of a data directory, which is made if it is not there."""
    settings.data_path.mkdir(parents=True, exist_ok=True)
    return KeyRing(SqliteKeys(settings.data_path / "keys.db"), clock)


def open_counters(settings: Settings) -> SqliteCounters:
    """The counters of a data directory whose log exists; any process may open them."""
    return SqliteCounters(log_path(settings.data_path))


def open_stores(settings: Settings, log: SqliteLog, clock: Clock = system_clock) -> Stores:
    """The reading side in the process that writes."""
    path = log_path(settings.data_path)
    return Stores(
        SqliteLogReader(path),
        SqliteCounters(path),
        SqliteFailedRecords(path),
        SqliteEvents(path, log.find),
        open_keys(settings, clock),
        RecordReader(parse_types(settings.record_types)),
    )


def open_sql(settings: Settings) -> LocalSqlEngine:
    """The SQL engine; its children start with ``start()``."""
    return LocalSqlEngine(
        settings.data_path,
        children=settings.query_workers,
        limits=Limits(memory_bytes=settings.query_memory_mb << 20),
    )


class Consumers(Struct):
    """The consumers of a data directory, and the log they read."""

    reader: SqliteLogReader
    consumers: list[Consumer]


@contextmanager
def open_consumers(data: Path) -> Iterator[Consumers]:
    """Everything that reads the log in the worker's process."""
    # Here and not above: they load DuckDB, which the server's process has no use for.
    from tallybrook.lake.consumer import LakeConsumer
    from tallybrook.ports.lake.local import LocalLake

    path = log_path(data)
    reader, failed = SqliteLogReader(path), SqliteFailedRecords(path)
    store = LocalLake(data)
    try:
        yield Consumers(reader, [LakeConsumer(store, failed.keep), UserIndexer(path)])
    finally:
        store.close()
        failed.close()
        reader.close()
