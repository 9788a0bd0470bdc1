"""Below HTTP's nice parts: pipelines, floods, half requests, bytes that are no requests."""

import json
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from tests.server.running import Account, Running, event

WITHIN_S = 10.0


@contextmanager
def raw(server: Running) -> Iterator[socket.socket]:
    """A plain connection."""
    connection = socket.create_connection(("127.0.0.1", server.port), WITHIN_S)
    try:
        yield connection
    finally:
        connection.close()


def request(
    account: Account, method: str, path: str, body: bytes = b"", *headers: str, close: bool = False
) -> bytes:
    lines = [
        f"{method} {path} HTTP/1.1", "Host: x", f"Authorization: Bearer {account.key}",
        "Content-Type: application/json", f"Content-Length: {len(body)}",
        *headers, *(["Connection: close"] if close else []),
    ]  # fmt: skip
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def until_closed(connection: socket.socket) -> bytes:
    """All that comes; a reset ends it like a close."""
    received = bytearray()
    try:
        while part := connection.recv(1 << 16):
            received += part
    except ConnectionResetError:
        pass
    return bytes(received)


def posted(i: int, **fields: object) -> bytes:
    return json.dumps(event("piped", event_id=f"p{i}", **fields)).encode()


CROSSED = "hot: a reply marks the newest request of the connection as answered, not its own"
UNBOUNDED = "hot: nothing bounds the head of a request"


def test_pipelined_requests(server: Running, account: Account) -> None:
    """Many requests in one piece, quick ones and others mixed, are answered in their order."""
    parts = []
    for i in range(60):
        parts.append(request(account, "POST", "/events", posted(i)))
        if i % 7 == 0:
            parts.append(request(account, "GET", f"/events/none{i}"))
        if i % 11 == 0:
            parts.append(request(account, "POST", "/events", b"{"))
    parts.append(request(account, "GET", "/series", close=True))
    with raw(server) as connection:
        connection.sendall(b"".join(parts))
        received = until_closed(connection)
    expected = []
    for i in range(60):
        expected += [202] + [404] * (i % 7 == 0) + [400] * (i % 11 == 0)
    found = [int(piece[:3]) for piece in received.split(b"HTTP/1.1 ")[1:]]
    assert found == [*expected, 200]
    order = [f"p{i}" for i in range(60)]
    places = [received.index(f'"{name}"'.encode()) for name in order]
    assert places == sorted(places)
    assert account.total("piped") == 60


@pytest.mark.parametrize("size", [1, 7, 100])
def test_requests_in_small_pieces(server: Running, account: Account, size: int) -> None:
    """However a request is cut into packets it is the same request."""
    whole = request(account, "POST", "/events", posted(size)) + request(
        account, "POST", "/events", posted(size + 1), close=True
    )
    with raw(server) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for start in range(0, len(whole), size):
            connection.sendall(whole[start : start + size])
        received = until_closed(connection)
    assert received.count(b"HTTP/1.1 202") == 2


POST = b"POST /events HTTP/1.1\r\nHost: x\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 100,
        b"GET / HTTP/9.9\r\n\r\n",
        b"NONSENSE\r\n\r\n",
        b"GET /\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n",
        POST + b"Content-Length: -5\r\n\r\n",
        POST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        POST + CHUNKED + b"\r\nZZ\r\n",
        POST + CHUNKED + b"Content-Length: 3\r\n\r\nabc",
        b"GET / HTTP/1.1\r\nHost: x\r\nBad Header: y\r\n\r\n",
        b"GET / HTTP/1.1\r\n: y\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\0" * 1000,
    ],
)
def test_bytes_that_are_no_request(server: Running, account: Account, sent: bytes) -> None:
    """Are refused or closed; the server goes on."""
    with raw(server) as connection:
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        received = until_closed(connection)
    assert b"Traceback" not in received
    assert not received or 400 <= int(received[9:12]) < 600
    assert not received.startswith(b"HTTP/1.1 500")
    assert account.http.get("/health").status_code == 200


def test_a_body_shorter_than_it_says(server: Running, account: Account) -> None:
    """Stores nothing when the client goes away in the middle, on the quick way and the other."""
    for path in ("/events", "/ingest"):
        whole = request(account, "POST", path, posted(1))
        with raw(server) as connection:
            connection.sendall(whole[:-5])
    assert account.http.post("/events", content=posted(2)).status_code == 202
    assert account.total("piped") == 1


