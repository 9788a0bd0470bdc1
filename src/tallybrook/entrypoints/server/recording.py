"""The calls that put and delete records."""

from typing import Literal

from msgspec import Struct
from starlette.responses import Response

from tallybrook.entrypoints.server.bodies import read_body, require_json_type
from tallybrook.entrypoints.server.collect import ItemError, item_error
from tallybrook.entrypoints.server.context import Call
from tallybrook.entrypoints.server.problems import json_response
from tallybrook.events.batches import MAX_BATCH_BYTES
from tallybrook.events.model import MAX_EVENT_BYTES
from tallybrook.failed.keeping import failed_record
from tallybrook.ports.log import FailedRecord, RecordChange, RecordOutcome, Write
from tallybrook.records.reading import RejectedRecord


class RecordReply(Struct):
    """What became of a record. ``counted`` tells whether it has an instant to be counted by;
    ``skipped`` says why not."""

    status: RecordOutcome
    id: str
    counted: bool
    skipped: Literal["no_timestamp", "invalid_timestamp"] | None


class RecordItemReply(Struct, omit_defaults=True):
    """What became of one record of a batch."""

    index: int
    status: RecordOutcome | Literal["rejected"]
    id: str | None = None
    error: ItemError | None = None


class RecordBatchReply(Struct):
    """``applied + unchanged + rejected`` is the number of records received."""

    applied: int
    unchanged: int
    rejected: int
    results: list[RecordItemReply]


async def put_record(call: Call) -> Response:
    require_json_type(call.request.headers)
    body = await read_body(call.request, MAX_EVENT_BYTES)
    change = call.context.stores.records.put(
        call.account_id, call.path["type"], call.path["id"], body
    )
    return await _apply(call, change)


async def delete_record(call: Call) -> Response:
    change = call.context.stores.records.delete(call.account_id, call.path["type"], call.path["id"])
    return await _apply(call, change)


async def _apply(call: Call, change: RecordChange) -> Response:
    call.principal.take(1)
    receipt = await call.context.handoff.write(Write(records=[change]))
    counted = change.op == "put" and change.instant_us is not None
    reply = RecordReply(receipt.records[0], change.record_id, counted, change.skipped)
    return json_response(reply)


async def post_records(call: Call) -> Response:
    require_json_type(call.request.headers)
    body = await read_body(call.request, MAX_BATCH_BYTES)
    record_type = call.path["type"]
    items = call.context.stores.records.batch(call.account_id, record_type, body)
    call.principal.take(len(items))
    kept = {
        index: _kept(call, item, record_type)
        for index, item in enumerate(items)
        if isinstance(item, RejectedRecord)
    }
    changes = [item for item in items if isinstance(item, RecordChange)]
    receipt = await call.context.handoff.write(Write(records=changes, failed=list(kept.values())))
    return json_response(_batch_reply(items, kept, receipt.records), 202)


def _kept(call: Call, item: RejectedRecord, record_type: str) -> FailedRecord:
    return failed_record(
        item.error,
        item.body,
        account_id=call.account_id,
        source=f"records/{record_type}",
        now_us=call.context.clock(),
    )


def _batch_reply(
    items: list[RecordChange | RejectedRecord],
    kept: dict[int, FailedRecord],
    outcomes: list[RecordOutcome],
) -> RecordBatchReply:
    remaining = iter(outcomes)
    results: list[RecordItemReply] = []
    for index, item in enumerate(items):
        if isinstance(item, RecordChange):
            results.append(RecordItemReply(index, next(remaining), item.record_id))
        else:
            error = item_error(item.error, kept[index].failed_id)
            results.append(RecordItemReply(index, "rejected", None, error))
    unchanged = sum(outcome in ("unchanged", "absent") for outcome in outcomes)
    return RecordBatchReply(len(outcomes) - unchanged, unchanged, len(kept), results)
