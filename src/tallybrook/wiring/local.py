"""The embedded product: everything of a data directory."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

from tallybrook.accounts.keys import KeyRing
from tallybrook.ports.clock import Clock, system_clock
from tallybrook.ports.log import FailedRecord, LogReader
from tallybrook.ports.log.consumer import Consumer
from tallybrook.ports.sql import Limits, SqlEngine
from tallybrook.records.reading import RecordReader
from tallybrook.settings import Settings
from tallybrook.wiring.parts import (
    EFFECTS,
    Agreement,
    Consumers,
    Entities,
    Product,
    Shelves,
    Stores,
    Works,
    open_entities,
    record_types,
)

if TYPE_CHECKING:
    from tallybrook.ports.bus.local import LocalBus
    from tallybrook.ports.log.local import SqliteLog
    from tallybrook.ports.queue.local import SqliteQueue
    from tallybrook.ports.state.local import SqliteState


def open_local(settings: Settings, clock: Clock, *, sql: bool) -> Product:
    """The product behind the server, over the data directory."""
    from tallybrook.ports.bus.local import LocalBus
    from tallybrook.wiring.agreement import outside_queue

    log = open_log(settings, clock)
    bus = LocalBus(settings.data_path / "bus.db", clock=clock)
    outside = outside_queue(settings, clock)
    stores = _open_stores(settings, log, clock, bus, outside)
    shelves = _open_shelves(settings, stores, clock)
    engine = open_sql(settings) if sql else None
    if sql:  # what a server that was killed has left there
        shutil.rmtree(settings.data_path / "answers", ignore_errors=True)
    return Product(log, stores, engine, True, None, shelves, bus, outside)


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


def open_local_keys(settings: Settings, clock: Clock) -> KeyRing:
    """The keys of a data directory, which is made if it is not there."""
    from tallybrook.ports.keys.local import SqliteKeys

    settings.data_path.mkdir(parents=True, exist_ok=True)
    return KeyRing(SqliteKeys(settings.data_path / "keys.db"), clock)


def open_local_state(settings: Settings, clock: Clock) -> "SqliteState":
    """The small shared state of a data directory, which is made if it is not there."""
    from tallybrook.ports.state.local import SqliteState

    settings.data_path.mkdir(parents=True, exist_ok=True)
    return SqliteState(settings.data_path / "state.db", clock)


def _open_stores(
    settings: Settings, log: "SqliteLog", clock: Clock, bus: "LocalBus", outside: "SqliteQueue"
) -> Stores:
    from tallybrook.ports.counters.local import SqliteCounters
    from tallybrook.ports.failed.local import SqliteFailedRecords
    from tallybrook.ports.log.local import SqliteLogReader
    from tallybrook.ports.log.local.events import SqliteEvents
    from tallybrook.wiring.agreement import agreement_queue
    from tallybrook.wiring.assessments import assessment_queue, local_desk

    path = log_path(settings.data_path)
    reader, counters, failed = (
        SqliteLogReader(path),
        SqliteCounters(path),
        SqliteFailedRecords(path),
    )
    events, state = SqliteEvents(path, log.find), open_local_state(settings, clock)

    queue, waiting = agreement_queue(settings, clock), assessment_queue(settings, clock)

    from tallybrook.wiring.usage import open_local_usage
    from tallybrook.wiring.workflows import open_desk

    usage = open_local_usage(settings)

    def close() -> None:
        for store in (reader, counters, failed, events, state, bus, queue, waiting, outside, usage):
            store.close()

    keys, records = open_local_keys(settings, clock), RecordReader(record_types(settings))
    entities = cache(partial(_open_entities, settings, state))
    return Stores(
        reader, counters, failed, events, keys, records, close, entities,
        lambda: Agreement(queue, state),
        cache(partial(local_desk, settings, waiting, state, clock)),
        lambda: Works(open_desk(settings, state, clock), usage, state),
    )  # fmt: skip


def _open_shelves(settings: Settings, stores: Stores, clock: Clock) -> Shelves:
    from tallybrook.ports.metrics.local import SqliteMetrics
    from tallybrook.ports.records.local import SqliteRecords

    records = SqliteRecords(log_path(settings.data_path))
    metrics = SqliteMetrics(settings.data_path / "metrics.db", stores.counters, clock)

    def close() -> None:
        records.close()
        metrics.close()

    return Shelves(records, metrics, close)


def _open_entities(settings: Settings, state: "SqliteState") -> Entities:
    from tallybrook.entities.roster import Rosters

    opened = open_entities(settings, state)
    opened.rosters = Rosters(state, opened.catalog)
    return opened


def open_sql(settings: Settings) -> SqlEngine:
    """The SQL engine; its children start with ``start()``."""
    from tallybrook.ports.sql.local import LocalSqlEngine
    from tallybrook.wiring.workflows import present_tier

    return LocalSqlEngine(
        settings.data_path,
        children=settings.query_workers,
        limits=Limits(memory_bytes=settings.query_memory_mb << 20),
        scratch=settings.data_path / "answers",
        result_bytes=settings.query_cache_mb << 20,
        reuse_s=present_tier(settings).cache_s,
    )


@contextmanager
def open_entity_consumer(
    settings: Settings, keep_failed: Callable[[FailedRecord], None], clock: Clock = system_clock
) -> Iterator[Consumer]:
    """The consumer that keeps the entities of a data directory, and beside it the deliveries of
    their alerts, for as long as the block lasts."""
    from tallybrook.assessments.dual_ai.watching import ALERT_TYPE as DRIFT
    from tallybrook.entities import webhook
    from tallybrook.entities.consumer import EntityConsumer
    from tallybrook.ports.bus.local import LocalBus
    from tallybrook.ports.working import working

    with ExitStack() as opened:
        state = opened.enter_context(closing(open_local_state(settings, clock)))
        bus = opened.enter_context(closing(LocalBus(settings.data_path / "bus.db", clock=clock)))
        catalog = open_entities(settings, state).catalog
        if settings.alert_webhook:
            target = webhook.Webhook(settings.alert_webhook, settings.alert_webhook_secret, clock)
            opened.enter_context(closing(target))
            bus.subscribe(
                webhook.SUBSCRIBER, target.send, webhook.given_up(keep_failed, clock),
                kinds=[*(rule.name for rule in catalog.definitions.alerts), DRIFT],
                max_tries=webhook.MAX_TRIES,
            )  # fmt: skip
        else:
            bus.unsubscribe(webhook.SUBSCRIBER)
        opened.enter_context(working(bus.deliver, "alerts"))
        yield EntityConsumer(state, bus, catalog, keep_failed, clock)


@contextmanager
def _forwarding(
    settings: Settings, reader: LogReader, keep_failed: Callable[[FailedRecord], None]
) -> Iterator[list[Consumer]]:
    """The consumer that forwards, where the settings say where to."""
    if not settings.forward_to:
        yield []
        return
    from tallybrook.wiring.forwarding import open_forwarding

    with (
        closing(open_local_state(settings, system_clock)) as state,
        open_forwarding(settings, state, reader, keep_failed) as consumer,
    ):
        yield [consumer] if consumer else []


@contextmanager
def open_consumers(data: Path) -> Iterator[Consumers]:
    """Everything that reads the log in the worker's process."""
    from tallybrook.costs.reading import UsageConsumer
    from tallybrook.ports.failed.local import SqliteFailedRecords
    from tallybrook.ports.lake.local import LocalLake
    from tallybrook.ports.log.local import SqliteLogReader
    from tallybrook.ports.log.local.userindex import UserIndexer
    from tallybrook.ports.working import working
    from tallybrook.wiring.agreement import measuring
    from tallybrook.wiring.assessments import scoring
    from tallybrook.wiring.files import watching
    from tallybrook.wiring.lake import answering, open_lake
    from tallybrook.wiring.usage import open_local_usage
    from tallybrook.wiring.workflows import present_tier

    path = log_path(data)
    settings = Settings.from_env(data=str(data))
    reader, failed = SqliteLogReader(path), SqliteFailedRecords(path)
    store = LocalLake(data)
    try:
        with (
            open_entity_consumer(settings, failed.keep) as entities,
            _forwarding(settings, reader, failed.keep) as forwarding,
            measuring(settings, failed.keep),
            scoring(settings, failed.keep),
            watching(settings, failed.keep) as watch,
            working(watch.look, "files"),
            closing(open_local_usage(settings)) as usage,
        ):
            lake = open_lake(settings, store, failed.keep)
            used = UsageConsumer(usage, present_tier(settings))
            with answering(settings, lake):
                yield Consumers(reader, [lake, UserIndexer(path), *forwarding, entities, used])
    finally:
        store.close()
        failed.close()
        reader.close()