def test_many_half_requests(server: Running, account: Account) -> None:
    """Two hundred connections that never finish leave the others served."""
    whole = request(account, "POST", "/events", posted(1))
    opened = [socket.create_connection(("127.0.0.1", server.port), WITHIN_S) for _ in range(200)]
    try:
        for i, connection in enumerate(opened):
            connection.sendall(whole[: 5 + i % (len(whole) - 10)])
        for i in range(20):
            reply = account.http.post("/events", content=posted(100 + i))
            assert reply.status_code == 202
            assert reply.elapsed.total_seconds() < 2
    finally:
        for connection in opened:
            connection.close()


def flooded(server: Running, line: bytes, most: int) -> int:
    """Send header lines until the server stops it; how many bytes it took."""
    sent = 0
    with raw(server) as connection:
        connection.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n")
        try:
            while sent < most:
                connection.sendall(line * 64)
                sent += 64 * len(line)
        except (BrokenPipeError, ConnectionResetError):
            pass
    return sent


@pytest.mark.parametrize(
    "line", [b"X-Flood: " + b"x" * 1_000 + b"\r\n", b"a: b\r\n"], ids=["long", "many"]
)
def test_header_floods(server: Running, account: Account, line: bytes) -> None:
    """Headers without end are cut off, whatever they are made of."""
    assert flooded(server, line, 16 << 20) < 16 << 20
    assert account.http.get("/health").status_code == 200


def test_an_endless_request_line(server: Running, account: Account) -> None:
    """Is cut off, too."""
    sent = 0
    with raw(server) as connection:
        connection.sendall(b"GET /")
        try:
            while sent < 16 << 20:
                connection.sendall(b"x" * 65_536)
                sent += 65_536
        except (BrokenPipeError, ConnectionResetError):
            pass
    assert sent < 16 << 20
    assert account.http.get("/health").status_code == 200


def test_large_headers_that_are_fine(account: Account) -> None:
    """Cookies of some kilobytes are nobody's attack."""
    reply = account.http.get("/health", headers={"Cookie": "x" * 8_000})
    assert reply.status_code == 200


def test_waiting_for_the_go_ahead(server: Running, account: Account) -> None:
    """A client that expects 100-continue gets it, and then its answer."""
    body = posted(5)
    head = request(account, "POST", "/events", body, "Expect: 100-continue", close=True)[
        : -len(body)
    ]
    with raw(server) as connection:
        connection.sendall(head)
        assert connection.recv(1000).startswith(b"HTTP/1.1 100")
        connection.sendall(body)
        assert b" 202 " in until_closed(connection)


def test_http_1_0(server: Running, account: Account) -> None:
    """Old clients are answered and the connection closed."""
    whole = request(account, "POST", "/events", posted(9)).replace(b"HTTP/1.1", b"HTTP/1.0", 1)
    with raw(server) as connection:
        connection.sendall(whole)
        assert b" 202 " in until_closed(connection)


def test_the_quick_way_and_the_other_answer_alike(
    server: Running, new_account: Callable[..., Account]
) -> None:
    """The same calls with and without a header that sends them to the application: the same
    status, body and headers."""
    quick, plain = new_account(), new_account()
    plain.http.headers["Content-Encoding"] = "identity"
    bodies = [
        b"{", b"[]", b"", posted(1), posted(1), posted(2, timestamp=5), b"\xff", b'{"events":[]}',
        b'{"events":[' + posted(3) + b"," + posted(1) + b"]}", b'{"events":5}',
        b'{"event_type":"x"}', b"[" * 30_000, posted(4, properties={"x": "y" * 33_000}),
    ]  # fmt: skip
    for path in ("/events", "/events/batch", "/batch/events"):
        for body in bodies:
            replies = [
                account.http.post(path, content=body, headers={"content-type": "application/json"})
                for account in (quick, plain)
            ]
            assert replies[0].status_code == replies[1].status_code, (path, body[:80])
            assert replies[0].text == replies[1].text or replies[0].status_code == 202
            names = [sorted(set(reply.headers) - {"connection"}) for reply in replies]
            assert names[0] == names[1], (path, body[:80])
    assert quick.total("piped") == plain.total("piped")
