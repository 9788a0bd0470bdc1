"""The calls about messages of two AIs: taken in, read one by one and over a window."""

from collections.abc import Sequence
from functools import partial
from typing import Literal

from msgspec import Struct
from starlette.responses import Response

from tallybrook.analytics.periods import GROUPS, floor_to
from tallybrook.assessments.agreement.message import MAX_MESSAGE_BYTES, Received, read_dual
from tallybrook.assessments.dual_ai.envelope import SOURCE, with_account
from tallybrook.assessments.dual_ai.places import result_key
from tallybrook.assessments.dual_ai.reading import in_window, is_kept, of_assessment
from tallybrook.assessments.dual_ai.showing import (
    ShownMeasurement,
    ShownWindow,
    shown,
)
from tallybrook.entrypoints.server import params
from tallybrook.entrypoints.server.bodies import is_ndjson, items_of, read_body, require_json_type
from tallybrook.entrypoints.server.collect import ItemError, item_error
from tallybrook.entrypoints.server.context import Call
from tallybrook.entrypoints.server.problems import json_response
from tallybrook.errors import (
    ConflictError,
    InvalidError,
    NotFoundError,
    TerminalError,
)
from tallybrook.events.batches import MAX_BATCH_BYTES
from tallybrook.events.instants import DAY_US, MIN_US
from tallybrook.events.model import MAX_TEXT
from tallybrook.failed.keeping import failed_record, original_bytes
from tallybrook.ports.log import FailedRecord, Write
from tallybrook.wiring import Agreement

DEFAULT_DAYS = 30


class MessageReply(Struct):
    """What became of a message: ``accepted`` is queued and will be measured, ``duplicate`` was
    measured before. Its measurement is found under ``/agreement/{assessment_id}``."""

    status: Literal["accepted", "duplicate"]
    assessment_id: str
    measurement_id: str


class MessageItemReply(Struct, omit_defaults=True):
    """What became of one message of a batch, ``index`` counting from 0 in its order."""

    index: int
    status: Literal["accepted", "duplicate", "rejected"]
    assessment_id: str | None = None
    measurement_id: str | None = None
    error: ItemError | None = None


class MessageBatchReply(Struct):
    """``accepted + duplicate + rejected`` is the number of messages received."""

    accepted: int
    duplicate: int
    rejected: int
    results: list[MessageItemReply]


class Measurements(Struct):
    """An assessment's measurements, newest first: one for each content that was sent."""

    assessment_id: str
    measurements: list[ShownMeasurement]


class Taken(Struct):
    """A message that can be queued."""

    text: str
    received: Received


async def post_message(call: Call) -> Response:
    require_json_type(call.request.headers)
    taken = _taken(await read_body(call.request, MAX_MESSAGE_BYTES), call.account_id)
    call.principal.take(1)
    (known,) = await call.context.read(_queue, call.context.stores.agreement(), [taken])
    return json_response(_reply(taken, known=known), 202)


async def post_messages(call: Call) -> Response:
    ndjson = is_ndjson(call.request.headers)
    bodies = items_of(await read_body(call.request, MAX_BATCH_BYTES), "messages", ndjson=ndjson)
    call.principal.take(len(bodies))
    items = [_item(body, call) for body in bodies]
    taken = [one for one in items if isinstance(one, Taken)]
    known = await call.context.read(_queue, call.context.stores.agreement(), taken)
    refused = [one[1] for one in items if not isinstance(one, Taken)]
    if refused:
        await call.context.handoff.write(Write(failed=refused))
    return json_response(_batch_reply(items, known), 202)


async def replay(call: Call, record: FailedRecord, edited: bytes | None) -> MessageReply:
    """Queue a failed message again, then settle its record. A crash in between leaves it open;
    replayed once more it is measured once all the same. Raises ``ConflictError`` unless it is
    open, and as ``read_dual`` while it is still wrong."""
    if record.status != "open":
        raise ConflictError(f"the failed record was {record.status} already")
    body = original_bytes(record) if edited is None else edited
    taken = _taken(body, record.account_id)
    (known,) = await call.context.read(_queue, call.context.stores.agreement(), [taken])
    await call.context.handoff.write(Write(settle={record.failed_id: "replayed"}))
    return _reply(taken, known=known)


async def window(call: Call) -> Response:
    now = call.context.clock()
    start, end = params.span(call.query)
    end = now if end is None else end
    start = max(MIN_US, end - DEFAULT_DAYS * DAY_US) if start is None else start
    if start > end:
        raise InvalidError.of("/start", "must not be after end")
    group = call.query.get("group_by")
    if group is not None and group not in GROUPS:
        raise InvalidError.of("/group_by", f"must be one of {', '.join(GROUPS)}")
    state = call.context.stores.agreement().state

    def read() -> ShownWindow:
        from tallybrook.assessments.dual_ai.reporting import shown_window  # the rest needs none

        start_of = None if group is None else partial(floor_to, group=group)
        return shown_window(in_window(state, call.account_id, start, end), start, end, start_of)

    return json_response(await call.context.read(read))


async def one(call: Call) -> Response:
    name = call.path["id"]
    state = call.context.stores.agreement().state
    found = []
    if len(name) <= MAX_TEXT:
        found = await call.context.read(of_assessment, state, call.account_id, name)
    if not found:
        raise NotFoundError(f"nothing was measured of assessment {name!r}, or not yet")
    return json_response(Measurements(name, [shown(each) for each in found]))


def _taken(body: bytes, account_id: str) -> Taken:
    """Raises as ``read_dual``: what is queued can be read."""
    read_dual(body, account_id)
    text = with_account(body, account_id)
    return Taken(text, read_dual(text.encode(), account_id))


def _queue(agreement: Agreement, taken: Sequence[Taken]) -> list[bool]:
    """Queue what was not measured before; which ones were."""
    known = [
        is_kept(agreement.state, one.account_id, result_key(one.at, one.measurement_id))
        for one in (each.received for each in taken)
    ]
    fresh = [one.text for one, was in zip(taken, known, strict=True) if not was]
    if fresh:
        agreement.queue.send(fresh)
    return known


def _reply(taken: Taken, *, known: bool) -> MessageReply:
    received = taken.received
    status: Literal["accepted", "duplicate"] = "duplicate" if known else "accepted"
    return MessageReply(status, received.message.assessment_id, received.measurement_id)


Refused = tuple[TerminalError, FailedRecord]


def _item(body: bytes, call: Call) -> Taken | Refused:
    try:
        return _taken(body, call.account_id)
    except TerminalError as error:
        now = call.context.clock()
        kept = failed_record(error, body, account_id=call.account_id, source=SOURCE, now_us=now)
        return error, kept


def _batch_reply(items: Sequence[Taken | Refused], known: Sequence[bool]) -> MessageBatchReply:
    of_taken, results = iter(known), []
    for index, item in enumerate(items):
        if isinstance(item, Taken):
            reply = _reply(item, known=next(of_taken))
            results.append(
                MessageItemReply(index, reply.status, reply.assessment_id, reply.measurement_id)
            )
        else:
            error = item_error(item[0], item[1].failed_id)
            results.append(MessageItemReply(index, "rejected", error=error))
    doubled, rejected = sum(known), len(items) - len(known)
    return MessageBatchReply(len(known) - doubled, doubled, rejected, results)
