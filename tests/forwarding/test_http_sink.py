"""Posting to a receiver that is real: signed, in order, tried again, refused by name."""

import hashlib
import hmac
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tallybrook.errors import RetryableError
from tallybrook.ports.sinks.web import MAX_BODY_BYTES, HttpSink, batches, retry_after_s
from tests.forwarding.world import NOW_US, item

SECRET = "a secret to sign with"
Answer = tuple[int, dict[str, str], bytes]


class Receiver:
    """Keeps what it took (answers of 2xx); ``answer`` decides by the body."""

    def __init__(self) -> None:
        self.answer: Callable[[Any], Answer] = lambda _body: (202, {}, b"")
        self.calls: list[tuple[dict[str, str], bytes]] = []
        self.taken: list[str] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.calls.append((dict(self.headers), body))
                found = json.loads(body)
                status, headers, answer = receiver.answer(found)
                if status < 300:
                    receiver.taken += names(found)
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(answer))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1/apps/x/events"


def names(body: Any) -> list[str]:
    return [name for one in body["BatchItem"].values() for name in one["Events"]]


@pytest.fixture(scope="module")
def listening() -> Iterator[Receiver]:
    receiver = Receiver()
    thread = threading.Thread(target=receiver.server.serve_forever, args=(0.02,))
    thread.start()
    yield receiver
    receiver.server.shutdown()
    thread.join()
    receiver.server.server_close()


@pytest.fixture
def receiver(listening: Receiver) -> Receiver:
    listening.calls.clear()
    listening.taken.clear()
    listening.answer = lambda _body: (202, {}, b"")
    return listening


@contextmanager
def sink_to(url: str, secret: str = SECRET) -> Iterator[HttpSink]:
    with closing(HttpSink(url, secret, lambda: NOW_US)) as sink:
        yield sink


def test_signed_batches(receiver: Receiver) -> None:
    """A hundred a request, in order, each signed over time and body; the same events again have
    the same batch id."""
    items = [item(n) for n in range(250)]
    with sink_to(receiver.url) as sink:
        assert sink.send(items) == []
        assert sink.send(items[:100]) == []
    assert receiver.taken[:250] == [one.event_id for one in items]
    assert [len(names(json.loads(body))) for _, body in receiver.calls] == [100, 100, 50, 100]
    for headers, body in receiver.calls:
        at, digest = headers["Tallybrook-Signature"].removeprefix("t=").split(",v1=")
        expected = hmac.new(SECRET.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
        assert (digest, int(at)) == (expected, NOW_US // 1_000_000)
    ids = [headers["Tallybrook-Batch-Id"] for headers, _ in receiver.calls]
    assert ids[0] == ids[3]
    assert len(set(ids)) == 3


def test_unsigned_and_with_a_password(receiver: Receiver) -> None:
    """Without a secret nothing is signed; what the address says of a user is sent as such."""
    with sink_to(receiver.url.replace("//", "//key:@"), "") as sink:
        sink.send([item(1)])
    headers, _ = receiver.calls[0]
    assert "Tallybrook-Signature" not in headers
    assert headers["Authorization"] == "Basic a2V5Og=="


@pytest.mark.parametrize("status", [301, 401, 403, 404, 408, 429, 500, 503])
def test_what_blames_no_event(receiver: Receiver, status: int) -> None:
    """It is to be tried again, no sooner than was asked for."""
    receiver.answer = lambda _body: (status, {"Retry-After": "7"}, b"")
    with sink_to(receiver.url) as sink, pytest.raises(RetryableError, match=str(status)) as caught:
        sink.send([item(1)])
    assert caught.value.retry_after_s == 7


def test_nobody_there(receiver: Receiver) -> None:
    """A refused connection and an answer that never ends are both tried again."""
    with sink_to("http://127.0.0.1:1/") as sink, pytest.raises(RetryableError):
        sink.send([item(1)])
    receiver.answer = lambda _body: (202, {"Content-Encoding": "gzip"}, b"not gzip")
    with sink_to(receiver.url) as sink, pytest.raises(RetryableError):
        sink.send([item(1)])


def test_halves_until_the_bad_one_is_alone(receiver: Receiver) -> None:
    """A receiver that refuses whole requests for one event: the others arrive, in order, once."""
    items = [item(n) for n in range(10)]
    bad = items[6].event_id
    receiver.answer = lambda body: (422 if bad in names(body) else 202, {}, b"no such type")
    with sink_to(receiver.url) as sink:
        (refusal,) = sink.send(items)
    assert (refusal.index, refusal.reason) == (6, "refused")
    assert refusal.detail == "the receiver answered 422: no such type"
    assert receiver.taken == [one.event_id for one in items if one.event_id != bad]


def test_refused_by_name(receiver: Receiver) -> None:
    """An answer in PutEvents' own form."""
    items = [item(n, f"k{n}") for n in range(4)]

    def answer(body: Any) -> Answer:
        codes = {items[1].event_id: (400, "bad"), items[2].event_id: (202, "Accepted")}
        results = {
            endpoint: {
                "EventsItemResponse": {
                    name: {"StatusCode": codes[name][0], "Message": codes[name][1]}
                    for name in one["Events"]
                    if name in codes
                }
            }
            for endpoint, one in body["BatchItem"].items()
        }
        return 202, {}, json.dumps({"Results": results}).encode()

    receiver.answer = answer
    with sink_to(receiver.url) as sink:
        (refusal,) = sink.send(items)
        assert (refusal.index, refusal.detail) == (1, "bad")
        receiver.answer = lambda body: (
            202, {}, json.dumps({"Results": {items[0].endpoint: {"EventsItemResponse": {
                items[0].event_id: {"StatusCode": 500, "Message": "later"}}}}}).encode(),
        )  # fmt: skip
        with pytest.raises(RetryableError, match="500"):
            sink.send(items[:1])


def test_bytes_of_a_request() -> None:
    """No body is over what a request may have, as long as no event alone is."""
    items = [item(n, attributes={"t": "x" * 900_000}) for n in range(9)]
    assert [list(one) for one in batches(items)] == [[0, 1, 2, 3], [4, 5, 6, 7], [8]]
    assert MAX_BODY_BYTES > 4 * 900_000
    assert list(batches([])) == []


def test_retry_after() -> None:
    """Seconds or a date; bounded, and at least one."""
    assert [retry_after_s(text) for text in ("", "0", "90", "99999", "soon")] == [1, 1, 90, 3600, 1]
    import time

    assert 50 <= retry_after_s(formatdate(time.time() + 60, usegmt=True)) <= 60
