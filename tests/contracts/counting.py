"""Backends of the counters, as the contract suite opens them, and a way to fill them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import msgspec
import pytest

from tallybrook.counters.delta import event_deltas
from tallybrook.events.model import Event
from tallybrook.ports.aws.clients import client
from tallybrook.ports.aws.tables import (
    COUNTERS,
    EVENTS,
    FAILED,
    LOG,
    SERIES,
    STATE,
    physical,
    records_table,
)
from tallybrook.ports.aws.transactions import transact
from tallybrook.ports.counters import Counters
from tallybrook.ports.counters.aws import DynamoCounters
from tallybrook.ports.counters.aws.correcting import name_series
from tallybrook.ports.counters.local import SqliteCounters
from tallybrook.ports.log import Chunk, Log, RecordChange, Write
from tallybrook.ports.log.aws import DynamoLog
from tallybrook.ports.log.aws.transaction import commit_actions
from tallybrook.ports.log.local import SqliteLog
from tallybrook.wiring import EFFECTS
from tests.counters.world import NOW_US
from tests.support.emulator import make_tables

RECORD_TYPES = ("items", "tasks")


class Counted(Protocol):
    """What the suite needs beside the contract."""

    counters: Counters
    log: Log

    def commit(self, events: Sequence[Event]) -> None:
        """Bring events, each new, all the way: durable, numbered and counted."""

    def store(self, changes: Sequence[RecordChange]) -> None:
        """Store records; whether they are counted by now is the backend's affair."""


class Local:
    """SQLite in a folder."""

    def __init__(self, path: Path) -> None:
        self.log = SqliteLog(path, EFFECTS, clock=lambda: NOW_US)
        self.counters = SqliteCounters(path)

    def commit(self, events: Sequence[Event]) -> None:
        self.log.write(Write(events))

    def store(self, changes: Sequence[RecordChange]) -> None:
        self.log.write(Write(records=changes))


class Aws:
    """The emulated tables; ``commit`` makes the transaction that the sequencer makes."""

    def __init__(self, stack: str) -> None:
        records = [records_table(name) for name in RECORD_TYPES]
        make_tables(stack, (COUNTERS, EVENTS, FAILED, LOG, SERIES, STATE, *records))
        self.stack = stack
        self.dynamo: Any = client("dynamodb")
        self.log = DynamoLog(stack, clock=lambda: NOW_US)
        self.counters = DynamoCounters(stack, RECORD_TYPES)
        self._head = 0

    def commit(self, events: Sequence[Event]) -> None:
        lines = [
            msgspec.json.encode(msgspec.structs.replace(event, seq=self._head + n))
            for n, event in enumerate(events, 1)
        ]
        chunk = Chunk(self._head + 1, len(lines), NOW_US, b"\n".join(lines))
        deltas = event_deltas(events)
        name_series(self.dynamo, physical(self.stack, SERIES), {key[:3] for key in deltas})
        mark = chunk.first_seq.to_bytes(8, "big")
        transact(
            self.dynamo, commit_actions(self.stack, self._head, chunk, [mark], deltas), "commit"
        )
        self._head = chunk.last_seq

    def store(self, changes: Sequence[RecordChange]) -> None:
        self.log.write(Write(records=changes))


@contextmanager
def opened(backend: str, request: pytest.FixtureRequest, folder: Path) -> Iterator[Counted]:
    """A backend by its name in the parameters, with nothing counted yet."""
    made: Any = (
        Local(folder / "log.db") if backend == "local" else Aws(request.getfixturevalue("stack"))
    )
    yield made
    made.counters.close()
    made.log.close()
