"""Events from the client: none lost, none counted twice, whatever happens on the way."""

import json
import multiprocessing
import threading
from datetime import UTC, datetime
from typing import Any

import pytest

from tallybrook.client import Client, QueueFullError, event_builders
from tallybrook.errors import (
    InvalidError,
    RetryableError,
    TooLargeError,
    UnauthorizedError,
    UsageError,
)
from tests.client.conftest import Open
from tests.client.road import Road
from tests.server.running import Account, Running
from tests.support import wait_for


def ping(n: int, event_type: str = "ping") -> dict[str, Any]:
    return event_builders.event(event_type, f"u{n % 7}", n=n)


def numbers(account: Account, event_type: str = "ping") -> list[int]:
    """``n`` of every stored event, sorted."""
    found = [
        event["properties"]["n"]
        for user in range(7)
        for event in account.get(f"/users/u{user}/events", limit=1000)["events"]
        if event["event_type"] == event_type
    ]
    return sorted(found)


def test_events_arrive_by_themselves(client: Client, account: Account) -> None:
    """Tracked events are sent without a flush, under the ids that were given out and the time of
    tracking."""
    before = datetime.now(UTC)
    ids = [client.track_event(ping(n)) for n in range(3)]
    wait_for(lambda: account.total("ping") == 3)
    stored = [client.event(event_id) for event_id in ids]
    assert [event["properties"]["n"] for event in stored] == [0, 1, 2]
    assert all(
        before <= datetime.fromisoformat(e["timestamp"]) <= datetime.now(UTC) for e in stored
    )
    assert ids == sorted(ids)
    assert client.flush().waiting == 0


def test_a_lost_answer_is_no_second_count(open_client: Open, road: Road, account: Account) -> None:
    """A batch that the server took and whose answer got lost is sent again and counted once."""
    client = open_client(road.url, flush_interval_s=60.0)
    road.state = "no way back"
    for n in range(50):
        client.track_event(ping(n))
    with pytest.raises(RetryableError):
        client.flush(0.3)
    wait_for(lambda: account.total("ping") == 50)
    road.state = "open"
    done = client.flush()
    assert road.lost >= 1
    assert (done.accepted, done.duplicate, done.waiting) == (0, 50, 0)
    assert account.total("ping") == 50


def test_away_and_back(open_client: Open, road: Road, account: Account) -> None:
    """While the server is away tracking goes on; when it is back the rest follows in order."""
    client = open_client(road.url, flush_interval_s=0.01)
    road.state = "closed"
    for n in range(600):
        client.track_event(ping(n))
    assert client.stats.waiting == 600
    road.state = "open"
    assert client.flush().waiting == 0
    assert account.total("ping") == 600
    assert numbers(account) == list(range(600))


def test_the_next_client_sends_what_was_left(
    open_client: Open, road: Road, account: Account
) -> None:
    """What a client could not send before it was closed is sent by the next one of the queue
    without being asked."""
    road.state = "closed"
    with open_client(road.url) as first:
        first.track_event(ping(1))
    road.state = "open"
    open_client(road.url)
    wait_for(lambda: account.total("ping") == 1)


def test_over_the_rate(product: Running, open_client: Open) -> None:
    """A key over its rate gets 429 with Retry-After: the client waits as long, and all is counted
    once."""
    slow = product.account("slow", rate=100.0)
    client = Client(product.url, slow.key, queue=":memory:", flush_interval_s=60.0)
    for n in range(501):
        client.track_event(ping(n))
    assert client.flush().accepted == 501
    assert slow.total("ping") == 501
    client.close()
    slow.close()


def test_what_the_product_would_reject(client: Client) -> None:
    """An event that cannot be used is refused when it is tracked, with the product's words."""
    with pytest.raises(InvalidError, match="user_id"):
        client.track_event({"event_type": "x"})
    with pytest.raises(InvalidError, match="event_type"):
        client.track_event({"user_id": "u"})
    with pytest.raises(TooLargeError):
        client.track_event(event_builders.event("x", "u", text="x" * 40_000))
    with pytest.raises(InvalidError, match="offset"):
        client.track_event(event_builders.event("x", "u") | {"timestamp": datetime(2026, 1, 1)})
    with pytest.raises(UsageError, match="JSON"):
        client.track_event(event_builders.event("x", "u", what=object()))
    assert client.stats.waiting == 0


