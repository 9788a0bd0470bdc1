"""Lambda's Runtime API (2018-06-01) on loopback, for one function's process."""

import queue
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import msgspec
from msgspec import Struct

BASE = "/2018-06-01/runtime"
DEADLINE_MS = 60_000


class Outcome(Struct):
    """How an invocation ended. ``payload`` is what the handler returned, or the error."""

    ok: bool
    payload: Any
    ms: float


class RuntimeApi:
    """What the runtime client asks for work and gives its answers to.

    ``ready`` is set when the client asks for the first time: the init phase is over, at
    ``ready_s`` of the monotonic clock. ``init_error`` is what it said when init failed.
    """

    def __init__(self) -> None:
        self.ready = threading.Event()
        self.ready_s = 0.0
        self.init_error: Any = None
        self.address = ""
        self._events: queue.Queue[bytes] = queue.Queue()
        self._outcomes: queue.Queue[Outcome] = queue.Queue()
        self._given_s = 0.0
        self._number = 0

    def invoke(self, event: bytes, timeout_s: float, lives: Callable[[], bool]) -> Outcome | None:
        """One invocation, one at a time; None after ``timeout_s``, or when it ``lives`` no more."""
        self._events.put(event)
        deadline_s = time.monotonic() + timeout_s
        while lives() and time.monotonic() < deadline_s:
            with suppress(queue.Empty):
                return self._outcomes.get(timeout=0.1)
        return None

    def _asked(self) -> tuple[bytes, str]:
        if not self.ready.is_set():
            self.ready_s = time.monotonic()
            self.ready.set()
        event = self._events.get()
        self._number += 1
        self._given_s = time.monotonic()
        return event, f"00000000-0000-4000-8000-{self._number:012d}"

    def _answered(self, ok: bool, body: bytes) -> None:
        ms = (time.monotonic() - self._given_s) * 1e3
        self._outcomes.put(Outcome(ok, msgspec.json.decode(body) if body else None, ms))

    def _failed_init(self, body: bytes) -> None:
        self.init_error = msgspec.json.decode(body)
        self.ready.set()


def _handler(api: RuntimeApi) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1

        def do_GET(self) -> None:
            event, request_id = api._asked()
            headers = {
                "Lambda-Runtime-Aws-Request-Id": request_id,
                "Lambda-Runtime-Deadline-Ms": str(int(time.time() * 1e3) + DEADLINE_MS),
                "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:us-east-1:000000000000:f",
                "Lambda-Runtime-Trace-Id": "Root=1-0-0;Sampled=0",
            }
            self._reply(200, event, headers)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            # Before the answer: the client's next request may come at once.
            if self.path == f"{BASE}/init/error":
                api._failed_init(body)
            else:
                api._answered(self.path.endswith("/response"), body)
            self._reply(202, b'{"status":"OK"}', {})

        def _reply(self, status: int, body: bytes, headers: dict[str, str]) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Not on the screen."""

    return Handler


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A function that is ended while it asks for work is no error."""


@contextmanager
def serving() -> Iterator[RuntimeApi]:
    """A Runtime API on a free port of the loopback."""
    api = RuntimeApi()
    server = _Server(("127.0.0.1", 0), _handler(api))
    api.address = f"127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield api
    finally:
        server.shutdown()
        server.server_close()
