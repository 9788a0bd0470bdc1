"""The live view: snapshot, deltas, resume, slow clients (SPEC 1)."""

import json
import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from tallybrook.entrypoints.server import hub
from tallybrook.reaching import NO_AUTHORITIES
from tests.server.running import Account, Running, assert_problem, event
from tests.support import wait_for

WITHIN_S = 10.0


@contextmanager
def watching(
    server: Running, key: str, *topics: str, since: int | None = None
) -> Iterator[ClientConnection]:
    """A WebSocket that asked for topics, as a browser can: the key as subprotocol."""
    protocols: Any = ["tallybrook", f"key.{key}"]
    url = server.url.replace("http", "ws") + "/live"
    with connect(url, subprotocols=protocols, proxy=None) as socket_:
        assert socket_.subprotocol == "tallybrook"
        asked = {"subscribe": list(topics)} | ({} if since is None else {"since": since})
        socket_.send(json.dumps(asked))
        yield socket_


def told(
    socket_: ClientConnection, kind: str | None = None, within_s: float = WITHIN_S
) -> dict[str, Any]:
    """The next message (of a type)."""
    while True:
        message: dict[str, Any] = json.loads(socket_.recv(timeout=within_s))
        if kind is None or message["type"] == kind:
            return message


def changes(socket_: ClientConnection, series: str, count: int) -> dict[str, Any]:
    """The delta in which the count of a series comes to ``count``."""
    while True:
        delta = told(socket_, "delta")
        found = [c["count"] for c in delta["data"]["changes"] if c["series"] == series]
        if found == [count]:
            return delta


def now() -> str:
    """One instant for all events of a test, so that they share a minute."""
    return datetime.now(UTC).isoformat()


def test_a_snapshot_then_deltas(server: Running, account: Account) -> None:
    """First what is, then what changes, with absolute counts of minute buckets."""
    account.send(event("before"))
    with watching(server, account.key, "metrics") as live:
        first = told(live)
        assert (first["type"], first["topic"]) == ("snapshot", "metrics")
        data = first["data"]
        assert {s["series"] for s in data["series"]} == {"before"}
        assert sum(m["count"] for m in data["minutes"]) == 1
        assert data["check"]["ok"]
        stamp = now()
        account.send(event("after", timestamp=stamp), event("after", timestamp=stamp))
        delta = changes(live, "after", 2)
        assert delta["topic"] == "metrics"
        assert delta["seq"] == server.context.log.head
        change = next(c for c in delta["data"]["changes"] if c["series"] == "after")
        assert change["kind"] == "event"
        assert change["minute"].endswith(":00Z")
        account.http.put("/records/items/a", json={"createdAt": change["minute"]})
        changes(live, "items", 1)
        account.http.delete("/records/items/a")
        delta = changes(live, "items", 0)
        assert delta["data"]["changes"][0]["delta"] == -1


def test_failed_records_come_live(server: Running, account: Account) -> None:
    """The failed topic: what is open, then each new one."""
    account.send({"user_id": "one"})
    with watching(server, account.key, "failed") as live:
        (found,) = told(live)["data"]["failed"]
        assert json.loads(found["body"]) == {"user_id": "one"}
        account.send({"user_id": "two"})
        while json.loads(found["body"]) != {"user_id": "two"}:
            found = told(live, "delta")["data"]["failed"][-1]


def test_going_on_after_a_break(server: Running, account: Account) -> None:
    """With the last seq seen: what was missed, without a snapshot; with one too old: a snapshot."""
    with watching(server, account.key, "metrics") as live:
        told(live, "snapshot")
        account.send(event("gap"))
        last = changes(live, "gap", 1)["seq"]
    account.send(event("gap"))
    wait_for(lambda: server.server.hub.seq > last, WITHIN_S)
    with watching(server, account.key, "metrics", since=last) as live:
        missed = told(live)
        assert missed["type"] == "delta"
        assert missed["seq"] > last
    for since in (10**12, -1):
        with watching(server, account.key, "metrics", since=since) as live:
            assert told(live)["type"] == "snapshot"