def test_rejected_events_are_told(open_client: Open, account: Account) -> None:
    """An event that passed here and is rejected there is told, counted, kept by the product, and
    stops no other."""
    told: list[tuple[Any, str]] = []
    client = open_client(
        on_rejected=lambda event, why: told.append((event["properties"]["n"], why)),
        flush_interval_s=60.0,
    )
    for n in range(5):
        client.track_event(ping(n))
    # As an older client would have queued it, which knew less of what is refused.
    bad = json.dumps({"event_type": "ping", "event_id": "bad", "properties": {"n": 9}}).encode()
    client._events()._queue.put("bad", bad)
    done = client.flush()
    assert (done.accepted, done.rejected, done.waiting) == (5, 1, 0)
    assert [n for n, _ in told] == [9]
    assert "user_id" in told[0][1]
    assert account.get("/failed")["failed"]


def test_a_revoked_key_keeps_events(product: Running, open_client: Open, account: Account) -> None:
    """Events wait when the key is refused: a flush says so at once, and a client with a key that
    works sends them."""
    queued = open_client(flush_interval_s=60.0)
    queued._line.close()
    wrong = Client(product.url, "x" * 30, queue=queued._options.queue, flush_interval_s=60.0)
    wrong.track_event(ping(1))
    with pytest.raises(UnauthorizedError, match="401"):
        wrong.flush()
    wrong.close()
    assert queued.flush().accepted == 1
    assert account.total("ping") == 1


@pytest.mark.parametrize("queue", [None, ":memory:"])
def test_a_full_queue(open_client: Open, road: Road, account: Account, queue: str | None) -> None:
    """Over its bound the queue raises, or drops what was said, and counts it."""
    road.state = "closed"
    name = {} if queue is None else {"queue": queue}
    limits = {"max_queued_events": 3, "flush_interval_s": 60.0, **name}
    full = open_client(road.url, **limits)
    for n in range(3):
        full.track_event(ping(n))
    with pytest.raises(QueueFullError):
        full.track_event(ping(3))
    oldest = open_client(road.url, **limits | {"when_full": "drop_oldest"})
    for n in range(10, 20):
        oldest.track_event(ping(n))
    assert oldest.stats.dropped == (7 if queue else 10)
    road.state = "open"
    oldest.flush()
    assert numbers(account) == [17, 18, 19]
    newest = open_client(**limits | {"when_full": "drop_newest", "max_queued_bytes": 250})
    for n in range(30, 33):
        newest.track_event(ping(n))
    assert newest.stats.dropped == 2
    if queue:  # what cannot be sent nor kept is not gone in silence
        road.state = "closed"
        road.cut()
        with pytest.raises(RetryableError, match="lost"):
            full.close()


def test_many_threads(client: Client, account: Account) -> None:
    """Threads that share a client track each event once, under ids of their own."""

    def work(start: int) -> None:
        for n in range(start, start + 60):
            client.track_event(ping(n))

    threads = [threading.Thread(target=work, args=(60 * k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    client.flush()
    assert numbers(account) == list(range(240))


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child(client: Client, account: Account) -> None:
    """A child goes on with the client it was given: what parent and child track is each counted
    once, and the child does not send what the parent holds."""
    for n in range(50):
        client.track_event(ping(n))

    def child() -> None:
        for n in range(50, 100):
            client.track_event(ping(n))
        client.flush(20.0)

    process = multiprocessing.get_context("fork").Process(target=child)
    process.start()
    for n in range(100, 150):
        client.track_event(ping(n))
    process.join(30)
    client.flush()
    assert process.exitcode == 0
    assert numbers(account) == list(range(150))


def test_a_closed_client_refuses(open_client: Open) -> None:
    """After close nothing is tracked any more, and closing twice is no error."""
    client = open_client()
    client.track_event(ping(1))
    client.close()
    client.close()
    with pytest.raises(UsageError, match="closed"):
        client.track_event(ping(2))
