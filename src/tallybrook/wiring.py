"""The one place that builds the product: which backend stands behind which port.

``Settings.backend`` decides. Backends are imported where they are built: what is not used is not
loaded, which is memory and start-up time of every process and every function.
"""

import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct, structs

from tallybrook.accounts.keys import KeyRing
from tallybrook.counters import delta
from tallybrook.errors import StorageError
from tallybrook.ports.clock import Clock, system_clock
from tallybrook.ports.counters import Counters
from tallybrook.ports.events import Events
from tallybrook.ports.failed import FailedRecords
from tallybrook.ports.log import Commit, CommitEffects, FailedRecord, Log, LogReader
from tallybrook.ports.log.consumer import Consumer
from tallybrook.ports.sql import Limits, SqlEngine
from tallybrook.records.reading import RecordReader, parse_types
from tallybrook.settings import Settings

if TYPE_CHECKING:
    from tallybrook.entities.catalog import Catalog
    from tallybrook.ports.account import Account
    from tallybrook.ports.log.local import SqliteLog
    from tallybrook.ports.metrics import MetricSink
    from tallybrook.ports.queue import Queue
    from tallybrook.ports.records import RecordShelf, RecordSource
    from tallybrook.ports.sockets import Sockets
    from tallybrook.ports.state import State
    from tallybrook.ports.state.aws import DynamoState
    from tallybrook.ports.state.local import SqliteState
    from tallybrook.ports.telemetry import Telemetry

EFFECTS: CommitEffects = delta

Positions = Callable[[], Mapping[str, int]]
"""Asks every consumer for the last sequence number it has taken in."""


class Stores(Struct):
    """The reading side, beside whoever writes. ``close`` ends all of it; ``entities`` reads the
    definitions when it is first called."""

    reader: LogReader
    counters: Counters
    failed: FailedRecords
    events: Events
    keys: KeyRing
    records: RecordReader
    close: Callable[[], None]
    entities: "Callable[[], Entities]"


class Entities(Struct):
    """What entities and alerts are read from."""

    state: "State"
    catalog: "Catalog"


class Shelves(Struct):
    """Records as they are listed, and the metrics of others: what GraphQL is served from."""

    records: "RecordShelf"
    metrics: "MetricSink"
    close: Callable[[], None]


class Product(Struct):
    """What a process that serves works with.

    ``commits_here`` tells whether ``log.watch`` sees every commit; where it does not, commits
    happen elsewhere. ``positions`` is None where a worker writes down its consumers' standing.
    ``shelves`` is None where GraphQL is answered elsewhere.
    """

    log: Log
    stores: Stores
    sql: SqlEngine | None
    commits_here: bool
    positions: Positions | None
    shelves: "Shelves | None" = None


def open_product(settings: Settings, clock: Clock = system_clock, *, sql: bool = True) -> Product:
    """The product behind the server: the data folder's, or the stack's."""
    if settings.backend == "aws":
        return _open_aws(settings, clock, sql=sql)
    log = open_log(settings, clock)
    stores = _open_local_stores(settings, log, clock)
    shelves = _open_local_shelves(settings, stores, clock)
    return Product(log, stores, open_sql(settings) if sql else None, True, None, shelves)


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


def check_entities(settings: Settings) -> None:
    """Raise ``UsageError`` for definitions or a webhook that cannot be used."""
    from tallybrook.entities.library import load

    load(settings.entities)
    if settings.alert_webhook:
        from tallybrook.entities.webhook import require_target

        require_target(settings.alert_webhook, settings.alert_webhook_secret)


def open_entities(settings: Settings, state: "State") -> Entities:
    """Entities as the settings define them, in a state. Raises ``UsageError`` for definitions that
    cannot be used."""
    from tallybrook.entities.catalog import Catalog
    from tallybrook.entities.library import load

    return Entities(state, Catalog(load(settings.entities)))


def open_state(settings: Settings, clock: Clock = system_clock) -> "SqliteState | DynamoState":
    """The small shared state of the stack, or of a data directory, which is made if need be."""
    if settings.backend == "aws":
        from tallybrook.ports.state.aws import DynamoState

        return DynamoState(settings.stack, clock)
    from tallybrook.ports.state.local import SqliteState

    settings.data_path.mkdir(parents=True, exist_ok=True)
    return SqliteState(settings.data_path / "state.db", clock)


