"""The same front without storage: uvicorn, a key check, msgspec, 202. Only here to be measured.

``uvicorn bench.ceiling:app``: what HTTP in this language costs before anything is kept.
"""

import os
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
from msgspec import Raw, Struct

from bench import machine
from bench.nginx import Rival, answers, ended, free_port
from bench.product import wait_for

KEY_VARIABLE = "BENCH_KEY"
_REPLY = [(b"content-type", b"application/json")]


class EventIn(Struct):
    """What a collecting request has to hold."""

    event_type: str
    event_id: str
    timestamp: str
    user_id: str | None = None
    session_id: str | None = None
    properties: Raw = Raw(b"{}")


_decode = msgspec.json.Decoder(EventIn).decode


async def app(
    scope: dict[str, Any],
    receive: Callable[[], Awaitable[dict[str, Any]]],
    send: Callable[[dict[str, Any]], Awaitable[None]],
) -> None:
    """ASGI: decode, check the key, answer."""
    if scope["type"] != "http":
        return
    body = (await receive())["body"]
    event = _decode(body)
    known = dict(scope["headers"]).get(b"authorization") == _expected
    text = b'{"status":"accepted","event_id":"%s"}' % event.event_id.encode()
    length = (b"content-length", str(len(text)).encode())
    status = 202 if known else 401
    await send({"type": "http.response.start", "status": status, "headers": [*_REPLY, length]})
    await send({"type": "http.response.body", "body": text})


_expected = f"Bearer {os.environ.get(KEY_VARIABLE, '')}".encode()


@contextmanager
def ceiling(key: str) -> Iterator[Rival]:
    """The app on uvicorn, on the server's core."""
    port = free_port()
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "uvicorn", "bench.ceiling:app", "--port", str(port)),
            *("--loop", "uvloop", "--http", "httptools", "--lifespan", "off"),
            *("--no-access-log", "--log-level", "error"),
        ],
        env=os.environ | {KEY_VARIABLE: key},
        stdin=subprocess.DEVNULL,
    )
    with ended(process):
        wait_for(lambda: answers(port), 20, "uvicorn")
        pids = machine.tree(process.pid)
        machine.pin(pids, [machine.SERVER_CORE])
        yield Rival(port, pids)
