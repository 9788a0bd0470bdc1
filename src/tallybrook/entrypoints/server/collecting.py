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
from tallybrook.entrypoints.server.problems import problem_response
from tallybrook.errors import InvalidError, MalformedError, TallybrookError
from tallybrook.events.batches import MAX_BATCH_BYTES
from tallybrook.events.ids import content_id
from tallybrook.events.model import MAX_EVENT_BYTES
from tallybrook.failed.keeping import failed_record
from tallybrook.ports.log import Write

Begin = Callable[[bytes, Mapping[str, str], Principal, int, Intake], Plan]


async def post_event(call: Call) -> Response:
    return await _collect(call, begin_event, MAX_EVENT_BYTES)


async def post_batch(call: Call) -> Response:
    return await _collect(call, begin_batch, MAX_BATCH_BYTES)


async def post_operation(call: Call) -> Response:
    """As the others; but what cannot be read is kept, for a stream does not come again."""
    body = await read_body(call.request, MAX_EVENT_BYTES)
    try:
        plan = _begin(call, begin_operation, body)
    except (MalformedError, InvalidError) as error:
        return await _keep(call, error, body)
    return await _store(call, plan)


async def _collect(call: Call, begin: Begin, limit: int) -> Response:
    body = await read_body(call.request, limit)
    return await _store(call, _begin(call, begin, body))


def _begin(call: Call, begin: Begin, body: bytes) -> Plan:
    context = call.context
    return begin(body, call.request.headers, call.principal, context.clock(), context.intake)


async def _store(call: Call, plan: Plan) -> Response:
    receipt = await call.context.handoff.write(plan.write)
    return Response(plan.reply(receipt), 202, media_type="application/json")


async def _keep(call: Call, error: TallybrookError, body: bytes) -> Response:
    """The refusal, which names the failed record; the same bytes again are the same record."""
    context, account_id = call.context, call.account_id
    call.principal.take(1)
    now_us = context.clock()
    record = failed_record(error, body, account_id=account_id, source="ingest", now_us=now_us)
    record.failed_id = f"ingest-{content_id(account_id, body)}"
    await context.handoff.write(Write(failed=[record]))
    context.intake.telemetry.rejected += 1
    return problem_response(error, record.failed_id)