@contextmanager
def open_counters(settings: Settings) -> Iterator[Counters]:
    """The counters of a stack, or of a data directory whose log exists; any process may."""
    if settings.backend == "aws":
        from tallybrook.ports.counters.aws import DynamoCounters

        remote = DynamoCounters(settings.stack, record_types=tuple(_types(settings)))
        try:
            yield remote
        finally:
            remote.close()
        return
    from tallybrook.ports.counters.local import SqliteCounters

    counters = SqliteCounters(log_path(settings.data_path))
    try:
        yield counters
    finally:
        counters.close()


@contextmanager
def open_reader(settings: Settings) -> Iterator[LogReader | None]:
    """The log beside whoever writes it; None where a data directory has none yet."""
    if settings.backend == "aws":
        from tallybrook.ports.log.aws import DynamoLogReader

        yield DynamoLogReader(settings.stack)
        return
    from tallybrook.ports.log.local import SqliteLogReader

    path = log_path(settings.data_path)
    if not path.exists():
        yield None
        return
    reader = SqliteLogReader(path)
    try:
        yield reader
    finally:
        reader.close()


def open_account(settings: Settings) -> "Account":
    """The account that the stack is in, looked at from outside."""
    from tallybrook.ports.account.aws import AwsAccount

    return AwsAccount(settings.stack, tuple(_types(settings)))


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
    events, state = SqliteEvents(path, log.find), open_state(settings, clock)

    def close() -> None:
        for store in (reader, counters, failed, events, state):
            store.close()

    keys, records = open_keys(settings, clock), RecordReader(_types(settings))
    entities = cache(partial(open_entities, settings, state))
    return Stores(reader, counters, failed, events, keys, records, close, entities)


def _open_local_shelves(settings: Settings, stores: Stores, clock: Clock) -> Shelves:
    from tallybrook.ports.metrics.local import SqliteMetrics
    from tallybrook.ports.records.local import SqliteRecords

    records = SqliteRecords(log_path(settings.data_path))
    metrics = SqliteMetrics(settings.data_path / "metrics.db", stores.counters, clock)

    def close() -> None:
        records.close()
        metrics.close()

    return Shelves(records, metrics, close)


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
    counters = DynamoCounters(stack, record_types=tuple(types))
    failed = DynamoFailedRecords(stack)

    def close() -> None:
        counters.close()
        failed.close()

    stores = Stores(
        DynamoLogReader(stack),
        counters,
        failed,
        DynamoEvents(stack),
        open_keys(settings, clock),
        RecordReader(types),
        close,
        cache(lambda: open_entities(settings, open_state(settings, clock))),
    )
    engine = open_aws_sql(settings) if sql else None
    return Product(log, stores, engine, False, partial(_aws_positions, settings))


def ensure_admin_key(settings: Settings) -> None:
    """Make the stack's secret the first admin key, where there is no key at all yet."""
    keys = open_keys(settings)
    if keys.version():
        return
    from tallybrook.ports.secrets.aws import ManagedSecrets

    secret = ManagedSecrets(settings.stack).get("admin-key")
    if secret is None:
        raise StorageError("the stack's secret admin-key is not there yet")
    keys.first_key(secret)


def _aws_positions(settings: Settings) -> Mapping[str, int]:
    from tallybrook.ports.lake.aws import AwsLakeReader

    reader = AwsLakeReader(settings.stack, settings.bucket, _scratch("lake") / "cache")
    return {"lake": reader.position()}


def _scratch(name: str) -> Path:
    """A folder of this process for copies and intermediate files."""
    return Path(tempfile.gettempdir()) / name


def function_mb() -> int:
    """The memory a function was given, in MiB."""
    return int(os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "1024"))


def open_aws_sql(settings: Settings) -> SqlEngine:
    """The SQL engine inside a function; its child starts with ``start()``."""
    from tallybrook.ports.sql.aws import limits_of, open_engine

    limits = limits_of(function_mb())
    return open_engine(settings.stack, settings.bucket, _scratch("query"), limits=limits)


