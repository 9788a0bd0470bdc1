"""The call that lists files."""

from starlette.responses import Response

from tallybrook.entrypoints.server import params
from tallybrook.entrypoints.server.context import Call
from tallybrook.entrypoints.server.problems import json_response
from tallybrook.files.shapes import FileList


async def files(call: Call) -> Response:
    limit = params.integer(call.query, "limit", 50, 1, 1000)
    cursor = call.query.get("cursor") or None
    with_names = "admin" in call.principal.key.scopes

    def read() -> FileList:
        # Here and not above: who never asks need not load it.
        from tallybrook.files.keeping import listed

        state = call.context.stores.agreement().state
        return listed(state, call.account_id, limit, cursor, with_names=with_names)

    return json_response(await call.context.read(read))
