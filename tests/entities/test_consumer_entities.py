"""The consumer over the log: once each, whatever is handed over again; and the webhook after it."""

import hashlib
import hmac
import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import msgspec
import pytest

from tallybrook.entities.again import tell_again
from tallybrook.entities.catalog import Catalog
from tallybrook.entities.consumer import EntityConsumer
from tallybrook.entities.library import load
from tallybrook.entities.places import Entity
from tallybrook.entities.reading import one
from tallybrook.errors import InvalidError, TooLargeError, UsageError
from tallybrook.ports.log import Chunk, FailedRecord
from tallybrook.ports.state import Change
from tallybrook.ports.state.local import SqliteState
from tallybrook.settings import Settings
from tallybrook.wiring import open_entity_consumer
from tests.entities.world import NOW_US, Listening, MemoryState, Moving, event
from tests.support.waiting import wait_for

CATALOG = Catalog(load("tutoring"))
SECRET = "a secret of the webhook"


def chunk(first_seq: int, scores: list[int]) -> Chunk:
    lines = [
        msgspec.json.encode(
            event("customer_health_update", {"student_id": "s", "health_score": score},
                  NOW_US - 1_000_000 + first_seq + n, id=f"e{first_seq + n}", seq=first_seq + n)
        )
        for n, score in enumerate(scores)
    ]  # fmt: skip
    return Chunk(first_seq, len(lines), NOW_US, b"\n".join(lines) + b"\n")


def test_redelivery_changes_nothing() -> None:
    """Chunks again, older ones after newer ones: the numbers, the alerts and the position stay."""
    state, bus, failed = MemoryState(), Listening(), list[FailedRecord]()
    consumer = EntityConsumer(state, bus, CATALOG, failed.append, Moving())
    chunks = [chunk(1, [80, 60]), chunk(3, [45, 90, 88])]
    for batch in (chunks, chunks[:1], chunks):
        consumer.handle(batch)
        assert consumer.position() in (5, 5)
    metrics = one(state, CATALOG, Entity("acme", "student", "s"), NOW_US).metrics
    assert metrics["health_score"] == 88
    assert len(bus.notices) == 2
    assert failed == []


class Choosy(MemoryState):
    """Refuses every fact of one student, for good."""

    def write(self, changes: Sequence[Change]) -> list[int]:
        if any(change.partition.endswith("#student#bad") for change in changes):
            raise TooLargeError("on purpose")
        return super().write(changes)


def test_an_event_that_is_refused_holds_up_nobody() -> None:
    """It is a failed record, the others of its batch count, and the position moves on."""
    state, failed = Choosy(), list[FailedRecord]()
    consumer = EntityConsumer(state, Listening(), CATALOG, failed.append, Moving())
    told = [("s", 80), ("bad", 70), ("s", 60)]
    lines = [
        msgspec.json.encode(
            event("customer_health_update", {"student_id": student, "health_score": score},
                  NOW_US - 1_000_000 + n, id=f"e{n}", seq=n)
        )
        for n, (student, score) in enumerate(told, 1)
    ]  # fmt: skip
    consumer.handle([Chunk(1, 3, NOW_US, b"\n".join(lines) + b"\n")])
    assert [record.detail for record in failed] == [": on purpose"]
    assert one(state, CATALOG, Entity("acme", "student", "s"), NOW_US).metrics["health_score"] == 60
    assert consumer.position() == 3


def test_line_that_is_no_event() -> None:
    """It is kept with its account, and those around it count."""
    state, failed = MemoryState(), list[FailedRecord]()
    good = chunk(1, [70, 71])
    bad = b'{"account_id":"acme","seq":2,' + b"\n"
    body = good.body.replace(b"\n", b"\n" + bad, 1)
    EntityConsumer(state, Listening(), CATALOG, failed.append, Moving()).handle(
        [Chunk(1, 3, NOW_US, body)]
    )
    assert [(one.account_id, one.failed_id) for one in failed] == [("acme", "entities-line2")]
    metrics = one(state, CATALOG, Entity("acme", "student", "s"), NOW_US).metrics
    assert metrics["health_score"] == 71


def test_new_definitions_read_the_log_anew() -> None:
    """The position belongs to the definitions it was reached with."""
    state = MemoryState()
    consumer = EntityConsumer(state, Listening(), CATALOG, print, Moving())
    consumer.handle([chunk(1, [70])])
    other = EntityConsumer(state, Listening(), Catalog(load("flights")), print, Moving())
    assert (consumer.position(), other.position()) == (1, 0)


class Receiver:
    """A webhook that refuses so many times."""

    def __init__(self, refuse: int) -> None:
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.refuse = refuse
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.got.append((dict(self.headers), body))
                receiver.refuse -= 1
                self.send_response(503 if receiver.refuse >= 0 else 204)
                self.end_headers()

            def log_message(self, *_args: object) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/alerts"


@contextmanager
def receiving(refuse: int) -> Iterator[Receiver]:
    receiver = Receiver(refuse)
    thread = threading.Thread(target=receiver.server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield receiver
    finally:
        receiver.server.shutdown()
        thread.join()
        receiver.server.server_close()


def _settings(tmp_path: Path, url: str) -> Settings:
    return Settings(data=str(tmp_path), alert_webhook=url, alert_webhook_secret=SECRET)


def test_webhook_is_signed_and_tried_again(tmp_path: Path) -> None:
    """A receiver that was away gets the alert, signed over time and body."""
    with receiving(1) as receiver:
        failed: list[FailedRecord] = []
        with open_entity_consumer(_settings(tmp_path, receiver.url), failed.append) as consumer:
            consumer.handle([chunk(1, [45])])
            wait_for(lambda: len(receiver.got) == 2, 20, "the second try")
    headers, body = receiver.got[1]
    at, digest = headers["Tallybrook-Signature"].removeprefix("t=").split(",v1=")
    expected = hmac.new(SECRET.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    assert digest == expected
    assert json.loads(body)["alert_id"] == headers["Tallybrook-Alert-Id"]
    assert json.loads(body)["alert_type"] == "low_health_score"
    assert failed == []


def test_webhook_gives_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After its tries the alert is a failed record that says why; replayed, it is sent again under
    its own id, once."""
    monkeypatch.setattr("tallybrook.entities.webhook.MAX_TRIES", 1)
    failed: list[FailedRecord] = []
    with (
        receiving(1) as receiver,
        closing(SqliteState(tmp_path / "state.db")) as state,
        open_entity_consumer(_settings(tmp_path, receiver.url), failed.append) as consumer,
    ):
        consumer.handle([chunk(1, [45])])
        wait_for(lambda: bool(failed), 20, "the failed record")
        assert failed[0].reason == "not_delivered"
        assert failed[0].detail == "the webhook answered 503 (after 1 tries)"
        for _ in range(2):
            tell_again(state, failed[0], None)
            consumer.idle()
        wait_for(lambda: len(receiver.got) > 1, 20, "the replay")
    (first, body), (second, again) = receiver.got
    assert body == again
    assert first["Tallybrook-Alert-Id"] == second["Tallybrook-Alert-Id"]
    with pytest.raises(InvalidError):
        tell_again(state, failed[0], b"{}")


@pytest.mark.parametrize(("url", "secret"), [("ftp://x", SECRET), ("http://127.0.0.1/", "short")])
def test_unusable_webhook(url: str, secret: str, tmp_path: Path) -> None:
    """An address that is none, or no secret, is refused at the start."""
    settings = Settings(data=str(tmp_path), alert_webhook=url, alert_webhook_secret=secret)
    with pytest.raises(UsageError), open_entity_consumer(settings, print):
        pass
