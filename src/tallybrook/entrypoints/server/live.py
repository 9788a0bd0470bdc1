"""``/live``: snapshots and deltas over a WebSocket, or server-sent events for plain clients."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from functools import partial
from typing import Any, cast

import msgspec
from msgspec import Struct
from starlette.responses import StreamingResponse
from starlette.websockets import WebSocket, WebSocketDisconnect

from tallybrook.entities.telling import AlertsTold, EntitiesTold, every_type, newest_alerts
from tallybrook.entrypoints.server import params
from tallybrook.entrypoints.server.auth import Principal, presented_key
from tallybrook.entrypoints.server.context import Call, Context
from tallybrook.entrypoints.server.hub import Client, Hub
from tallybrook.errors import InvalidError, TallybrookError, UnauthorizedError
from tallybrook.failed.showing import shown
from tallybrook.live.messages import (
    TOPICS,
    LiveTopic,
    Message,
    MetricsSnapshot,
    Subscribe,
    metrics_snapshot,
)

PING_S = 15.0
CHECK_S = 1.0
SEND_S = 10.0
SLOW = 4408
UNAUTHORIZED = 4401
MALFORMED = 4400
PING = b'{"type":"ping"}'


_SUBSCRIBE = msgspec.json.Decoder(Subscribe)


async def websocket(context: Context, hub: Hub, socket: WebSocket) -> None:
    """One WebSocket, from its handshake to its end."""
    offered = socket.headers.get("sec-websocket-protocol", "")
    chosen = "tallybrook" if "tallybrook" in [p.strip() for p in offered.split(",")] else None
    try:
        principal = context.gate.identify(presented_key(socket.headers))
        principal.require("read")
    except TallybrookError as error:
        await socket.accept(chosen)
        await socket.close(UNAUTHORIZED, error.title)
        return
    await socket.accept(chosen)
    context.telemetry.live_clients += 1
    try:
        with suppress(WebSocketDisconnect):
            await _converse(context, hub, socket, principal)
    finally:
        context.telemetry.live_clients -= 1


async def _converse(context: Context, hub: Hub, socket: WebSocket, principal: Principal) -> None:
    """Serve one subscription after another: a new one replaces the one before."""
    sender: asyncio.Task[None] | None = None
    try:
        while True:
            try:
                asked = _SUBSCRIBE.decode(await socket.receive_text())
            except (msgspec.MsgspecError, KeyError):
                await socket.close(MALFORMED, 'send {"subscribe": ["metrics"]}')
                return
            topics = frozenset(cast("list[LiveTopic]", [t for t in asked.subscribe if t in TOPICS]))
            for unknown in set(asked.subscribe) - set(TOPICS):
                await socket.send_text(_error(f"no topic {unknown!r}"))
            if sender is not None:
                sender.cancel()
            client = Client(principal.key.account_id, topics)
            sender = asyncio.create_task(_send(context, hub, socket, client, asked.since))
    finally:
        if sender is not None:
            sender.cancel()


async def _send(
    context: Context, hub: Hub, socket: WebSocket, client: Client, since: int | None
) -> None:
    with suppress(WebSocketDisconnect, RuntimeError):  # the other side is gone
        allowed = partial(context.gate.identify, presented_key(socket.headers))
        try:
            async for message in messages(context, hub, client, since, allowed):
                async with asyncio.timeout(SEND_S):
                    await socket.send_text(message.decode())
        except UnauthorizedError as error:
            await socket.close(UNAUTHORIZED, error.title)
            return
        except TimeoutError:
            pass  # it reads nothing at all: dropped like one that reads too slowly
        context.telemetry.live_dropped += 1
        with suppress(TimeoutError):
            async with asyncio.timeout(SEND_S):
                await socket.close(SLOW, "too slow: reconnect with the last seq")


async def messages(
    context: Context,
    hub: Hub,
    client: Client,
    since: int | None,
    allowed: Callable[[], object],
) -> AsyncIterator[bytes]:
    """What a client is to be told, for as long as it keeps up; ends when it does not.

    The client joins before the snapshot is read, so nothing falls between the two; a delta that
    the snapshot holds already carries an absolute count and changes nothing. ``allowed`` is asked
    all the while and raises ``UnauthorizedError`` once the key is revoked.
    """
    hub.join(client)
    try:
        if hub.before is not None:
            await hub.before(client)
        for topic in TOPICS:
            if topic in client.topics:
                missed = None if since is None else hub.missed(client.account_id, topic, since)
                if missed is None:
                    yield await snapshot(context, hub, client.account_id, topic)
                for message in missed or ():
                    yield message
        quiet_s = 0.0
        while not client.lost:
            allowed()
            following = await client.next(CHECK_S)
            quiet_s = 0.0 if following else quiet_s + CHECK_S
            if following is not None:
                yield following
            elif quiet_s >= PING_S:
                quiet_s = 0.0
                yield PING
    finally:
        hub.leave(client)


async def snapshot(context: Context, hub: Hub, account_id: str, topic: LiveTopic) -> bytes:
    """The first message of a topic."""
    seq = hub.seq
    data: Any = await context.read(_SNAPSHOTS[topic], context, account_id)
    return msgspec.json.encode(Message("snapshot", topic, seq, data))


def _metrics(context: Context, account_id: str) -> MetricsSnapshot:
    return metrics_snapshot(
        context.stores.counters, account_id, context.clock(), context.log.lag_ms()
    )


def _failed(context: Context, account_id: str) -> dict[str, Any]:
    records = context.stores.failed.page(account_id, "open", 50, None)
    return {"failed": [shown(record) for record in records]}


def _entities(context: Context, _account_id: str) -> EntitiesTold:
    return every_type(context.stores.entities().catalog, context.clock())


def _alerts(context: Context, account_id: str) -> AlertsTold:
    opened = context.stores.entities()
    return newest_alerts(opened.state, opened.catalog, account_id, context.clock())


_SNAPSHOTS: dict[LiveTopic, Callable[[Context, str], Any]] = {
    "metrics": _metrics, "failed": _failed, "entities": _entities, "alerts": _alerts,
}  # fmt: skip


def _error(detail: str) -> str:
    return msgspec.json.encode({"type": "error", "detail": detail}).decode()


async def events(call: Call, hub: Hub) -> StreamingResponse:
    """GET /live as server-sent events: the same messages, ``id`` is the sequence number."""
    asked = call.query.get("topics", "metrics").split(",")
    unknown = [topic for topic in asked if topic not in TOPICS]
    if unknown:
        raise InvalidError.of("/topics", f"no topic {unknown[0]!r}")
    client = Client(call.account_id, frozenset(cast("list[LiveTopic]", asked)))
    return StreamingResponse(
        _sse(call, hub, client, _since(call)),
        media_type="text/event-stream",
        headers={"cache-control": "no-store"},
    )


def _since(call: Call) -> int | None:
    """Where to go on: ``since``, or what an EventSource sends when it comes back."""
    given = call.query.get("since") or call.request.headers.get("last-event-id")
    return None if given is None else params.integer({"since": given}, "since", 0, 0, 1 << 62)


async def _sse(call: Call, hub: Hub, client: Client, since: int | None) -> AsyncIterator[bytes]:
    context = call.context
    allowed = partial(context.gate.identify, presented_key(call.request.headers))
    context.telemetry.live_clients += 1
    try:
        with suppress(UnauthorizedError):  # the stream ends; coming back is refused with a reason
            async for message in messages(context, hub, client, since, allowed):
                if message is PING:
                    yield b": ping\n\n"
                else:
                    seq = msgspec.json.decode(message, type=_Seq).seq
                    yield b"id: %d\ndata: %s\n\n" % (seq, message)
    finally:
        context.telemetry.live_clients -= 1


class _Seq(Struct):
    seq: int
