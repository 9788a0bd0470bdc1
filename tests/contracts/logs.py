"""Backends of the log, as the contract suite opens them: one entry each."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Protocol

import pytest

from tallybrook.events.model import Event
from tallybrook.ports.aws.tables import (
    COUNTERS,
    EVENTS,
    FAILED,
    LOG,
    SERIES,
    physical,
    records_table,
)
from tallybrook.ports.failed import FailedRecords
from tallybrook.ports.failed.aws import DynamoFailedRecords
from tallybrook.ports.failed.local import SqliteFailedRecords
from tallybrook.ports.log import Log, LogReader, RecordChange
from tallybrook.ports.log.aws import DynamoLog, DynamoLogReader
from tallybrook.ports.log.aws.sequencer import Sequencer
from tallybrook.ports.log.local import SqliteLog, SqliteLogReader
from tallybrook.ports.log.local.idindex import IdIndex
from tallybrook.wiring import EFFECTS
from tests.support import write_lock_held
from tests.support.calls import held, throttled
from tests.support.emulator import make_tables
from tests.support.streams import Pump

NOW_US = 1_705_675_043_000_000


def clock() -> int:
    return NOW_US


class Backend(Protocol):
    """What the suite needs of a backend beside the contract."""

    rounds: int
    """How many writes a thread makes where several are at work."""

    def open(self, **options: Any) -> Log: ...

    def reader(self) -> LogReader: ...

    def failed(self) -> FailedRecords: ...

    def settle(self) -> None:
        """Let the readers catch up with what was told: the end of the backend's lag."""

    def settle_partly(self) -> None:
        """Let the readers catch up as little as the backend can."""

    def holding(self) -> Any:
        """A context in which no commit gets through."""

    def refusing(self, log: Log) -> Any:
        """A context in which the storage refuses every commit."""

    def refusing_midway(self, log: Log) -> Any:
        """A context in which a write of 60 events of 20 KB does not fit whole."""

    def write_and_die(self, count: int) -> None:
        """Another process writes events ``k0``... one by one and is killed when all are told."""


class Local:
    """SQLite in a folder."""

    rounds = 40

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "log.db"

    def open(self, *, seal_at: int = 1 << 18, **options: Any) -> SqliteLog:
        index = IdIndex(self.folder / "ids", seal_at)
        return SqliteLog(self.path, EFFECTS, clock=clock, index=index, **options)

    def reader(self) -> SqliteLogReader:
        return SqliteLogReader(self.path)

    def failed(self) -> SqliteFailedRecords:
        return SqliteFailedRecords(self.path)

    def settle(self) -> None:
        """There is no lag."""

    def settle_partly(self) -> None:
        """There is no lag."""

    def holding(self) -> AbstractContextManager[None]:
        return write_lock_held(self.path)

    @contextmanager
    def refusing(self, log: Any) -> Iterator[None]:
        pages = log._connection.execute("PRAGMA page_count").fetchone()[0]
        log._connection.execute(f"PRAGMA max_page_count={pages}")
        try:
            yield
        finally:
            log._connection.execute("PRAGMA max_page_count=4294967294")

    def refusing_midway(self, log: Any) -> AbstractContextManager[None]:
        return self.refusing(log)

    def write_and_die(self, count: int) -> None:
        _write_and_die(f"Local(Path({str(self.folder)!r}))", count)


class Aws:
    """DynamoDB, in tables of its own, and the sequencer on a stream of several shards."""

    TABLES = (EVENTS, LOG, COUNTERS, SERIES, FAILED, records_table("items"))

    WRITES = ("PutItem", "UpdateItem")
    rounds = 12
    """Each of its events is a request, and all of a thread's are under way together."""

    def __init__(self, stack: str) -> None:
        self.stack = stack
        sequencer = Sequencer(stack, EFFECTS, clock=clock, keep_failed=self.failed().keep)
        self.pump = Pump(physical(stack, EVENTS), sequencer.apply)

    def open(self, **options: Any) -> DynamoLog:
        return DynamoLog(self.stack, clock=clock, **options)

    def reader(self) -> DynamoLogReader:
        return DynamoLogReader(self.stack)

    def failed(self) -> DynamoFailedRecords:
        return DynamoFailedRecords(self.stack)

    def settle(self) -> None:
        self.pump.run()

    def settle_partly(self) -> None:
        self.pump.read()
        self.pump.deliver(next(shard for shard in self.pump.shards if shard.waiting), 1)

    def holding(self) -> AbstractContextManager[None]:
        return held(*self.WRITES)

    def refusing(self, log: Any) -> AbstractContextManager[None]:
        return throttled(*self.WRITES)

    def refusing_midway(self, log: Any) -> AbstractContextManager[None]:
        lock, let = threading.Lock(), iter(range(30))

        def passes() -> bool:
            with lock:
                return next(let, None) is not None

        return throttled(*self.WRITES, but=passes)

    def write_and_die(self, count: int) -> None:
        _write_and_die(f"Aws({self.stack!r})", count)


def _write_and_die(backend: str, count: int) -> None:
    code = (
        "import sys; from pathlib import Path;"
        "from tests.contracts.logs import Aws, Local, event;"
        "from tallybrook.ports.log import Write;"
        f"log = {backend}.open();"
        f"[log.write(Write([event(f'k{{i:02}}')])) for i in range({count})];"
        "print('told', flush=True); sys.stdin.read()"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert child.stdout is not None
    assert child.stdout.readline() == b"told\n"
    os.kill(child.pid, signal.SIGKILL)
    child.communicate()


def _local(request: pytest.FixtureRequest) -> Backend:
    return Local(request.getfixturevalue("tmp_path"))


def _aws(request: pytest.FixtureRequest) -> Backend:
    stack = request.getfixturevalue("stack")
    make_tables(stack, Aws.TABLES)
    return Aws(stack)


BACKENDS: dict[str, Callable[[pytest.FixtureRequest], Backend]] = {"local": _local, "aws": _aws}


def event(event_id: str, account: str = "acme", **fields: Any) -> Event:
    return Event(
        0, event_id, "view", NOW_US, NOW_US, account, "event",
        user_id=fields.pop("user_id", "u"), **fields,
    )  # fmt: skip


def put(record_id: str, instant_us: int = NOW_US) -> RecordChange:
    return RecordChange(
        "acme", "items", record_id, "put", instant_us, None, f'{{"t":{instant_us}}}'
    )


def delete(record_id: str) -> RecordChange:
    return RecordChange("acme", "items", record_id, "delete")