def open_sequencer(
    settings: Settings, keep_failed: Callable[[FailedRecord], None]
) -> Callable[..., list[Commit]]:
    """What commits a delivery of the events table's stream."""
    from tallybrook.ports.log.aws.sequencer import Sequencer

    return Sequencer(settings.stack, EFFECTS, keep_failed=keep_failed).apply


def open_sockets(settings: Settings) -> "Sockets":
    """The open WebSockets of the stack."""
    from tallybrook.ports.sockets.aws import ApiGatewaySockets

    return ApiGatewaySockets(settings.stack, settings.sockets_url)


def open_intake_queue(settings: Settings) -> "Queue":
    """The queue that the stack collects from."""
    from tallybrook.ports.queue.aws import SqsQueue

    return SqsQueue(f"{settings.stack}-intake")


def open_telemetry(settings: Settings) -> "Telemetry":
    """Metrics of the stack; whoever tells some flushes at the end of its work."""
    from tallybrook.ports.telemetry.aws import EmfTelemetry

    return EmfTelemetry({"stack": settings.stack})


def open_recounting(settings: Settings) -> "tuple[RecordShelf, MetricSink]":
    """Where the stack's records are read for a recount, and its counts written."""
    from tallybrook.ports.metrics.aws import DynamoMetrics
    from tallybrook.ports.records.aws import DynamoRecords

    return DynamoRecords(settings.stack), DynamoMetrics(settings.stack)


def open_remote_recounting() -> "tuple[RecordSource, MetricSink]":
    """The same for the GraphQL API that the environment names."""
    from tallybrook.ports.graphql.client import Api, Endpoint
    from tallybrook.ports.metrics.graphql import GraphqlMetrics
    from tallybrook.ports.records.graphql import GraphqlRecords

    api = Api(Endpoint.from_env())
    return GraphqlRecords(api), GraphqlMetrics(api)


@contextmanager
def open_lake_writer(
    settings: Settings, keep_failed: Callable[[FailedRecord], None], lease_s: float
) -> Iterator[Consumer]:
    """The consumer that writes the stack's lake, for as long as the block lasts. Raises
    ``ConflictError`` while another one is at work."""
    from tallybrook.lake.consumer import LakeConsumer
    from tallybrook.lake.room import room_of
    from tallybrook.ports.lake.aws import AwsLake

    store = AwsLake(settings.stack, settings.bucket, _scratch("lake"), lease_s=lease_s)
    consumer = LakeConsumer(store, keep_failed, **structs.asdict(room_of(function_mb())))
    try:
        yield consumer
    finally:
        consumer.close()


@contextmanager
def open_entity_consumer(
    settings: Settings, keep_failed: Callable[[FailedRecord], None], clock: Clock = system_clock
) -> Iterator[Consumer]:
    """The consumer that keeps the entities of a data directory, and beside it the deliveries of
    their alerts, for as long as the block lasts."""
    from tallybrook.entities import webhook
    from tallybrook.entities.consumer import EntityConsumer
    from tallybrook.entities.delivering import delivering
    from tallybrook.ports.bus.local import LocalBus

    with ExitStack() as opened:
        state = opened.enter_context(closing(open_state(settings, clock)))
        bus = opened.enter_context(closing(LocalBus(settings.data_path / "bus.db", clock=clock)))
        catalog = open_entities(settings, state).catalog
        if settings.alert_webhook:
            target = webhook.Webhook(settings.alert_webhook, settings.alert_webhook_secret, clock)
            opened.enter_context(closing(target))
            bus.subscribe(
                webhook.SUBSCRIBER, target.send, webhook.given_up(keep_failed, clock),
                kinds=[rule.name for rule in catalog.definitions.alerts],
                max_tries=webhook.MAX_TRIES,
            )  # fmt: skip
        else:
            bus.unsubscribe(webhook.SUBSCRIBER)
        opened.enter_context(delivering(bus))
        yield EntityConsumer(state, bus, catalog, keep_failed, clock)


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
    settings = Settings.from_env(data=str(data))
    reader, failed = SqliteLogReader(path), SqliteFailedRecords(path)
    store = LocalLake(data)
    try:
        with open_entity_consumer(settings, failed.keep) as entities:
            lake = LakeConsumer(store, failed.keep)
            yield Consumers(reader, [lake, UserIndexer(path), entities])
    finally:
        store.close()
        failed.close()
        reader.close()
