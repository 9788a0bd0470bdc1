"""``/graphql`` over real stores and real keys, on a free loopback port."""

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from msgspec import Struct
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tallybrook.accounts.keys import ALL_SCOPES, KeyRing
from tallybrook.entrypoints.server import problems
from tallybrook.entrypoints.server.auth import Gate
from tallybrook.entrypoints.server.graphql import Endpoint as GraphqlEndpoint
from tallybrook.errors import TallybrookError
from tallybrook.graphql.ports import Ports
from tallybrook.ports.clock import Clock, system_clock
from tallybrook.ports.counters.local import SqliteCounters
from tallybrook.ports.graphql.client import Endpoint
from tallybrook.ports.keys.local import SqliteKeys
from tallybrook.ports.log.local import SqliteLog
from tallybrook.ports.metrics.local import SqliteMetrics
from tallybrook.ports.records.local import SqliteRecords
from tallybrook.records.reading import RecordReader
from tallybrook.wiring import EFFECTS
from tests.support import wait_for

Spoil = Callable[[int], Response | None]
"""Called with the number of the request; an answer is given instead of the API's."""


class Served(Struct):
    """A served API and what is behind it."""

    url: str
    ports: Ports
    ring: KeyRing
    counters: SqliteCounters
    asked: list[int]
    spoil: Spoil | None = None
    clients: dict[str, httpx.Client] = {}

    def key(self, account_id: str = "acme", **options: Any) -> str:
        scopes = options.pop("scopes", ALL_SCOPES)
        return self.ring.create(account_id, scopes, **options)[1]

    def endpoint(self, account_id: str = "acme") -> Endpoint:
        return Endpoint(self.url, self.key(account_id))

    def http(self, account_id: str = "acme", **options: Any) -> httpx.Client:
        headers = {"x-api-key": self.key(account_id, **options)}
        return httpx.Client(headers=headers, trust_env=False, timeout=30)

    def ask(self, query: str, account_id: str = "acme", **variables: Any) -> Any:
        """The answer to a query, data and errors."""
        if account_id not in self.clients:
            self.clients[account_id] = self.http(account_id)
        reply = self.clients[account_id].post(
            self.url, json={"query": query, "variables": variables}
        )
        assert reply.status_code == 200, reply.text
        return reply.json()


async def run(function: Callable[..., Any], *args: Any) -> Any:
    return await asyncio.to_thread(function, *args)


def _app(served: Served, endpoint: GraphqlEndpoint) -> Starlette:
    async def answer(request: Request) -> Response:
        served.asked.append(len(served.asked))
        spoiled = served.spoil(served.asked[-1]) if served.spoil else None
        return spoiled or await endpoint(request)

    handlers = {
        TallybrookError: problems.on_error,
        HTTPException: problems.on_http_exception,
        Exception: problems.on_unexpected,
    }
    route = Route("/graphql", answer, methods=["GET", "POST"])
    return Starlette(routes=[route], exception_handlers=handlers)  # type: ignore[arg-type]


@contextmanager
def serving_graphql(
    folder: Path, *, counted_here: bool = True, clock: Clock = system_clock
) -> Iterator[Served]:
    """Serve it. Without ``counted_here`` its metrics come from outside alone."""
    log = SqliteLog(folder / "log.db", EFFECTS, clock=clock)
    counters, shelf = SqliteCounters(folder / "log.db"), SqliteRecords(folder / "log.db")
    sink = SqliteMetrics(folder / "metrics.db", counters if counted_here else None, clock)
    ring = KeyRing(SqliteKeys(folder / "keys.db"), clock)
    ports = Ports(shelf, sink, log, RecordReader(), clock)
    listening = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listening.getsockname()[1]}/graphql"
    served = Served(url, ports, ring, counters, [])
    app = _app(served, GraphqlEndpoint(ports, Gate(ring), run))
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        wait_for(lambda: server.started or not thread.is_alive(), 20, "the server")
        yield served
    finally:
        for client in served.clients.values():
            client.close()
        server.should_exit = True
        thread.join(20)
        sink.close()
        counters.close()
        shelf.close()
        log.close()
