"""Backends of the log, as the contract suite opens them: one entry each."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Protocol

from tallybrook.events.model import Event
from tallybrook.ports.log import Log, LogReader, RecordChange
from tallybrook.ports.log.local import SqliteLog, SqliteLogReader
from tallybrook.ports.log.local.idindex import IdIndex
from tallybrook.wiring import EFFECTS
from tests.support import write_lock_held

NOW_US = 1_705_675_043_000_000


def clock() -> int:
    return NOW_US


class Backend(Protocol):
    """What the suite needs of a backend beside the contract."""

    def open(self, **options: Any) -> Log: ...

    def reader(self) -> LogReader: ...

    def holding(self) -> Any:
        """A context in which no commit gets through."""

    def refusing(self, log: Log) -> Any:
        """A context in which the storage refuses every commit."""

    def write_and_die(self, count: int) -> None:
        """Another process writes events ``k0``... one by one and is killed when all are told."""


class Local:
    """SQLite in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "log.db"

    def open(self, *, seal_at: int = 1 << 18, **options: Any) -> SqliteLog:
        index = IdIndex(self.folder / "ids", seal_at)
        return SqliteLog(self.path, EFFECTS, clock=clock, index=index, **options)

    def reader(self) -> SqliteLogReader:
        return SqliteLogReader(self.path)

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

    def write_and_die(self, count: int) -> None:
        code = (
            "import sys; from pathlib import Path;"
            "from tests.contracts.logs import Local, event; from tallybrook.ports.log import Write;"
            f"log = Local(Path({str(self.folder)!r})).open();"
            f"[log.write(Write([event(f'k{{i}}')])) for i in range({count})];"
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


BACKENDS: dict[str, Callable[[Path], Backend]] = {"local": Local}


def event(event_id: str, account: str = "acme", **fields: Any) -> Event:
    return Event(
        0, event_id, "view", NOW_US, NOW_US, account, "event",
        user_id=fields.pop("user_id", "u"), **fields,
    )  # fmt: skip


def put(record_id: str, instant_us: int = NOW_US) -> RecordChange:
    return RecordChange(
        "acme", "items", record_id, "put", instant_us, None, f'{{"t":{instant_us}}}'
    )
