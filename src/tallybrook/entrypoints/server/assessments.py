"""The calls about assessments: taken in, followed, read one by one, a person's, and by groups."""

from collections.abc import Sequence
from typing import Any, cast

from msgspec import Raw
from starlette.responses import Response

from tallybrook.assessments.flow import reading
from tallybrook.assessments.flow.distributions import distributions
from tallybrook.assessments.flow.places import MAX_BODY_BYTES
from tallybrook.assessments.flow.reading import Found
from tallybrook.assessments.flow.receiving import (
    Refused,
    Taken,
    calculate_again,
    calculation,
    original,
    receive,
    take,
    take_or_refuse,
)
from tallybrook.assessments.flow.shapes import GROUPS, Distributions
from tallybrook.assessments.library import built_in
from tallybrook.entrypoints.server.assessing import (
    Answered,
    AssessmentBatchReply,
    AssessmentItemReply,
    AssessmentReply,
    AssessmentStatus,
)
from tallybrook.entrypoints.server.bodies import is_ndjson, items_of, read_body, require_json_type
from tallybrook.entrypoints.server.collect import item_error
from tallybrook.entrypoints.server.context import Call
from tallybrook.entrypoints.server.problems import json_response
from tallybrook.errors import ConflictError, InvalidError, NotFoundError
from tallybrook.events.batches import MAX_BATCH_BYTES
from tallybrook.events.instants import format_instant
from tallybrook.ports.log import FailedRecord, Write

DEFAULT_TYPE = "ocean-120"


async def post_assessment(call: Call) -> Response:
    require_json_type(call.request.headers)
    body = await read_body(call.request, MAX_BODY_BYTES)
    call.principal.take(1)
    taken = await call.context.read(_take_in, call, body)
    reply = _reply(taken)
    return json_response(reply, 202)


async def post_assessments(call: Call) -> Response:
    ndjson = is_ndjson(call.request.headers)
    bodies = items_of(await read_body(call.request, MAX_BATCH_BYTES), "assessments", ndjson=ndjson)
    call.principal.take(len(bodies))
    items = await call.context.read(_take_in_all, call, bodies)
    refused = [one.record for one in items if isinstance(one, Refused)]
    if refused:
        await call.context.handoff.write(Write(failed=refused))
    return json_response(_batch_reply(items), 202)


async def replay(call: Call, record: FailedRecord, edited: bytes | None) -> AssessmentReply:
    """Take a failed assessment in again, edited or as it came, then settle its record; what failed
    when it was anonymised already is calculated again. A crash in between leaves it open; replayed
    once more it is scored once all the same. Raises ``ConflictError`` unless it is open,
    ``NotFoundError`` where what failed is no longer there, and as ``take`` while it is still
    wrong."""
    if record.status != "open":
        raise ConflictError(f"the failed record was {record.status} already")
    reply = await call.context.read(_again, call, record, edited)
    await call.context.handoff.write(Write(settle={record.failed_id: "replayed"}))
    return reply


async def original_text(call: Call, record: FailedRecord) -> str | None:
    """What failed, for who may see it; None where it is no longer there."""
    desk = call.context.stores.assessments()
    body = await call.context.read(lambda: original(record, desk.anonymizer().objects))
    return None if body is None else body.decode("utf-8", "replace")


async def one(call: Call) -> Response:
    found = await call.context.read(_find, call)
    if found is None:
        raise NotFoundError("no such assessment")
    standing = found.standing
    return json_response(
        AssessmentStatus(
            found.assessment_id, standing.status, format_instant(standing.received_at),
            cast("Any", None if found.body is None else Raw(found.body)),
            standing.reason, standing.failed_id,
        )
    )  # fmt: skip


async def latest(call: Call) -> Response:
    desk, name = call.context.stores.assessments(), call.path["id"]

    def read() -> bytes | None:
        using = desk.anonymizer()
        return reading.latest_score(using.state, using.keys, call.account_id, name)

    found = await call.context.read(read)
    if found is None:
        raise NotFoundError("no assessment of this user was scored, or not yet")
    return Response(found, media_type="application/json")


async def spread(call: Call) -> Response:
    group_by = call.query.get("group_by", "industry")
    group = next((name for name in GROUPS if name == group_by), None)
    if group is None:
        raise InvalidError.of("/group_by", f"must be one of {', '.join(GROUPS)}")
    kind = call.query.get("assessment_type", DEFAULT_TYPE)
    if kind not in built_in():
        raise InvalidError.of("/assessment_type", f"must be one of {', '.join(built_in())}")
    desk = call.context.stores.assessments()

    def read() -> Distributions:
        people = reading.everybody(desk.anonymizer().state, call.account_id)
        k = call.context.settings.min_people
        return distributions(people.latest, group, kind, k, complete=people.complete)

    return json_response(await call.context.read(read))


def _find(call: Call) -> Found | None:
    using, name = call.context.stores.assessments().anonymizer(), call.path["id"]
    user_id = call.query.get("user_id")
    if user_id is None:
        return reading.by_pseudonym(using.state, call.account_id, name)
    return reading.by_original(using.state, using.keys, call.account_id, user_id, name)


def _take_in(call: Call, body: bytes) -> Taken:
    desk = call.context.stores.assessments()
    taken = take(body, call.account_id, desk.anonymizer())
    receive([taken], call.account_id, desk, call.context.clock())
    return taken


def _take_in_all(call: Call, bodies: Sequence[bytes]) -> list[Taken | Refused]:
    desk, now = call.context.stores.assessments(), call.context.clock()
    using = desk.anonymizer()
    items = [take_or_refuse(body, call.account_id, using, now) for body in bodies]
    receive([one for one in items if isinstance(one, Taken)], call.account_id, desk, now)
    return items


def _again(call: Call, record: FailedRecord, edited: bytes | None) -> AssessmentReply:
    name = None if edited is not None else calculation(record)
    if name is None:
        return _reply(_take_in_again(call, record, edited))
    calculate_again(record, call.context.stores.assessments(), call.context.clock())
    return AssessmentReply("accepted", name, f"/assessments/{name}")


def _take_in_again(call: Call, record: FailedRecord, edited: bytes | None) -> Taken:
    if edited is None:
        edited = original(record, call.context.stores.assessments().anonymizer().objects)
    if edited is None:
        raise NotFoundError("what failed is no longer there: send it edited")
    return _take_in(call, edited)


def _reply(taken: Taken) -> AssessmentReply:
    status: Answered = "duplicate" if taken.known else "accepted"
    return AssessmentReply(status, taken.assessment_id, _location(taken))


def _location(taken: Taken) -> str:
    return f"/assessments/{taken.assessment_id}"


def _batch_reply(items: Sequence[Taken | Refused]) -> AssessmentBatchReply:
    results = [_item_reply(index, item) for index, item in enumerate(items)]
    said = [result.status for result in results]
    return AssessmentBatchReply(
        said.count("accepted"), said.count("duplicate"), said.count("rejected"), results
    )


def _item_reply(index: int, item: Taken | Refused) -> AssessmentItemReply:
    if isinstance(item, Refused):
        error = item_error(item.error, item.record.failed_id)
        return AssessmentItemReply(index, "rejected", error=error)
    reply = _reply(item)
    return AssessmentItemReply(index, reply.status, reply.assessment_id, reply.location)
