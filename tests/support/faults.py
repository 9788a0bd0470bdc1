"""A proxy in front of the emulated services that makes chosen calls fail, as the real ones do."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import SHUT_RDWR
from urllib.parse import urlsplit

from msgspec import Struct

from tests.support.calls import tried_again_soon

Verdict = str | None
"""What becomes of a call: None lets it pass; ``drop`` closes the connection without an answer;
``lose`` lets it happen and closes the connection; anything else is the code of an error."""

Judge = Callable[[str, bytes], Verdict]
"""Asked with the operation (``PutItem``, or ``PUT /path`` where the service has no header for it)
and the request's body."""

_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "te", "upgrade", "expect"})


class FaultyServices(Struct):
    """The proxy's address, what it decides by, and the operations that it made fail."""

    endpoint: str
    judge: Judge
    spoiled: list[str]

    @contextmanager
    def failing(self, judge: Judge) -> Iterator[None]:
        """Decide by ``judge`` for a while, in which this process's SDK waits little for a retry."""
        before, self.judge = self.judge, judge
        try:
            with tried_again_soon():
                yield
        finally:
            self.judge = before


def first(count: int, verdict: str, operation: str) -> Judge:
    """The first ``count`` calls of an operation get the verdict, all others pass."""
    lock, seen = threading.Lock(), [0]

    def judge(asked: str, _body: bytes) -> Verdict:
        if asked != operation:
            return None
        with lock:
            seen[0] += 1
            return verdict if seen[0] <= count else None

    return judge


def every_second(count: int, verdict: Verdict, operation: str) -> Judge:
    """So many calls of an operation get the verdict, the one after each of them passes: the SDK's
    next try succeeds without waiting long."""
    lock, seen = threading.Lock(), [0]

    def judge(asked: str, _body: bytes) -> Verdict:
        if asked != operation:
            return None
        with lock:
            seen[0] += 1
            return verdict if seen[0] % 2 and seen[0] < 2 * count else None

    return judge


@contextmanager
def faulty_services(endpoint: str) -> Iterator[FaultyServices]:
    """A proxy to ``endpoint`` on a free loopback port that lets everything pass at first."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    services = FaultyServices(
        f"http://127.0.0.1:{server.server_port}", lambda _operation, _body: None, []
    )
    # The handler is made by the server for each connection, and finds what it needs there.
    server.services, server.target = services, urlsplit(endpoint)  # type: ignore[attr-defined]
    # The end of the server waits for the next look it takes.
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield services
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    """One connection of a client."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True
    """Without these head and body are two packets, and the second waits 40 ms for the first one's
    acknowledgement: at every call."""

    def handle_expect_100(self) -> bool:
        """Go on, said at once: kept in the buffer, it makes every upload to S3 wait a second."""
        going_on = super().handle_expect_100()
        self.wfile.flush()
        return going_on

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        asked = self.headers.get("x-amz-target", "").rpartition(".")[2]
        operation = asked or f"{self.command} {urlsplit(self.path).path}"
        services: FaultyServices = self.server.services  # type: ignore[attr-defined]
        verdict = services.judge(operation, body)
        if verdict is None:
            self._answer(*self._forward(body))
            return
        services.spoiled.append(operation)
        if verdict == "lose":
            self._forward(body)
        if verdict in ("drop", "lose"):
            self.close_connection = True
            self.connection.shutdown(SHUT_RDWR)
            return
        error = {"__type": verdict, "message": "on purpose"}
        kind = [("content-type", "application/x-amz-json-1.0")]
        self._answer(400, kind, json.dumps(error).encode())

    def _forward(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        target = self.server.target  # type: ignore[attr-defined]
        connection = HTTPConnection(target.hostname, target.port, timeout=60)
        try:
            headers = {k: v for k, v in self.headers.items() if k.lower() not in _HOP}
            connection.request(self.command, self.path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.getheaders(), answer.read()
        finally:
            connection.close()

    def _answer(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.send_response_only(status)
        told = _HOP if self.command == "HEAD" else _HOP | {"content-length"}
        for name, value in headers:
            if name.lower() not in told:
                self.send_header(name, value)
        if self.command != "HEAD":
            self.send_header("content-length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        self.wfile.flush()

    def log_message(self, *_: object) -> None:
        """Silence: the requests are the tests' own."""


for _method in ("GET", "POST", "PUT", "DELETE", "HEAD", "PATCH"):
    setattr(_Handler, f"do_{_method}", _Handler._serve)
