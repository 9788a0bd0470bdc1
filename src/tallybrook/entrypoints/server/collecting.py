"""The collecting routes, the plain way: body read, planned, written, answered."""

from collections.abc import Callable, Mapping

from starlette.responses import Response

from tallybrook.entrypoints.server.auth import Principal
from tallybrook.entrypoints.server.bodies import read_body
from tallybrook.entrypoints.server.collect import (
    Intake,
    Plan,
    begin_batch,
    begin_event,
    begin_operation,
)
from tallybrook.entrypoints.server.context import Call
from tallybrook.events.batches import MAX_BATCH_BYTES
from tallybrook.events.model import MAX_EVENT_BYTES

Begin = Callable[[bytes, Mapping[str, str], Principal, int, Intake], Plan]


async def post_event(call: Call) -> Response:
    return await _collect(call, begin_event, MAX_EVENT_BYTES)


async def post_batch(call: Call) -> Response:
    return await _collect(call, begin_batch, MAX_BATCH_BYTES)


async def post_operation(call: Call) -> Response:
    return await _collect(call, begin_operation, MAX_EVENT_BYTES)


async def _collect(call: Call, begin: Begin, limit: int) -> Response:
    context = call.context
    body = await read_body(call.request, limit)
    plan = begin(body, call.request.headers, call.principal, context.clock(), context.intake)
    receipt = await context.handoff.write(plan.write)
    return Response(plan.reply(receipt), 202, media_type="application/json")
