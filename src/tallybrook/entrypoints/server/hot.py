"""The collecting calls, answered in front of ASGI.

The plain routes stay the reference: this way takes only requests that are plainly simple (one of
three paths, a known content type, an honest length, no compression, nothing in flight on the
connection) and hands the same bytes to the same functions. Everything else, and every pipelined
request, goes to the application as if this class were not there.

A client sends the same request head again and again, but for the length. A head that was parsed,
found simple and complete with its body in one piece is remembered; the same bytes at the start of
a later piece mean the same, and need no parsing.
"""

import asyncio
from collections.abc import Callable
from typing import cast

import msgspec
from msgspec import Struct
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from tallybrook.entrypoints.server.auth import Principal
from tallybrook.entrypoints.server.collect import (
    Intake,
    Plan,
    plan_batch,
    plan_event,
    plan_ndjson,
)
from tallybrook.entrypoints.server.context import Context
from tallybrook.entrypoints.server.handoff import Outcome
from tallybrook.entrypoints.server.problems import CONTENT_TYPE, headers_of, problem_of
from tallybrook.errors import StorageError, TallybrookError, TerminalError
from tallybrook.events.batches import MAX_BATCH_BYTES
from tallybrook.events.model import MAX_EVENT_BYTES

MakePlan = Callable[[bytes, Principal, int, Intake], Plan]

_JSON = (b"application/json", b"application/json; charset=utf-8")
_CALLS: dict[tuple[bytes, bytes], tuple[MakePlan, int]] = {
    **{(b"/events", kind): (plan_event, MAX_EVENT_BYTES) for kind in _JSON},
    **{
        (path, kind): (plan, MAX_BATCH_BYTES)
        for path in (b"/events/batch", b"/batch/events")
        for kind, plan in (
            *((kind, plan_batch) for kind in _JSON),
            (b"application/x-ndjson", plan_ndjson),
        )
    },
}
_PATHS = frozenset(path for path, _ in _CALLS)
_COLD = frozenset((b"transfer-encoding", b"content-encoding", b"expect", b"upgrade"))
_MAX_HEADS = 4096
MAX_HEAD_BYTES = 64 * 1024
_MAX_HEAD_BYTES = 2048


class HeadTooLargeError(TerminalError):
    """The request line and headers are over their bound; the connection is closed."""

    status, slug, title = 431, "head-too-large", "Request head too large"


class Head(Struct, gc=False):
    """What a simple request head says. ``principal`` is looked up anew for each request."""

    plan: MakePlan
    authorization: bytes
    length: int
    keep_alive: bool


_heads: dict[bytes, Head] = {}


class HotCycle:
    """Stands where uvicorn keeps its request cycle, so that it queues what is pipelined."""

    __slots__ = ("disconnected", "keep_alive", "message_event", "more_body", "response_complete")

    def __init__(self, keep_alive: bool) -> None:
        self.keep_alive = keep_alive
        self.disconnected = False
        self.more_body = True
        self.response_complete = False
        self.message_event = self

    def set(self) -> None:
        """Nobody waits for the body: it is taken when it is complete."""


