"""SQL engines as their suite opens them: DuckDB over a data directory, DuckDB over a stack, and
Athena over the same stack.

Athena is our own stand-in on the loopback (``tests.support.athena``), which speaks the service's
protocol and reads the lake as Athena is told to: by the Glue tables that the stack has, their
projection and the manifests. The emulator's own reads no manifests, and moto's computes nothing.
"""

import asyncio
import itertools
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

from tallybrook.ports.sql import Limits, QueryRequest, QueryResult, SqlEngine
from tallybrook.ports.sql.local import LocalSqlEngine
from tests.contracts.sources import Data, open_data
from tests.support.waiting import is_gone

MEMORY_BYTES = 192 * 1024 * 1024
ALL = "date >= date '2000-01-01'"
ENDLESS = "SELECT count(*) FROM " + ", ".join(
    f"UNNEST(sequence(1, 100000)) AS t{n}(x{n})" for n in range(4)
)


class Place:
    """A log, a lake and an engine over them, which the tests of the suite share: each has accounts
    of its own (``account``), and what it appends comes after what is there (``data.head``)."""

    _numbers = itertools.count(1)

    def __init__(self, data: Data, engine: SqlEngine, runner: asyncio.Runner, writes: int) -> None:
        self.data, self.engine, self.runner = data, engine, runner
        self.writes = writes
        """How often the lake is written in a test of that: a commit on AWS takes long."""

    def account(self) -> str:
        return f"a{next(self._numbers)}x"

    @property
    def children(self) -> LocalSqlEngine:
        """The engine, where it has processes of its own."""
        assert isinstance(self.engine, LocalSqlEngine)
        return self.engine

    def settle(self) -> None:
        """Bring what was appended to where the engine reads it: nothing to do where it reads the
        log itself."""

    def ask(self, sql: str, account: str = "acme", **fields: Any) -> QueryResult:
        """An answer, of what is there."""
        request = QueryRequest(account_id=account, sql=sql, **fields)
        return self.runner.run(self.engine.run(request))

    def run(self, sql: str, account: str = "acme", **fields: Any) -> QueryResult:
        """An answer, of everything that was appended."""
        self.settle()
        return self.ask(sql, account, **fields)

    def busy(self) -> bool:
        """Whether a statement that nobody waits for is still computed."""
        return not all(map(is_gone, self._pids))

    def watch(self) -> None:
        """From here on ``busy`` tells of what runs now."""
        self._pids = self.children.pids

    @contextmanager
    def while_written(self, write: Callable[[], None]) -> Iterator[Iterator[int]]:
        """Numbers for as long as the lake is written by another thread."""
        stop = threading.Event()

        def work() -> None:
            try:
                for _ in range(self.writes):
                    write()
            finally:
                stop.set()

        writer = threading.Thread(target=work)
        writer.start()
        try:
            yield itertools.takewhile(lambda _: not stop.is_set(), itertools.count())
        finally:
            writer.join()


class AthenaPlace(Place):
    """The same over Athena, which reads the lake's last commit. ``service`` is the stand-in."""

    def __init__(self, data: Data, engine: SqlEngine, runner: asyncio.Runner, service: Any) -> None:
        super().__init__(data, engine, runner, 1)
        self.service = service

    def settle(self) -> None:
        self.data.flush()

    def busy(self) -> bool:
        return bool(self.service.busy)

    def watch(self) -> None:
        """It is asked when it is told."""

    @contextmanager
    def while_written(self, write: Callable[[], None]) -> Iterator[Iterator[int]]:
        """Two statements, which the lake is written in the middle of."""
        self.service.between = write
        try:
            yield iter(range(2))
        finally:
            self.service.between = lambda: None


class Places:
    """Each opened once; closed together."""

    def __init__(self, folder: Path, stack: Callable[[], str], patch: Any) -> None:
        self._folder, self._stack, self._patch = folder, stack, patch
        self._open: dict[str, Place] = {}
        self._exits = ExitStack()
        self._runner = self._exits.enter_context(asyncio.Runner())
        self._name = ""

    def open(self, name: str) -> Place:
        if name not in self._open:
            self._open[name] = self._athena() if name == "athena" else self._children(name)
        return self._open[name]

    def close(self) -> None:
        self._exits.close()

    def _stack_name(self) -> str:
        self._name = self._stack()
        return self._name

    def _children(self, name: str) -> Place:
        folder = self._folder / name
        folder.mkdir()
        data = self._exits.enter_context(
            closing(open_data(name, folder, self._stack_name, manifests=True))
        )
        engine = LocalSqlEngine(data.source, children=1, limits=Limits(MEMORY_BYTES, 2))
        self._runner.run(engine.start())
        self._exits.callback(lambda: self._runner.run(engine.close()))
        return Place(data, engine, self._runner, 15 if name == "local" else 4)

    def _athena(self) -> Place:
        from tallybrook.lake.ddl import database_of, table_input
        from tallybrook.lake.tables import TABLES
        from tallybrook.ports.aws.clients import client
        from tallybrook.ports.sql.aws.athena import AthenaSqlEngine
        from tallybrook.ports.sql.aws.service import Athena
        from tests.support.athena import Executing, serving
        from tests.support.athena.catalog import Catalog

        beside = self.open("aws")
        stack, database, bucket = self._name, database_of(self._name), f"{self._name}-lake"
        tables = {name: table_input(table, bucket) for name, table in TABLES.items()}
        catalog = Catalog(tables, client("s3"), self._folder / "athena")
        service = Executing(catalog, stack, database)
        listening = self._exits.enter_context(serving())
        listening.service = service
        self._exits.callback(service.close)
        with self._elsewhere(listening.environment):
            engine = AthenaSqlEngine(beside.engine, Athena(stack, database), settled=lambda: True)
        self._exits.callback(lambda: self._runner.run(engine.close()))
        return AthenaPlace(beside.data, engine, self._runner, service)

    @contextmanager
    def _elsewhere(self, environment: dict[str, str]) -> Iterator[None]:
        """For as long as the client of Athena is made, which keeps where it is."""
        from tallybrook.ports.aws.clients import client

        client.cache_clear()
        with self._patch.context() as patch:
            patch.setenv("AWS_ENDPOINT_URL_ATHENA", environment["AWS_ENDPOINT_URL_ATHENA"])
            yield
        client.cache_clear()


def opened(folder: Path, stack: Callable[[], str], patch: Any) -> AbstractContextManager[Places]:
    return closing(Places(folder, stack, patch))
