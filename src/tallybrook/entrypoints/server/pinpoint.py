"""``PutEvents`` of Amazon Pinpoint: its SDKs, pointed here, work unchanged."""

from collections.abc import Sequence

import msgspec
from msgspec import Struct
from starlette.responses import Response

from tallybrook.entrypoints.server.bodies import read_body, require_json_type
from tallybrook.entrypoints.server.context import Call
from tallybrook.entrypoints.server.telemetry import Telemetry
from tallybrook.events.batches import MAX_BATCH_BYTES, Rejection
from tallybrook.events.model import Event
from tallybrook.events.pinpoint import Posted, read_put_events
from tallybrook.failed.keeping import failed_record
from tallybrook.failed.replay import PINPOINT
from tallybrook.ports.log import Receipt, Write

MAX_MESSAGE = 300


class ItemAnswer(Struct):
    """202 and ``Accepted`` (a duplicate too: it is there), or 400 and why not."""

    StatusCode: int
    Message: str


class EndpointAnswer(Struct):
    """What became of an endpoint, and of its events by their names."""

    EndpointItemResponse: ItemAnswer
    EventsItemResponse: dict[str, ItemAnswer]


class EventsResponse(Struct):
    """An answer in Pinpoint's own form, by endpoint."""

    Results: dict[str, EndpointAnswer]


_ACCEPTED = ItemAnswer(202, "Accepted")


async def put_events(call: Call) -> Response:
    context = call.context
    require_json_type(call.request.headers)
    body = await read_body(call.request, MAX_BATCH_BYTES)
    now_us, app = context.clock(), call.path["app"]
    posted = read_put_events(body, app, call.account_id, now_us)
    call.principal.take(len(posted))
    write = Write(
        [one.item for one in posted if isinstance(one.item, Event)],
        failed=[
            failed_record(
                one.item.error, one.item.body, account_id=call.account_id,
                source=f"{PINPOINT}:{app}", now_us=now_us,
            )
            for one in posted
            if isinstance(one.item, Rejection)
        ],
    )  # fmt: skip
    _count(await context.handoff.write(write), len(write.failed), context.telemetry)
    answer = msgspec.json.encode(_answer(posted))
    return Response(answer, 202, media_type="application/json")


def _answer(posted: Sequence[Posted]) -> EventsResponse:
    results: dict[str, EndpointAnswer] = {}
    for one in posted:
        told = results.setdefault(one.endpoint, EndpointAnswer(_ACCEPTED, {}))
        said = _ACCEPTED
        if isinstance(one.item, Rejection):
            said = ItemAnswer(400, one.item.error.detail[:MAX_MESSAGE])
        if one.name is None:
            told.EndpointItemResponse = said
        else:
            told.EventsItemResponse[one.name] = said
    return EventsResponse(results)


def _count(receipt: Receipt, rejected: int, seen: Telemetry) -> None:
    duplicates = sum(receipt.duplicate)
    seen.duplicate += duplicates
    seen.accepted += len(receipt.duplicate) - duplicates
    seen.rejected += rejected
