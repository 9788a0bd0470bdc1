"""What a request is told that stopping did not wait for."""

import asyncio
from typing import Any

import pytest
from msgspec.structs import replace
from starlette.requests import Request

from tallybrook.entrypoints.server.routes import ROUTES
from tallybrook.errors import StorageError
from tests.server.running import Running


async def _cut_off(_: Any) -> Any:
    raise asyncio.CancelledError


def test_a_request_that_is_cut_off_may_be_sent_again(server: Running) -> None:
    """It is a 503 with a problem document, as while starting; not a 500 in plain text."""
    route = replace(ROUTES[0], handler=_cut_off, scope=None)
    request = Request(
        {"type": "http", "method": route.method, "path": "/", "headers": [], "query_string": b""}
    )
    answer: Any = server.server._dispatcher([route])
    with pytest.raises(StorageError, match="stopping"):
        asyncio.run(answer(request))