def test_failures_missed_in_a_break_are_not_lost(server: Running, account: Account) -> None:
    """A commit of failed records alone takes no sequence number and is told all the same."""
    account.send(event("move"))
    with watching(server, account.key, "metrics", "failed") as live:
        told(live, "snapshot")
        account.send(event("move"))
        last = told(live, "delta")["seq"]
    name = account.send({"user_id": "lost"})["results"][0]["error"]["failed_id"]
    memory = server.server.hub._memory
    wait_for(lambda: name in str(memory.get((account.account_id, "failed"))), WITHIN_S)
    with watching(server, account.key, "failed", since=last) as live:
        wanted: list[str] = []
        while name not in wanted:
            wanted = [found["failed_id"] for found in told(live, within_s=3)["data"]["failed"]]


def test_accounts_are_apart_live(server: Running, new_account: Callable[..., Account]) -> None:
    """A client hears nothing of another account, neither at first nor later."""
    mine, rival = new_account(), new_account()
    rival.send(event("rival-secret"), {"rival-secret": 1})
    with watching(server, mine.key, "metrics", "failed") as live:
        seen = [told(live), told(live)]
        rival.send(event("rival-secret"), {"rival-secret": 1})
        mine.send(event("mine"))
        while "mine" not in json.dumps(seen[-1]):
            seen.append(told(live))
    assert "rival-secret" not in json.dumps(seen)


def test_unknown_topics(server: Running, account: Account) -> None:
    """An error that names it; the known ones are served."""
    with watching(server, account.key, "nonsense", "metrics") as live:
        seen = {message["type"]: message for message in (told(live), told(live))}
        assert "nonsense" in seen["error"]["detail"]
        assert seen["snapshot"]["topic"] == "metrics"


def test_asking_anew(server: Running, account: Account) -> None:
    """A second subscription replaces the first."""
    with watching(server, account.key, "metrics") as live:
        assert told(live)["topic"] == "metrics"
        live.send('{"subscribe":["failed"]}')
        assert told(live, "snapshot")["topic"] == "failed"


@pytest.mark.parametrize("message", ["", "x", "[]", "{}", '{"subscribe":5}', b"\x00", "[" * 60_000])
def test_messages_that_are_none(server: Running, account: Account, message: Any) -> None:
    """Close that connection with 4400 and the reason, and no other."""
    with watching(server, account.key, "metrics") as live:
        live.send(message)
        with pytest.raises(ConnectionClosed) as caught:
            told(live, "never")
    assert caught.value.rcvd is not None
    assert caught.value.rcvd.code == 4400
    assert account.http.get("/health").status_code == 200


def test_live_keys(server: Running, new_account: Callable[..., Account]) -> None:
    """An unknown key, none, or one that may not read: closed with 4401."""
    url = server.url.replace("http", "ws") + "/live"
    for protocols in (
        None,
        ["tallybrook"],
        ["key.nope"],
        [f"key.{new_account(scopes=['write']).key}"],
    ):
        with connect(url, subprotocols=protocols, proxy=None) as live:  # type: ignore[arg-type]
            with pytest.raises(ConnectionClosed) as caught:
                live.recv(timeout=WITHIN_S)
            assert caught.value.rcvd is not None
            assert caught.value.rcvd.code == 4401
    headers = {"Authorization": f"Bearer {new_account().key}"}
    with connect(url, additional_headers=headers, proxy=None) as live:
        live.send('{"subscribe":["metrics"]}')
        assert told(live)["type"] == "snapshot"


@contextmanager
def streaming(
    account: Account, headers: dict[str, str] | None = None, **params: Any
) -> Iterator[Any]:
    """Server-sent events of GET /live, as (id, message)."""
    with account.http.stream("GET", "/live", params=params, headers=headers) as reply:
        assert reply.status_code == 200
        assert reply.headers["content-type"].startswith("text/event-stream")

        def messages() -> Iterator[tuple[int, dict[str, Any]]]:
            number = -1
            for line in reply.iter_lines():
                if line.startswith("id: "):
                    number = int(line[4:])
                elif line.startswith("data: "):
                    yield number, json.loads(line[6:])

        yield messages()