class HotProtocol(HttpToolsProtocol):
    """uvicorn's HTTP protocol with a short way for collecting."""

    context_of: Callable[[], Context | None] = staticmethod(lambda: None)
    """Set on a subclass: the running server, None before startup and after shutdown."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._head: Head | None = None
        self._parts: list[bytes] = []
        self._plan: Plan | None = None
        self._between = True
        self._settled = self._finish  # bound once, used for every request
        self._mine = HotCycle(keep_alive=True)
        self._in_head = True
        self._head_bytes = 0
        self._active_at = self.loop.time()
        self._idle_check = self.loop.call_later(self.timeout_keep_alive, self._check_idle)

    def connection_lost(self, exc: Exception | None) -> None:
        self._idle_check.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._between and (self.cycle is None or self.cycle.response_complete):
            end = data.find(b"\r\n\r\n", 0, _MAX_HEAD_BYTES) + 4
            known = _heads.get(data[:end])
            if known is not None and len(data) == end + known.length:
                if self.timeout_keep_alive_task is not None:
                    self._unset_keepalive_if_required()
                self._take(known, data[end:])
                return
            self._parse(data)
            self._remember(data, end)
            return
        self._parse(data)

    def _parse(self, data: bytes) -> None:
        """uvicorn's way, with a bound on the request line and the headers."""
        self._active_at = self.loop.time()
        super().data_received(data)
        if not self._in_head or self._between:
            self._head_bytes = 0
            return
        self._head_bytes += len(data)
        if self._head_bytes > MAX_HEAD_BYTES and not self.transport.is_closing():
            self._mine = HotCycle(keep_alive=False)
            self._refuse(HeadTooLargeError(f"a request head is at most {MAX_HEAD_BYTES} bytes"))

    def _remember(self, data: bytes, end: int) -> None:
        """Keep the head if the whole of ``data`` was one simple request."""
        head = self._head
        if head is not None and self._between and len(data) == end + head.length:
            if len(_heads) >= _MAX_HEADS:
                _heads.clear()
            _heads[data[:end]] = head

    def on_message_begin(self) -> None:
        # The scope is built only for requests that go to the application.
        self._between = False
        self._in_head = True
        self.url = b""
        self.expect_100_continue = False
        self.headers = []
        self._head = None

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._head = self._plainly_simple() if self.url in _PATHS else None
        if self._head is not None:
            self._parts = []
            self._mine = HotCycle(self._head.keep_alive)
            self.cycle = cast("RequestResponseCycle", self._mine)
            return
        url, headers, expects = self.url, self.headers, self.expect_100_continue
        super().on_message_begin()
        self.url, self.headers, self.expect_100_continue = url, headers, expects
        self.scope["headers"] = headers
        super().on_headers_complete()

    def _plainly_simple(self) -> Head | None:
        if not (self.cycle is None or self.cycle.response_complete):
            return None
        headers = dict(self.headers)
        call = _CALLS.get((self.url, headers.get(b"content-type", b"")))
        length, authorization = headers.get(b"content-length", b""), headers.get(b"authorization")
        if (
            call is None
            or authorization is None
            or len(headers) != len(self.headers)
            or not _COLD.isdisjoint(headers)
            or not (len(length) < 8 and length.isdigit() and int(length) <= call[1])
            or self.parser.get_method() != b"POST"
            or self.parser.get_http_version() != "1.1"
            or self.context_of() is None
        ):
            return None
        return Head(call[0], authorization, int(length), self.parser.should_keep_alive())

    def on_body(self, body: bytes) -> None:
        if self._head is None:
            super().on_body(body)
        else:
            self._parts.append(body)

    def on_message_complete(self) -> None:
        self._between = True
        if self._head is None:
            super().on_message_complete()
        else:
            self._take(self._head, b"".join(self._parts))

    def _take(self, head: Head, body: bytes) -> None:
        """Plan the write of a complete simple request and hand it in."""
        context = self.context_of()
        self._mine = HotCycle(head.keep_alive)
        self.cycle = cast("RequestResponseCycle", self._mine)
        try:
            if context is None:
                raise StorageError("the server is stopping")
            principal = context.gate.identify_header(head.authorization)
            principal.require("write")
            plan = self._plan = head.plan(body, principal, context.clock(), context.intake)
            context.handoff.submit(plan.write, self._settled)
        except TallybrookError as error:
            if context is not None:
                context.telemetry.throttled += error.status == 429
            self._refuse(error)

    def _finish(self, outcome: Outcome) -> None:
        plan, self._plan = self._plan, None
        if isinstance(outcome, TallybrookError):
            self._refuse(outcome)
        elif plan is not None:
            self._reply(b"202 Accepted", b"application/json", plan.reply(outcome))

    def _refuse(self, error: TallybrookError) -> None:
        extra = "".join(f"\r\n{k}: {v}" for k, v in headers_of(error).items())
        status = f"{error.status} {error.title}".encode()
        body = msgspec.json.encode(problem_of(error))
        self._reply(status, (CONTENT_TYPE + extra).encode(), body)

    def _reply(self, status: bytes, kind: bytes, body: bytes) -> None:
        # Not self.cycle: that is by now the one of a request that came in behind.
        cycle = self._mine
        cycle.response_complete = True
        if self.transport.is_closing():
            return
        close = b"" if cycle.keep_alive else b"connection: close\r\n"
        self.transport.write(
            b"HTTP/1.1 %b\r\ncontent-type: %b\r\ncontent-length: %d\r\n%b%b\r\n%b"
            % (status, kind, len(body), close, _lines(self.server_state.default_headers), body)
        )
        self.server_state.total_requests += 1
        if not cycle.keep_alive:
            self.transport.close()
        elif self.pipeline or self.flow.read_paused:
            self.on_response_complete()  # uvicorn goes on with what was queued behind
        else:
            self._active_at = self.loop.time()

    def _check_idle(self) -> None:
        """Close what sends nothing: between requests, inside a head, inside a simple body.

        uvicorn sets a timer a request; one a connection that looks at the time is enough, and
        sees half a request too.
        """
        if self.transport.is_closing() or self.transport.get_protocol() is not self:
            return
        idle_s = self.loop.time() - self._active_at
        awaited = self._between or self._in_head or self._head is not None
        answering = self._between and self.cycle is not None and not self.cycle.response_complete
        if awaited and not answering and idle_s >= self.timeout_keep_alive:
            self.transport.close()
            return
        again_s = self.timeout_keep_alive - idle_s
        again_s = again_s if again_s > 0 else self.timeout_keep_alive
        self._idle_check = self.loop.call_later(again_s, self._check_idle)


_last: tuple[object, bytes] = (None, b"")


def _lines(headers: list[tuple[bytes, bytes]]) -> bytes:
    """uvicorn's own headers (the date), put together once a second."""
    global _last
    if _last[0] is not headers:
        _last = (headers, b"".join(b"%b: %b\r\n" % pair for pair in headers))
    return _last[1]


def protocol_for(context_of: Callable[[], Context | None]) -> type[asyncio.Protocol]:
    """The protocol class of one server."""
    return type("ServerProtocol", (HotProtocol,), {"context_of": staticmethod(context_of)})
