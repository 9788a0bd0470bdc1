"""The writer behind, the disk refusing: told so, nothing lost, and back again (SPEC 0.1)."""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest

from tests.server.running import Account, Running, assert_problem, event
from tests.support import wait_for, write_lock_held


@contextmanager
def disk_full(running: Running) -> Iterator[None]:
    """Let SQLite refuse every page beyond those it has, as a full disk does."""
    connection = running.context.log._connection
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count={pages}")
    try:
        yield
    finally:
        connection.execute("PRAGMA max_page_count=4294967294")


@pytest.mark.parametrize("path", ["/events", "/events/batch", "/ingest", "/records/items/a"])
def test_a_writer_that_is_behind(own_server: Callable[..., Running], path: str) -> None:
    """With the queue full: 429 with Retry-After at once, nothing of it stored; what waited is
    stored when the writer is free again, and the same call then works."""
    running = own_server(max_pending=1)
    account = running.account("acme")
    stuck: list[Any] = []
    with write_lock_held(running.data / "log.db"):
        waiting = threading.Thread(
            target=lambda: stuck.append(account.http.post("/events", json=event("first")))
        )
        waiting.start()
        wait_for(lambda: running.context.log.pending == 1)
        assert account.http.get("/series").status_code == 200
        assert account.http.get("/health").status_code == 200
        bodies: dict[str, Any] = {"/events/batch": {"events": [event("second")]}}
        method = "PUT" if path.startswith("/records") else "POST"
        send = lambda: account.http.request(  # noqa: E731
            method, path, json=bodies.get(path, event("second"))
        )
        refused = send()
        assert assert_problem(refused, 429)["type"] == "/docs/errors#backlog-full"
        assert refused.elapsed.total_seconds() < 2
    waiting.join()
    assert stuck[0].status_code == 202
    assert send().status_code in (200, 202)
    assert account.total("first") == 1
    assert account.total("second") == (0 if method == "PUT" else 1)
    assert "tallybrook_requests_throttled_total 1" in account.http.get("/metrics").text


def fill(account: Account) -> Any:
    """Batches, until one is refused; its answer."""
    for number in range(500):
        items = [event("fill", event_id=f"{number}-{i}", properties={"p": "x" * 500})
                 for i in range(100)]  # fmt: skip
        reply = account.http.post("/events/batch", json={"events": items})
        if reply.status_code != 202:
            return reply
    raise AssertionError("the disk never refused")


def test_a_disk_that_refuses(own_server: Callable[..., Running]) -> None:
    """503 with Retry-After on every way of writing, nothing half stored; /ready tells; reading
    goes on; when there is room again the very same calls are accepted, without a restart."""
    running = own_server()
    account = running.account("acme")
    account.send(event("before"))
    with disk_full(running):
        refused = fill(account)
        assert assert_problem(refused, 503)["type"] == "/docs/errors#storage"
        stored = account.total("fill")
        assert stored % 100 == 0
        big = event("one", event_id="one", properties={"p": "x" * 30_000})
        assert_problem(account.http.post("/events", json=big), 503)
        assert_problem(account.http.put("/records/items/a", json={"p": "x" * 30_000}), 503)
        ready = account.http.get("/ready")
        assert ready.status_code == 503 or ready.json()["writer"]["ok"]
        assert account.total("before") == 1
        assert account.http.get("/events/one").status_code == 404
    wait_for(lambda: account.http.get("/ready").status_code == 200)
    assert account.http.post("/events", json=big).json()["status"] == "accepted"
    again = account.http.request(
        refused.request.method, "/events/batch", content=refused.request.content,
        headers={"content-type": "application/json"},
    )  # fmt: skip
    assert again.json()["accepted"] == 100
    assert account.total("fill") == stored + 100
    assert "tallybrook_commit_failures_total" in account.http.get("/metrics").text


def test_ready_tells_of_a_disk_that_refuses(
    own_server: Callable[..., Running], monkeypatch: pytest.MonkeyPatch
) -> None:
    """/ready is 503 from the first refusal until a write works again."""
    running = own_server()
    account = running.account("acme")
    store = running.context.log._store

    def refusing(*_args: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(running.context.log, "_store", refusing)
    assert_problem(account.http.post("/events", json=event()), 503)
    for _ in range(2):
        ready = account.http.get("/ready")
        assert ready.status_code == 503
        assert ready.json()["status"] != "ready"
        assert not ready.json()["writer"]["ok"]
    monkeypatch.setattr(running.context.log, "_store", store)
    assert account.http.get("/ready").status_code == 200
    assert account.http.post("/events", json=event()).status_code == 202


def test_the_same_batches_from_many_clients(account: Account) -> None:
    """Sixteen clients that post the same events at once: each counted once, all adds up."""
    batches = [
        [event("race", event_id=f"{(start + i) % 300}") for i in range(50)]
        for start in range(0, 300, 10)
    ]
    with ThreadPoolExecutor(16) as pool:
        replies = list(pool.map(lambda batch: account.send(*batch), batches * 3))
    assert sum(reply["accepted"] for reply in replies) == 300
    assert sum(reply["duplicate"] for reply in replies) == 90 * 50 - 300
    assert account.total("race") == 300


def test_starting_again_on_the_same_data(own_server: Callable[..., Running]) -> None:
    """A second start finds what the first acknowledged, and still knows the duplicates."""
    first = own_server()
    account = first.account("acme")
    account.send(event("kept", event_id="e"), {"bad": 1})
    head = first.context.log.head
    first.stop()
    again = own_server()
    assert again.context.log.head == head
    other = again.account("acme")
    assert other.send(event("kept", event_id="e"))["duplicate"] == 1
    assert other.total("kept") == 1
    assert len(other.get("/failed")["failed"]) == 1
