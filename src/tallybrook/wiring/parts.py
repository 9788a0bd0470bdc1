"""What the wiring hands out: the opened parts of a product."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from msgspec import Struct

from tallybrook.accounts.keys import KeyRing
from tallybrook.counters import delta
from tallybrook.ports.counters import Counters
from tallybrook.ports.events import Events
from tallybrook.ports.failed import FailedRecords
from tallybrook.ports.log import CommitEffects, Log, LogReader
from tallybrook.ports.log.consumer import Consumer
from tallybrook.ports.sql import SqlEngine
from tallybrook.records.reading import RecordReader, parse_types
from tallybrook.settings import Settings

if TYPE_CHECKING:
    from tallybrook.assessments.flow.receiving import Desk
    from tallybrook.entities.catalog import Catalog
    from tallybrook.entities.roster import Rosters
    from tallybrook.ports.bus import Tail
    from tallybrook.ports.metrics import MetricSink
    from tallybrook.ports.queue import Queue
    from tallybrook.ports.records import RecordShelf
    from tallybrook.ports.state import State
    from tallybrook.ports.usage import UsageStore
    from tallybrook.workflows.requesting import Desk as Runs

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
    agreement: "Callable[[], Agreement]"
    assessments: "Callable[[], Desk]"
    works: "Callable[[], Works]"


class Entities(Struct):
    """What entities and alerts are read from; ``rosters``, where there are any, know the order of
    long lists."""

    state: "State"
    catalog: "Catalog"
    rosters: "Rosters | None" = None


class Works(Struct):
    """Where runs are asked for, what was used, and the state that schedules and the budget lie
    in."""

    runs: "Runs"
    usage: "UsageStore"
    state: "State"


class Agreement(Struct):
    """Where messages of two AIs are queued, and what was measured of them is read."""

    queue: "Queue"
    state: "State"


class Shelves(Struct):
    """Records as they are listed, and the metrics of others: what GraphQL is served from."""

    records: "RecordShelf"
    metrics: "MetricSink"
    close: Callable[[], None]


class Product(Struct):
    """What a process that serves works with.

    ``commits_here`` tells whether ``log.watch`` sees every commit; where it does not, commits
    happen elsewhere. ``positions`` is None where a worker writes down its consumers' standing.
    ``shelves`` is None where GraphQL is answered elsewhere. ``tail`` is what the bus tells, None
    where it tells it to others. ``outside`` holds what other processes have for the log, None where
    they write it themselves.
    """

    log: Log
    stores: Stores
    sql: SqlEngine | None
    commits_here: bool
    positions: Positions | None
    shelves: "Shelves | None" = None
    tail: "Tail | None" = None
    outside: "Queue | None" = None


class Consumers(Struct):
    """The consumers of a data directory, and the log they read."""

    reader: LogReader
    consumers: list[Consumer]


def open_entities(settings: Settings, state: "State") -> Entities:
    """Entities as the settings define them, in a state. Raises ``UsageError`` for definitions that
    cannot be used."""
    from tallybrook.entities.catalog import Catalog
    from tallybrook.entities.library import load

    return Entities(state, Catalog(load(settings.entities)))


def record_types(settings: Settings) -> dict[str, tuple[str, ...]]:
    """The declared record types, and the keys that each names."""
    return parse_types(settings.record_types)