def test_server_sent_events(server: Running, account: Account) -> None:
    """The same messages for plain clients; Last-Event-ID and ``since`` go on after a break."""
    with account.http.stream("GET", "/live") as _unread, streaming(account) as stream:
        number, first = next(stream)
        assert (first["type"], first["seq"]) == ("snapshot", number)
        account.send(event("sse"))
        number, delta = next(stream)
        assert delta["data"]["changes"][0]["series"] == "sse"
    account.send(event("sse"))
    wait_for(lambda: server.server.hub.seq > number, WITHIN_S)
    with streaming(account, {"Last-Event-ID": str(number)}) as stream:
        assert next(stream)[1]["type"] == "delta"
    with streaming(account, since=number, topics="metrics") as stream:
        assert next(stream)[1]["type"] == "delta"
    with streaming(account, topics="failed,metrics") as stream:
        assert {next(stream)[1]["topic"], next(stream)[1]["topic"]} == {"failed", "metrics"}
    for query in ({"topics": "nonsense"}, {"topics": ""}, {"since": "x"}, {"since": "-1"}):
        assert_problem(account.http.get("/live", params=query), 422)


def _stuck(server: Running, key: str) -> socket.socket:
    """A raw WebSocket with a small window, that asks and then never reads."""
    raw = socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    raw.connect(("127.0.0.1", server.port))
    raw.sendall(
        f"GET /live HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        f"Authorization: Bearer {key}\r\n\r\n".encode()
    )
    answer = b""
    while not answer.endswith(b"\r\n\r\n"):
        answer += raw.recv(1)
    text = b'{"subscribe":["metrics"]}'
    raw.sendall(struct.pack("!BB4s", 0x81, 0x80 | len(text), b"\0\0\0\0") + text)
    return raw


def test_a_slow_client_is_dropped_and_slows_nobody(
    own_server: Callable[..., Running], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client that does not read is given up after a bounded number of messages and told so with
    4408 where it reads again; one beside it gets everything meanwhile."""
    monkeypatch.setattr(hub, "MAX_QUEUED", 4)
    monkeypatch.setattr(hub, "TICK_S", 0.005)
    server = own_server()
    account = server.account("acme")
    telemetry = server.context.telemetry
    raw = _stuck(server, account.key)
    with watching(server, account.key, "metrics") as live:
        told(live, "snapshot")
        wait_for(lambda: telemetry.live_clients == 2, WITHIN_S)
        names = [f"{'x' * 110}{i:03}" for i in range(500)]
        number, stamp = 0, now()

        def lost() -> bool:
            nonlocal number
            account.send(
                *(event(name, event_id=f"{number}{name}", timestamp=stamp) for name in names)
            )
            number += 1
            changes(live, names[-1], number)
            return any(client.lost for client in server.server.hub._clients) or bool(
                telemetry.live_dropped
            )

        wait_for(lost, 40, "the slow client to be given up")
    raw.settimeout(WITHIN_S)
    received, farewell = b"", struct.pack("!H", 4408) + b"too slow: reconnect with the last seq"
    while not received.endswith(farewell):
        received = received[-100:] + raw.recv(1 << 20)
    raw.close()
    wait_for(lambda: telemetry.live_clients == 0, WITHIN_S)
    assert telemetry.live_dropped == 1


def test_clients_that_leave_are_forgotten(own_server: Callable[..., Running]) -> None:
    """However a client leaves, nothing of it stays."""
    server = own_server()
    account = server.account("acme")
    for _ in range(5):
        with watching(server, account.key, "metrics") as live:
            told(live)
        with streaming(account) as stream:
            next(stream)
        _stuck(server, account.key).close()
    wait_for(
        lambda: server.context.telemetry.live_clients == 0 and not server.server.hub._clients,
        WITHIN_S, "all clients to be gone",
    )  # fmt: skip


def test_a_revoked_key_hears_nothing_more(server: Running, account: Account) -> None:
    """Revoking takes effect on connections that are open, too."""
    with watching(server, account.key, "metrics") as live:
        told(live, "snapshot")
        server.keys.revoke(account.key_id)
        with pytest.raises(ConnectionClosed):
            live.recv(timeout=4)


def test_plain_requests_do_not_wait_for_streams(server: Running, account: Account) -> None:
    """Dozens of open streams leave everything else as quick as ever."""
    clients = [httpx.Client(trust_env=False, verify=NO_AUTHORITIES) for _ in range(30)]
    headers = {"Authorization": f"Bearer {account.key}"}
    opened = [c.stream("GET", f"{server.url}/live", headers=headers) for c in clients]
    for stream in opened:
        stream.__enter__()
    try:
        assert account.http.post("/events", json=event()).elapsed.total_seconds() < 2
        assert account.http.get("/series").elapsed.total_seconds() < 2
    finally:
        for client in clients:
            client.close()
