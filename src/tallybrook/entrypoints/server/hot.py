"""The two collecting calls, answered in front of ASGI.

The plain routes stay the reference: this way takes only requests that are plainly simple (one of
three paths, a known content type, an honest length, no compression, nothing in flight on the
connection) and hands the same bytes to the same functions. Everything else, and every pipelined
request, goes to the application as if this class were not there.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Protocol, cast

import msgspec
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from tallybrook.entrypoints.server.collect import Plan, begin_batch, begin_event
from tallybrook.entrypoints.server.context import Context
from tallybrook.entrypoints.server.handoff import Outcome
from tallybrook.entrypoints.server.problems import CONTENT_TYPE, headers_of, problem_of
from tallybrook.errors import TallybrookError
from tallybrook.events.batches import MAX_BATCH_BYTES
from tallybrook.events.model import MAX_EVENT_BYTES

_PATHS = {
    b"/events": (begin_event, MAX_EVENT_BYTES),
    b"/events/batch": (begin_batch, MAX_BATCH_BYTES),
    b"/batch/events": (begin_batch, MAX_BATCH_BYTES),
}
_TYPES: dict[bytes, dict[str, str]] = {
    kind: {"content-type": kind.decode()}
    for kind in (b"application/json", b"application/x-ndjson", b"application/json; charset=utf-8")
}
_COLD = frozenset((b"transfer-encoding", b"content-encoding", b"expect", b"upgrade"))
_PHRASES = {202: b"Accepted"}


class HotCycle:
    """Stands where uvicorn keeps its request cycle, so that it queues what is pipelined."""

    __slots__ = ("body", "disconnected", "keep_alive", "message_event", "more_body",
                 "response_complete")  # fmt: skip

    def __init__(self, keep_alive: bool) -> None:
        self.body = b""
        self.more_body = True
        self.disconnected = False
        self.response_complete = False
        self.keep_alive = keep_alive
        self.message_event = self

    def set(self) -> None:
        """Nobody waits for the body: it is taken when it is complete."""


class Begin(Protocol):
    def __call__(self, body: bytes, headers: Mapping[str, str], *rest: Any) -> Plan: ...


class HotProtocol(HttpToolsProtocol):
    """uvicorn's HTTP protocol with a short way for collecting."""

    context_of: Callable[[], Context | None] = staticmethod(lambda: None)
    """Set on a subclass: the running server, None before startup and after shutdown."""

    _hot: tuple[Begin, dict[str, str], bytes] | None = None

    def on_message_begin(self) -> None:
        # The scope is built only for requests that go to the application.
        self.url = b""
        self.expect_100_continue = False
        self.headers = []
        self._hot = None

    def on_headers_complete(self) -> None:
        self._hot = self._plainly_simple()
        if self._hot is not None:
            keep_alive = self.parser.should_keep_alive()
            self.cycle = cast("RequestResponseCycle", HotCycle(keep_alive))
            return
        url, headers, expects = self.url, self.headers, self.expect_100_continue
        super().on_message_begin()
        self.url, self.headers, self.expect_100_continue = url, headers, expects
        self.scope["headers"] = headers
        super().on_headers_complete()

    def _plainly_simple(self) -> tuple[Begin, dict[str, str], bytes] | None:
        found = _PATHS.get(self.url)
        if found is None or not (self.cycle is None or self.cycle.response_complete):
            return None
        headers = dict(self.headers)
        kind = _TYPES.get(headers.get(b"content-type", b""))
        length = headers.get(b"content-length", b"")
        simple = (
            kind is not None
            and len(headers) == len(self.headers)
            and _COLD.isdisjoint(headers)
            and len(length) < 8
            and length.isdigit()
            and int(length) <= found[1]
            and self.parser.get_method() == b"POST"
            and self.parser.get_http_version() == "1.1"
            and self.context_of() is not None
        )
        authorization = headers.get(b"authorization")
        if not simple or authorization is None:
            return None
        return cast("Begin", found[0]), cast("dict[str, str]", kind), authorization

    def on_body(self, body: bytes) -> None:
        if self._hot is None:
            super().on_body(body)
        elif self.cycle.body:
            cast("HotCycle", self.cycle).body += body
        else:
            cast("HotCycle", self.cycle).body = body

    def on_message_complete(self) -> None:
        hot, self._hot = self._hot, None
        if hot is None:
            super().on_message_complete()
            return
        begin, headers, authorization = hot
        context = self.context_of()
        cycle = cast("HotCycle", self.cycle)
        assert context is not None
        try:
            principal = context.gate.identify_header(authorization)
            principal.require("write")
            plan = begin(cycle.body, headers, principal, context.clock(), context.intake)
            context.handoff.submit(plan.write, lambda outcome: self._finish(cycle, plan, outcome))
        except TallybrookError as error:
            context.telemetry.throttled += error.status == 429
            self._refuse(cycle, error)

    def _finish(self, cycle: HotCycle, plan: Plan, outcome: Outcome) -> None:
        if isinstance(outcome, TallybrookError):
            self._refuse(cycle, outcome)
        else:
            self._reply(cycle, b"202 Accepted", b"application/json", plan.reply(outcome))

    def _refuse(self, cycle: HotCycle, error: TallybrookError) -> None:
        extra = "".join(f"\r\n{k}: {v}" for k, v in headers_of(error).items())
        status = f"{error.status} {error.title}".encode()
        body = msgspec.json.encode(problem_of(error))
        self._reply(cycle, status, (CONTENT_TYPE + extra).encode(), body)

    def _reply(self, cycle: HotCycle, status: bytes, kind: bytes, body: bytes) -> None:
        cycle.response_complete = True
        if self.transport.is_closing():
            return
        close = b"" if cycle.keep_alive else b"connection: close\r\n"
        self.transport.write(
            b"HTTP/1.1 %b\r\ncontent-type: %b\r\ncontent-length: %d\r\n%b%b\r\n%b"
            % (status, kind, len(body), close, self._default_headers(), body)
        )
        if not cycle.keep_alive:
            self.transport.close()
        self.on_response_complete()

    def _default_headers(self) -> bytes:
        """uvicorn's own headers (the date), put together once a second."""
        return _lines(self.server_state.default_headers)


_last: tuple[object, bytes] = (None, b"")


def _lines(headers: list[tuple[bytes, bytes]]) -> bytes:
    global _last
    if _last[0] is not headers:
        _last = (headers, b"".join(b"%b: %b\r\n" % pair for pair in headers))
    return _last[1]


def protocol_for(context_of: Callable[[], Context | None]) -> type[asyncio.Protocol]:
    """The protocol class of one server."""
    return type("ServerProtocol", (HotProtocol,), {"context_of": staticmethod(context_of)})
