"""The calls that show and replay failed records."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal, cast

from msgspec import Struct
from starlette.responses import Response

from tallybrook.assessments.agreement.message import MAX_MESSAGE_BYTES
from tallybrook.assessments.dual_ai.envelope import SOURCE as AGREEMENT
from tallybrook.assessments.flow.places import SOURCE as ASSESSMENTS
from tallybrook.entities.again import SOURCE as ALERTS
from tallybrook.entrypoints.server import agreement, assessing, params, running
from tallybrook.entrypoints.server.bodies import read_body
from tallybrook.entrypoints.server.context import Call
from tallybrook.entrypoints.server.entities import told_again
from tallybrook.entrypoints.server.forwarding import send_again
from tallybrook.entrypoints.server.problems import json_response
from tallybrook.errors import ConflictError, InvalidError, NotFoundError
from tallybrook.failed.replay import plan_replay
from tallybrook.failed.showing import ShownFailure, shown
from tallybrook.forwarding.again import SOURCE as FORWARDING
from tallybrook.ports.log import FailedRecord, FailedStatus, RecordOutcome, Write
from tallybrook.workflows.runs import SOURCE as WORKFLOWS

_settling: set[str] = set()
MAX_PAGE_CHARS = 4_000_000
_STATUSES = ("open", "replayed", "discarded")


class FailureList(Struct):
    failed: list[ShownFailure]
    next_cursor: str | None


class ReplayReply(Struct):
    """What the replay came to; ``event_id`` is null for a record of a table."""

    status: Literal["accepted", "duplicate"] | RecordOutcome
    event_id: str | None


async def failures(call: Call) -> Response:
    status = call.query.get("status")
    if status is not None and status not in (*_STATUSES, "all"):
        raise InvalidError.of("/status", f"must be one of {', '.join(_STATUSES)}, all")
    limit = params.integer(call.query, "limit", 50, 1, 1000)
    wanted = cast("FailedStatus | None", None if status == "all" else status or "open")
    records = await call.context.read(
        call.context.stores.failed.page,
        call.account_id,
        wanted,
        limit + 1,
        call.query.get("cursor"),
    )
    page = _bounded(records[:limit])
    following = page[-1].failed_id if len(records) > len(page) else None
    return json_response(FailureList([await _shown(call, one) for one in page], following))


def _bounded(records: list[FailedRecord]) -> list[FailedRecord]:
    """As many as fit an answer that a browser can hold, at least one if there are any."""
    total = 0
    for index, record in enumerate(records):
        total += len(record.body)
        if index and total > MAX_PAGE_CHARS:
            return records[:index]
    return records


async def failure(call: Call) -> Response:
    return json_response(await _shown(call, await _find(call)))


async def _shown(call: Call, record: FailedRecord) -> ShownFailure:
    """As the key that asks may see it."""
    if record.source == ASSESSMENTS and "admin" in call.principal.key.scopes:
        return shown(record, await assessing.original_text(call, record))
    return shown(record)


async def replay(call: Call) -> Response:
    body = await read_body(call.request, MAX_MESSAGE_BYTES)
    context = call.context
    with _alone(call.path["id"]):
        record = await _find(call)
        if record.source == FORWARDING:  # its event is in the log already
            return json_response(
                ReplayReply("accepted", await send_again(call, record, body or None))
            )
        if record.source == ALERTS:
            told = await told_again(call, record, body or None)
            return json_response(ReplayReply("accepted", told))
        if record.source == AGREEMENT:
            queued = await agreement.replay(call, record, body or None)
            return json_response(ReplayReply(queued.status, queued.measurement_id))
        if record.source == WORKFLOWS:
            run_id = await running.replay(call, record)
            await context.handoff.write(Write(settle={record.failed_id: "replayed"}))
            return json_response(ReplayReply("accepted", run_id))
        if record.source == ASSESSMENTS:
            taken = await assessing.replay(call, record, body or None)
            return json_response(ReplayReply(taken.status, taken.assessment_id))
        planned = plan_replay(
            record,
            body or None,
            context.stores.records,
            context.clock(),
            keep_ip=context.settings.keep_ip,
        )
        receipt = await context.handoff.write(planned.write)
    if planned.event_id is None:
        return json_response(ReplayReply(receipt.records[0], None))
    status: Literal["accepted", "duplicate"] = "duplicate" if receipt.duplicate[0] else "accepted"
    return json_response(ReplayReply(status, planned.event_id))


async def discard(call: Call) -> Response:
    with _alone(call.path["id"]):
        record = await _find(call)
        if record.status != "open":
            raise ConflictError(f"the failed record was {record.status} already")
        await call.context.handoff.write(Write(settle={record.failed_id: "discarded"}))
    return json_response(await _shown(call, await _find(call)))


@contextmanager
def _alone(failed_id: str) -> Iterator[None]:
    """Between reading a status and the write that changes it nobody else may do the same. Locally
    this process is the only writer; on AWS the log's write finds out who was first, and raises
    ``ConflictError`` for the others."""
    if failed_id in _settling:
        raise ConflictError("the failed record is being replayed or discarded")
    _settling.add(failed_id)
    try:
        yield
    finally:
        _settling.discard(failed_id)


async def _find(call: Call) -> FailedRecord:
    found = await call.context.read(
        call.context.stores.failed.get, call.account_id, call.path["id"]
    )
    if found is None:
        raise NotFoundError(f"no failed record {call.path['id']!r}")
    return found
