"""The WebSocket API of the stack: connecting, subscribing, leaving.

``$connect`` checks a key with the scope ``read``: in the headers, as the subprotocol ``key.KEY``,
or as the query parameter ``key``. A message ``{"subscribe": [...]}`` sets the topics of the
connection and is answered with a snapshot of each. What changes afterwards is posted by the
functions that change it.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any

import msgspec
from msgspec import Struct

from tallybrook.entrypoints.lambdas import live, runtime
from tallybrook.entrypoints.server.auth import Gate, presented_key
from tallybrook.errors import InvalidError, NotFoundError, TallybrookError
from tallybrook.live.messages import TOPICS, Subscribe
from tallybrook.ports.sockets import MAX_MESSAGE_BYTES

_SUBSCRIBE = msgspec.json.Decoder(Subscribe)
PROTOCOL = "tallybrook"


class _Context(Struct):
    connection_id: str = msgspec.field(name="connectionId")
    kind: str = msgspec.field(name="eventType")


class _Request(Struct):
    """What of a WebSocket event is used; maps are null where they are empty."""

    context: _Context = msgspec.field(name="requestContext")
    headers: dict[str, str] | None = None
    query: dict[str, str] | None = msgspec.field(name="queryStringParameters", default=None)
    body: str | None = None


@runtime.metered
def handler(event: Mapping[str, Any], context: object) -> dict[str, Any]:
    """One event of the WebSocket API. A refusal is the status of the error that it is."""
    try:
        request = msgspec.convert(event, _Request)
    except msgspec.ValidationError as error:
        runtime.log.warning("not an event of a WebSocket: %s", error)
        return {"statusCode": 400}
    try:
        return _handle(request)
    except TallybrookError as error:
        runtime.log.info("%s: %s", request.context.kind, error.detail)
        return {"statusCode": error.status}


def _handle(request: _Request) -> dict[str, Any]:
    if request.context.kind == "CONNECT":
        return _connect(request)
    if request.context.kind == "DISCONNECT":
        runtime.sockets().disconnect(request.context.connection_id)
    else:
        _message(request.context.connection_id, request.body or "")
    return {"statusCode": 200}


def _connect(request: _Request) -> dict[str, Any]:
    headers = {name.lower(): value for name, value in (request.headers or {}).items()}
    presented = presented_key(headers) or (request.query or {}).get("key")
    principal = gate().identify(presented)
    principal.require("read")
    runtime.sockets().connect(request.context.connection_id, principal.key.account_id)
    offered = headers.get("sec-websocket-protocol", "")
    if PROTOCOL in [protocol.strip() for protocol in offered.split(",")]:
        return {"statusCode": 200, "headers": {"Sec-WebSocket-Protocol": PROTOCOL}}
    return {"statusCode": 200}


def _message(connection_id: str, body: str) -> None:
    """Subscribe first, then answer: what changes in between is told twice, never missed."""
    sockets = runtime.sockets()
    try:
        asked = _SUBSCRIBE.decode(body)
    except (msgspec.MsgspecError, RecursionError):
        sockets.post(connection_id, _error('send {"subscribe": ["metrics"]}'))
        raise InvalidError("not a subscription") from None
    topics = [topic for topic in TOPICS if topic in asked.subscribe]
    connection = sockets.connection(connection_id)
    if connection is None or not sockets.subscribe(connection_id, topics):
        raise NotFoundError("the connection is not registered")
    for unknown in sorted(set(asked.subscribe) - set(TOPICS)):
        sockets.post(connection_id, _error(f"no topic {unknown!r}"))
    for topic in topics:
        message = live.snapshot(connection.account_id, topic, runtime.opened())
        if len(message) > MAX_MESSAGE_BYTES:
            message = _error(f"the snapshot of {topic!r} is larger than a message may be")
        sockets.post(connection_id, message)


def _error(detail: str) -> bytes:
    return msgspec.json.encode({"type": "error", "detail": detail})


@cache
def gate() -> Gate:
    """Knows the keys of this execution environment's stack."""
    return Gate(runtime.opened().stores.keys, required=runtime.settings().auth)


runtime.prepare(gate)
