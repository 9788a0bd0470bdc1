"""A data directory with a log and a lake, and statements answered over it; Athena on the loopback,
whose answers a test writes."""

import asyncio
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import msgspec
import pytest

from tallybrook.lake.consumer import LakeConsumer
from tallybrook.ports.lake.local import LocalLake, LocalLakeReader
from tallybrook.ports.log import Chunk
from tallybrook.ports.log.local import SqliteLogReader
from tallybrook.ports.sql import Limits, QueryFailedError, QueryRequest, QueryResult, ResultColumn
from tallybrook.sql.session import Session, public_message

if TYPE_CHECKING:  # the SDK is loaded where it is asked for
    from tallybrook.ports.sql.aws.athena import AthenaSqlEngine
    from tallybrook.ports.sql.local import LocalSqlEngine
    from tests.support.athena import Listening, Scripted

DAY_US = 86_400_000_000
MAY_1_2024_US = 1_714_521_600_000_000


class World:
    """What the server and the worker do, by hand: ``append`` to the log, ``flush`` to the lake."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.log = sqlite3.connect(data_dir / "log.db", isolation_level=None)
        self.log.execute("PRAGMA journal_mode=WAL")
        self.log.execute(
            "CREATE TABLE chunks(first_seq INTEGER PRIMARY KEY, topic TEXT, count INTEGER,"
            " ingested_at INTEGER, body BLOB)"
        )
        self.head = 0
        self.now_us = MAY_1_2024_US
        self.lake = LakeConsumer(
            LocalLake(data_dir), lambda record: None, now_us=lambda: self.now_us
        )

    def append(self, *events: dict[str, Any], topic: str = "events") -> None:
        """One group commit."""
        lines = [self._line(self.head + n, event) for n, event in enumerate(events, 1)]
        row = (self.head + 1, topic, len(lines), MAY_1_2024_US, b"".join(lines))
        self.log.execute("INSERT INTO chunks VALUES (?,?,?,?,?)", row)
        self.head += len(lines)

    def flush(self) -> None:
        rows = self.log.execute(
            "SELECT first_seq, count, ingested_at, body FROM chunks"
            " WHERE first_seq > ? AND topic = 'events' ORDER BY first_seq",
            (self.lake.position(),),
        ).fetchall()
        if rows:
            self.lake.handle([Chunk(*row) for row in rows])

    def close(self) -> None:
        self.lake.close()
        self.log.close()

    @staticmethod
    def _line(seq: int, event: dict[str, Any]) -> bytes:
        base = {
            "seq": seq,
            "event_id": f"e{seq}",
            "event_type": "view",
            "timestamp": MAY_1_2024_US + seq * 1_000_000,
            "ingested_at": MAY_1_2024_US,
            "account_id": "acme",
            "time_source": "event",
        }
        raw = {k: msgspec.Raw(v) for k, v in event.items() if isinstance(v, bytes)}
        return msgspec.json.encode(base | event | raw) + b"\n"


Run = Callable[..., QueryResult]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    world = World(tmp_path_factory.mktemp("data"))
    yield world
    world.close()


@pytest.fixture(scope="module")
def run(world: World) -> Run:
    """``run(sql, account, **request)``: the result, or the error; what a child process does, in
    this one."""
    log = SqliteLogReader(world.data_dir / "log.db")
    session = Session(LocalLakeReader(world.data_dir), log, Limits(256 * 1024 * 1024, 2))

    def ask(sql: str, account: str = "acme", **fields: Any) -> QueryResult:
        columns: list[Any] = []
        rows: list[Any] = []

        def emit(part: list[Any]) -> None:
            (columns if part and isinstance(part[0], ResultColumn) else rows).extend(part)

        request = QueryRequest(account_id=account, sql=sql, **fields)
        try:
            outcome = session.run(request, emit)
        except duckdb.Error as error:
            raise QueryFailedError(public_message(error, str(world.data_dir))) from error
        finally:
            session.prepare()
        return QueryResult(execution_id="", columns=columns, rows=rows, metadata=outcome.metadata)

    return ask


@pytest.fixture(scope="session")
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture(scope="session")
def listening() -> Iterator["Listening"]:
    """Athena's protocol; nothing that is said to it or by it may be against the SDK's model."""
    from tests.support.athena import serving

    with serving() as listening:
        yield listening


@pytest.fixture(scope="session")
def beside(
    tmp_path_factory: pytest.TempPathFactory, runner: asyncio.Runner
) -> Iterator["LocalSqlEngine"]:
    """The engine that guards and prices for Athena's, over a lake with rows of two accounts."""
    from tallybrook.ports.sql.local import LocalSqlEngine
    from tests.contracts.sources import open_data

    data = open_data("local", tmp_path_factory.mktemp("lake"), lambda: "")
    data.append(30)
    data.append(5, account="other")
    data.flush()
    engine = LocalSqlEngine(data.source, children=1, limits=Limits(192 << 20, 1))
    runner.run(engine.start())
    yield engine
    runner.run(engine.close())
    data.close()


@pytest.fixture
def service(listening: "Listening", monkeypatch: pytest.MonkeyPatch) -> Iterator["Scripted"]:
    """What Athena answers in this test."""
    from tallybrook.ports.aws.clients import client
    from tests.support.athena import Scripted

    for name, value in listening.environment.items():
        monkeypatch.setenv(name, value)
    client.cache_clear()
    listening.reset()
    listening.service = scripted = Scripted()
    yield scripted
    client.cache_clear()
    assert listening.wrong == []


@pytest.fixture
def engine(service: "Scripted", beside: "LocalSqlEngine") -> "AthenaSqlEngine":
    """Athena's engine over it."""
    from tallybrook.ports.sql.aws.athena import AthenaSqlEngine
    from tallybrook.ports.sql.aws.service import Athena

    return AthenaSqlEngine(beside, Athena("tb-x", "tb_x"), settled=lambda: True)
