"""The one place that builds the product: which backend stands behind which port.

``Settings.backend`` decides: ``local`` builds from a data directory, ``aws`` from a stack. Backends
are imported where they are built: what is not used is not loaded, which is memory and start-up
time of every process and every function.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tallybrook.accounts.keys import KeyRing
from tallybrook.ports.clock import Clock, system_clock
from tallybrook.ports.counters import Counters
from tallybrook.ports.log import LogReader
from tallybrook.settings import Settings
from tallybrook.wiring.aws import (
    ensure_admin_key,
    function_mb,
    open_account,
    open_alert_bus,
    open_alert_queue,
    open_alert_webhook,
    open_aws,
    open_aws_keys,
    open_aws_sql,
    open_aws_state,
    open_intake_queue,
    open_lake_writer,
    open_recounting,
    open_remote_recounting,
    open_sequencer,
    open_sockets,
    open_telemetry,
    read_new_events,
)
from tallybrook.wiring.local import (
    log_path,
    open_consumers,
    open_entity_consumer,
    open_local,
    open_local_keys,
    open_local_state,
    open_log,
    open_sql,
)
from tallybrook.wiring.parts import (
    EFFECTS,
    Agreement,
    Consumers,
    Entities,
    Positions,
    Product,
    Shelves,
    Stores,
    open_entities,
    record_types,
)

if TYPE_CHECKING:
    from tallybrook.ports.failed.aws import DynamoFailedRecords
    from tallybrook.ports.failed.local import SqliteFailedRecords
    from tallybrook.ports.objects import Objects
    from tallybrook.ports.state.aws import DynamoState
    from tallybrook.ports.state.local import SqliteState

__all__ = [
    "EFFECTS",
    "Agreement",
    "Consumers",
    "Entities",
    "Positions",
    "Product",
    "Shelves",
    "Stores",
    "check_entities",
    "ensure_admin_key",
    "function_mb",
    "log_path",
    "open_account",
    "open_alert_bus",
    "open_alert_queue",
    "open_alert_webhook",
    "open_aws_sql",
    "open_consumers",
    "open_counters",
    "open_entities",
    "open_entity_consumer",
    "open_failed",
    "open_intake_queue",
    "open_keys",
    "open_lake_writer",
    "open_log",
    "open_objects",
    "open_product",
    "open_reader",
    "open_recounting",
    "open_remote_recounting",
    "open_sequencer",
    "open_sockets",
    "open_sql",
    "open_state",
    "open_telemetry",
    "read_new_events",
]


def open_product(settings: Settings, clock: Clock = system_clock, *, sql: bool = True) -> Product:
    """The product behind the server: the data folder's, or the stack's."""
    build = open_aws if settings.backend == "aws" else open_local
    return build(settings, clock, sql=sql)


def open_keys(settings: Settings, clock: Clock = system_clock) -> KeyRing:
    """The keys of the stack, or of a data directory, which is made if it is not there."""
    build = open_aws_keys if settings.backend == "aws" else open_local_keys
    return build(settings, clock)


def open_state(settings: Settings, clock: Clock = system_clock) -> "SqliteState | DynamoState":
    """The small shared state of the stack, or of a data directory, which is made if need be."""
    if settings.backend == "aws":
        return open_aws_state(settings, clock)
    return open_local_state(settings, clock)


def open_objects(settings: Settings) -> "Objects":
    """The objects of the stack, or of a data directory."""
    if settings.backend == "aws":
        from tallybrook.ports.objects.aws import S3Objects

        return S3Objects(settings.bucket)
    from tallybrook.wiring.assessments import open_local_objects

    return open_local_objects(settings)


def open_failed(settings: Settings) -> "SqliteFailedRecords | DynamoFailedRecords":
    """The failed records of a stack, or of a data directory whose log exists."""
    if settings.backend == "aws":
        from tallybrook.ports.failed.aws import DynamoFailedRecords

        return DynamoFailedRecords(settings.stack)
    from tallybrook.ports.failed.local import SqliteFailedRecords

    return SqliteFailedRecords(log_path(settings.data_path))


def check_entities(settings: Settings) -> None:
    """Raise ``UsageError`` for definitions or a webhook that cannot be used."""
    from tallybrook.entities.library import load

    load(settings.entities)
    if settings.alert_webhook:
        from tallybrook.entities.webhook import require_target

        require_target(settings.alert_webhook, settings.alert_webhook_secret)


@contextmanager
def open_counters(settings: Settings) -> Iterator[Counters]:
    """The counters of a stack, or of a data directory whose log exists; any process may."""
    if settings.backend == "aws":
        from tallybrook.ports.counters.aws import DynamoCounters

        remote = DynamoCounters(settings.stack, record_types=tuple(record_types(settings)))
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
