"""The HTTP application in a function: started once, in an event loop that outlives invocations.

Between two invocations the loop stands still: nothing runs in it that nobody waits for.
"""

import asyncio
import logging
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Callable, Coroutine, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, TypeVar

import msgspec
from mangum import Mangum

from tallybrook.entrypoints.lambdas import runtime
from tallybrook.entrypoints.server.app import Server
from tallybrook.entrypoints.server.problems import CONTENT_TYPE, headers_of, problem_of
from tallybrook.errors import (
    MalformedError,
    StorageError,
    TallybrookError,
    UnsupportedTypeError,
)
from tallybrook.ports.sql import SqlEngine
from tallybrook.wiring import ensure_admin_key

_TEXT_TYPES = [
    "text/", "application/json", "application/javascript", "application/problem+json",
    "application/x-ndjson", "image/svg+xml",
]  # fmt: skip
_log = logging.getLogger("tallybrook.lambda")


Answer = TypeVar("Answer")


class Web:
    """The running application. Raises what opening the stack raises."""

    def __init__(self, *, sql: bool) -> None:
        ensure_admin_key(runtime.settings())
        self._server = server = Server(runtime.settings(), sql=sql)
        self._lifespan: AbstractAsyncContextManager[Any] = server.app.router.lifespan_context(
            server.app
        )
        self._loop = asyncio.new_event_loop()
        try:
            self._loop.run_until_complete(self._lifespan.__aenter__())
        except BaseException:
            self._loop.close()
            raise
        if server.running is not None:
            runtime.serves(server.running.gate.taken_calls)
        self._adapter = Mangum(server.app, lifespan="off", text_mime_types=_TEXT_TYPES)

    def __call__(self, event: Mapping[str, Any], context: Any) -> dict[str, Any]:
        asyncio.set_event_loop(self._loop)  # the adapter runs the loop that it finds
        return self._adapter(dict(event), context)

    def run(self, use: Callable[[SqlEngine], Coroutine[Any, Any, Answer]]) -> Answer:
        """What comes of using the SQL engine. Raises ``NotFoundError`` where there is none."""
        if self._server.running is None:
            raise StorageError("the application has not started")
        return self._loop.run_until_complete(use(self._server.running.sql))

    def close(self) -> None:
        """End the application; what the log has queued is committed first."""
        self._loop.run_until_complete(self._lifespan.__aexit__(None, None, None))
        self._loop.close()


_open: dict[bool, Web] = {}


def opened(*, sql: bool) -> Web:
    """The one of this execution environment; an error is not remembered."""
    if sql not in _open:
        _open[sql] = Web(sql=sql)
    return _open[sql]


def answer(event: Mapping[str, Any], context: Any, *, sql: bool) -> dict[str, Any]:
    """The answer to a request of an HTTP API, a REST API or a load balancer.

    What is no request is answered 400 or 415, and 503 while the stack cannot be opened, with a
    problem document each.
    """
    try:
        _require_request(event)
        return opened(sql=sql)(event, context)
    except TallybrookError as error:
        _log.warning("%s: %s", error.slug, error.detail)
        return _problem(error)


def forget() -> None:
    """Close what was opened: the next call starts from the environment as it is by then."""
    while _open:
        _open.popitem()[1].close()


def _require_request(event: Mapping[str, Any]) -> None:
    context = event.get("requestContext")
    if not isinstance(context, Mapping) or {"methodArn", "routeArn"} & event.keys():
        raise UnsupportedTypeError("this function answers HTTP requests")
    if event.get("version") == "2.0":
        http = context.get("http")
        known = isinstance(http, Mapping) and {"method", "path", "sourceIp"} <= http.keys()
    else:
        known = {"httpMethod", "path"} <= event.keys()
    if not known:
        raise UnsupportedTypeError("this function answers HTTP requests")
    _require_body(event)


def _require_body(event: Mapping[str, Any]) -> None:
    if event.get("isBase64Encoded") and event.get("body"):
        try:
            b64decode(event["body"])
        except (Base64Error, ValueError):
            raise MalformedError("the body is said to be base64 and is not") from None


def _problem(error: TallybrookError) -> dict[str, Any]:
    return {
        "statusCode": error.status,
        "headers": {"content-type": CONTENT_TYPE, **headers_of(error)},
        "body": msgspec.json.encode(problem_of(error)).decode(),
        "isBase64Encoded": False,
    }
