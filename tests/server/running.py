"""The real server in a thread, on a free loopback port."""

import asyncio
import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
import uvloop

from tallybrook.accounts.keys import ALL_SCOPES, KeyRing
from tallybrook.entrypoints.server.app import Server
from tallybrook.entrypoints.server.context import Context
from tallybrook.entrypoints.server.hot import protocol_for
from tallybrook.reaching import NO_AUTHORITIES
from tallybrook.settings import Settings
from tallybrook.wiring import open_keys
from tests.support import wait_for

ADMIN_KEY = "test-admin-key-0123456789"
PROBLEM = "application/problem+json"


class Account:
    """An account's key, and a client that sends it."""

    def __init__(self, url: str, account_id: str, key_id: str, key: str) -> None:
        self.account_id, self.key_id, self.key = account_id, key_id, key
        self.http = httpx.Client(
            base_url=url,
            headers={"Authorization": f"Bearer {key}"},
            timeout=30,
            trust_env=False,
            verify=NO_AUTHORITIES,
        )

    def close(self) -> None:
        self.http.close()

    def get(self, path: str, **params: Any) -> Any:
        """The answer of a GET that succeeds."""
        reply = self.http.get(path, params=params)
        assert reply.status_code == 200, reply.text
        return reply.json()

    def taken_in(self, path: str, body: Any) -> Any:
        """The answer to a JSON body that is taken in (202)."""
        reply = self.http.post(path, json=body)
        assert reply.status_code == 202, reply.text
        return reply.json()

    def send(self, *events: dict[str, Any]) -> Any:
        """Post a batch; the answer."""
        reply = self.http.post("/events/batch", json={"events": list(events)})
        assert reply.status_code == 202, reply.text
        return reply.json()

    def total(self, series: str) -> int:
        """What the counters say a series has."""
        return sum(s["count"] for s in self.get("/series")["series"] if s["series"] == series)


class Running:
    """A started server."""

    def __init__(self, server: Server, port: int, data: Path, stop: Callable[[], None]) -> None:
        self.server, self.port, self.data, self.stop = server, port, data, stop
        self.url = f"http://127.0.0.1:{port}"

    @property
    def context(self) -> Context:
        return self.server.context

    @property
    def keys(self) -> KeyRing:
        """The keys as another process would hold them."""
        return open_keys(self.server.settings)

    def account(self, account_id: str, **options: Any) -> Account:
        scopes = options.pop("scopes", ALL_SCOPES)
        key, text = self.keys.create(account_id, scopes, **options)
        return Account(self.url, account_id, key.key_id, text)


@contextmanager
def serving(data: Path, *, sql: bool = False, **settings: Any) -> Iterator[Running]:
    """A server on ``data``, as ``python -m tallybrook.entrypoints.server`` builds it; ``sql`` for
    one that answers queries, whose process takes longer to start than all the rest."""
    server = Server(Settings(data=str(data), **settings), sql=sql)
    listening = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        server.app,
        http=protocol_for(lambda: server.running),
        log_config=None,
        access_log=False,
        lifespan="on",
        ws="websockets-sansio",
        ws_max_size=64 * 1024,
        timeout_graceful_shutdown=2,
        server_header=False,
    )
    running = uvicorn.Server(config)

    def run() -> None:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(running.serve(sockets=[listening]))

    def stop() -> None:
        running.should_exit = True
        thread.join(30)
        assert not thread.is_alive()

    thread = threading.Thread(target=run, name="server")
    thread.start()
    try:
        wait_for(lambda: running.started or not thread.is_alive(), 40, "the server's start")
        assert running.started
        yield Running(server, listening.getsockname()[1], data, stop)
    finally:
        stop()


def account_of(request: pytest.FixtureRequest, running: Running) -> Iterator[Account]:
    """For a fixture: an account that only the requesting test has."""
    account = running.account(f"a{abs(hash(request.node.name)) % 10**9}")
    yield account
    account.close()


def event(event_type: str = "view", user: str = "u1", **fields: Any) -> dict[str, Any]:
    return {"event_type": event_type, "user_id": user} | fields


def assert_problem(reply: httpx.Response, status: int) -> dict[str, Any]:
    """The one shape of every error: a problem document without a trace of ours."""
    assert reply.status_code == status, reply.text
    assert reply.headers["content-type"] == PROBLEM
    document: dict[str, Any] = json.loads(reply.content)
    assert set(document) <= {"type", "title", "status", "detail", "errors", "failed_id"}
    assert {"type", "title", "status", "detail"} <= set(document)
    assert document["status"] == status
    assert document["title"]
    assert document["detail"]
    for fault in document.get("errors", ()):
        assert set(fault) == {"pointer", "detail"}
        assert fault["pointer"] == "" or fault["pointer"].startswith("/")
    for trace in ("Traceback", "tallybrook.", "site-packages", ".py", "sqlite3", "msgspec"):
        assert trace not in reply.text
    if status in (429, 503):
        assert int(reply.headers["retry-after"]) >= 1
    if status == 401:
        assert "Bearer" in reply.headers["www-authenticate"]
    return document
