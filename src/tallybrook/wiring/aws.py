"""The same product in an AWS account: everything of a stack."""

import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import structs

from tallybrook.accounts.keys import KeyRing
from tallybrook.errors import StorageError
from tallybrook.events.model import Event
from tallybrook.ports.clock import Clock, system_clock
from tallybrook.ports.log import Commit, FailedRecord
from tallybrook.ports.log.consumer import Consumer
from tallybrook.ports.sql import SqlEngine
from tallybrook.records.reading import RecordReader
from tallybrook.settings import Settings
from tallybrook.wiring.parts import (
    EFFECTS,
    Agreement,
    Product,
    Stores,
    Works,
    open_entities,
    record_types,
)

if TYPE_CHECKING:
    from tallybrook.assessments.flow.receiving import Desk
    from tallybrook.entities.webhook import Webhook
    from tallybrook.ports.account import Account
    from tallybrook.ports.bus import Bus
    from tallybrook.ports.metrics import MetricSink
    from tallybrook.ports.queue import Queue
    from tallybrook.ports.records import RecordShelf, RecordSource
    from tallybrook.ports.sockets import Sockets
    from tallybrook.ports.state.aws import DynamoState
    from tallybrook.ports.telemetry import Telemetry


def open_aws(settings: Settings, clock: Clock, *, sql: bool) -> Product:
    """The product behind the stack's HTTP function."""
    from tallybrook.ports.counters.aws import DynamoCounters
    from tallybrook.ports.events.aws import DynamoEvents
    from tallybrook.ports.failed.aws import DynamoFailedRecords
    from tallybrook.ports.log.aws import DynamoLog, DynamoLogReader

    stack, types = settings.stack, record_types(settings)
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
        open_aws_keys(settings, clock),
        RecordReader(types),
        close,
        cache(lambda: open_entities(settings, open_aws_state(settings, clock))),
        cache(partial(_agreement, settings, clock)),
        cache(partial(_desk, settings, clock)),
        cache(partial(_works, settings, clock)),
    )
    engine = open_aws_sql(settings) if sql else None
    return Product(log, stores, engine, False, partial(_aws_positions, settings))


def _agreement(settings: Settings, clock: Clock) -> Agreement:
    from tallybrook.wiring.agreement import aws_agreement

    return aws_agreement(settings, open_aws_state(settings, clock))


def _desk(settings: Settings, clock: Clock) -> "Desk":
    from tallybrook.wiring.assessments import aws_desk

    return aws_desk(settings, open_aws_state(settings, clock), clock)


def _works(settings: Settings, clock: Clock) -> Works:
    from tallybrook.wiring.usage import open_usage
    from tallybrook.wiring.workflows import open_desk

    state = open_aws_state(settings, clock)
    return Works(open_desk(settings, state, clock), open_usage(settings), state)


def open_aws_keys(settings: Settings, clock: Clock) -> KeyRing:
    """The keys of the stack."""
    from tallybrook.ports.keys.aws import DynamoKeys

    return KeyRing(DynamoKeys(settings.stack), clock)


def open_aws_state(settings: Settings, clock: Clock) -> "DynamoState":
    """The small shared state of the stack."""
    from tallybrook.ports.state.aws import DynamoState

    return DynamoState(settings.stack, clock)


def ensure_admin_key(settings: Settings) -> None:
    """Make the stack's secret the first admin key, where there is no key at all yet."""
    keys = open_aws_keys(settings, system_clock)
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
    from tallybrook.costs.tiers import current_tier
    from tallybrook.ports.sql.aws import limits_of, open_engine

    limits, reuse_s = limits_of(function_mb()), current_tier().cache_s
    engine = open_engine(
        settings.stack, settings.bucket, _scratch("query"), limits=limits, reuse_s=reuse_s
    )
    if not settings.athena:
        return engine
    from tallybrook.lake.ddl import database_of
    from tallybrook.ports.lake.aws.catalog import Catalog
    from tallybrook.ports.sql.aws.athena import AthenaSqlEngine
    from tallybrook.ports.sql.aws.service import Athena

    catalog = Catalog(settings.stack)
    service = Athena(settings.stack, database_of(settings.stack))
    return AthenaSqlEngine(engine, service, settled=lambda: not catalog.owed(), reuse_s=reuse_s)


def open_sequencer(
    settings: Settings, keep_failed: Callable[[FailedRecord], None]
) -> Callable[..., list[Commit]]:
    """What commits a delivery of the events table's stream."""
    from tallybrook.ports.log.aws.sequencer import Sequencer

    return Sequencer(settings.stack, EFFECTS, keep_failed=keep_failed).apply


def read_new_events(
    records: Iterable[Mapping[str, Any]], now_us: int
) -> tuple[list[Event], list[FailedRecord]]:
    """The new events that the events table's stream tells of, not numbered yet, and what is none:
    the failed records that the sequencer keeps of it too, by the same ids."""
    from tallybrook.ports.log.aws.stream import arrivals

    found, failed = arrivals(records, now_us)
    return [arrival.event for arrival in found], failed


def open_alert_bus(settings: Settings) -> "Bus":
    """The stack's bus, where alerts are told under the name of who tells them."""
    from tallybrook.entities.alerts import PUBLISHER
    from tallybrook.ports.bus.aws import EventBridgeBus

    return EventBridgeBus(settings.stack, source=PUBLISHER)


def open_alert_webhook(settings: Settings, clock: Clock) -> "Webhook":
    """The webhook of the settings, signing with the stack's secret. Raises ``StorageError`` while
    that is not there."""
    from tallybrook.entities.webhook import Webhook
    from tallybrook.ports.secrets.aws import ManagedSecrets

    secret = ManagedSecrets(settings.stack).get("alert-webhook")
    if secret is None:
        raise StorageError("the stack's secret alert-webhook is not there yet")
    return Webhook(settings.alert_webhook, secret, clock)


def open_alert_queue(settings: Settings) -> "Queue":
    """The queue of alerts that the webhook has to get."""
    from tallybrook.ports.queue.aws import SqsQueue

    return SqsQueue(f"{settings.stack}-alerts")


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
) -> Iterator[tuple[Consumer, Callable[[], int]]]:
    """The consumer that writes the stack's lake, and what does the oldest task that waits for it,
    for as long as the block lasts. Raises ``ConflictError`` while another one is at work."""
    from tallybrook.lake.room import room_of
    from tallybrook.wiring.lake import open_aws_lake, open_lake, working_off

    store = open_aws_lake(settings, _scratch("lake"), lease_s)
    room = structs.asdict(room_of(function_mb()))
    consumer = open_lake(settings, store, keep_failed, **room)
    try:
        with working_off(settings, consumer.writer) as next_task:
            yield consumer, next_task
    finally:
        consumer.close()


def open_account(settings: Settings) -> "Account":
    """The account that the stack is in, looked at from outside."""
    from tallybrook.ports.account.aws import AwsAccount

    return AwsAccount(settings.stack, tuple(record_types(settings)))
