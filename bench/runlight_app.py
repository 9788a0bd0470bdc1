"""Runlight in an ASGI app, for the rival's process alone (``uvicorn runlight_app:app``)."""

import os
from importlib import import_module
from typing import Any

_core, _stores = import_module("runlight"), import_module("runlight.store")
_asgi = import_module("runlight.asgi")

_runlight = _core.Runlight(
    store=_stores.Stores.sqlite(os.environ["BENCH_RUNLIGHT_DB"]),
    site={"name": "shop.example", "hostnames": ["shop.example"]},
    rate_limit=False,
)


async def _nothing(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 404, "headers": []})
        await send({"type": "http.response.body", "body": b""})


app = _asgi.RunlightMiddleware(_nothing, runlight=_runlight)
