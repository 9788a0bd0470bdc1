"""The collecting calls: bytes in, one durable write, an answer that says what became of each item.

``begin_*`` checks and plans; the reply is made once the write is durable. The plain routes and
the short way in front of them (``hot``) share all of it.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import msgspec
from msgspec import Struct

from tallybrook.entrypoints.server.auth import Principal
from tallybrook.entrypoints.server.bodies import is_ndjson, require_json_type
from tallybrook.entrypoints.server.telemetry import Telemetry
from tallybrook.errors import TallybrookError
from tallybrook.events.batches import Item, Rejection, read_batch, read_ndjson
from tallybrook.events.model import Event
from tallybrook.events.operations import read_operation
from tallybrook.events.reading import read_event
from tallybrook.failed.keeping import failed_record
from tallybrook.ports.log import FailedRecord, Receipt, Write

Status = Literal["accepted", "duplicate", "rejected"]
_encode = msgspec.json.Encoder().encode


class EventReply(Struct):
    """What became of one event. ``event_id`` is the one it is stored under."""

    status: Literal["accepted", "duplicate"]
    event_id: str


class ItemError(Struct):
    """Why an item was rejected; ``failed_id`` names the failed record that keeps it."""

    type: str
    detail: str
    errors: list[dict[str, str]]
    failed_id: str


class ItemReply(Struct, omit_defaults=True, gc=False):
    """What became of one item of a batch, ``index`` counting from 0 in its order."""

    index: int
    status: Status
    event_id: str | None = None
    error: ItemError | None = None


class BatchReply(Struct):
    """``accepted + duplicate + rejected`` is the number of items received."""

    accepted: int
    duplicate: int
    rejected: int
    results: list[ItemReply]


class Intake(Struct):
    """What collecting is set to, and where it counts what came in."""

    telemetry: Telemetry
    keep_ip: bool = False


class Plan(Struct):
    """A write on its way, and how its receipt becomes the body of a 202."""

    write: Write
    reply: Callable[[Receipt], bytes]


def begin_event(
    body: bytes, headers: Mapping[str, str], principal: Principal, now_us: int, intake: Intake
) -> Plan:
    """POST /events."""
    require_json_type(headers)
    return plan_event(body, principal, now_us, intake)


def plan_event(body: bytes, principal: Principal, now_us: int, intake: Intake) -> Plan:
    """The plan for the body of one event."""
    event = read_event(body, principal.key.account_id, now_us, keep_ip=intake.keep_ip)
    principal.take(1)
    return single(event, intake.telemetry)


def begin_operation(
    body: bytes, headers: Mapping[str, str], principal: Principal, now_us: int, intake: Intake
) -> Plan:
    """POST /ingest."""
    require_json_type(headers)
    event = read_operation(body, principal.key.account_id, now_us)
    principal.take(1)
    return single(event, intake.telemetry)


def begin_batch(
    body: bytes, headers: Mapping[str, str], principal: Principal, now_us: int, intake: Intake
) -> Plan:
    """POST /events/batch, JSON or NDJSON by content type."""
    return (plan_ndjson if is_ndjson(headers) else plan_batch)(body, principal, now_us, intake)


def plan_batch(body: bytes, principal: Principal, now_us: int, intake: Intake) -> Plan:
    """The plan for the body of a JSON batch."""
    items = read_batch(body, principal.key.account_id, now_us, keep_ip=intake.keep_ip)
    principal.take(len(items))
    return batch(items, principal.key.account_id, now_us, intake.telemetry)


def plan_ndjson(body: bytes, principal: Principal, now_us: int, intake: Intake) -> Plan:
    """The plan for the body of an NDJSON batch."""
    items = read_ndjson(body, principal.key.account_id, now_us, keep_ip=intake.keep_ip)
    principal.take(len(items))
    return batch(items, principal.key.account_id, now_us, intake.telemetry)


def single(event: Event, seen: Telemetry) -> Plan:
    """The plan for one event."""

    def reply(receipt: Receipt) -> bytes:
        if receipt.duplicate[0]:
            seen.duplicate += 1
            return _encode(EventReply("duplicate", event.event_id))
        seen.accepted += 1
        return _encode(EventReply("accepted", event.event_id))

    return Plan(Write([event]), reply)


def batch(items: Sequence[Item], account_id: str, now_us: int, seen: Telemetry) -> Plan:
    """The plan for a batch: its good items, and its bad ones kept as failed records."""
    events = [item for item in items if isinstance(item, Event)]
    if len(events) == len(items):
        return Plan(Write(events), lambda receipt: _all_good(events, receipt, seen))
    kept = {
        index: failed_record(
            item.error, item.body, account_id=account_id, source="events/batch", now_us=now_us
        )
        for index, item in enumerate(items)
        if isinstance(item, Rejection)
    }
    write = Write(events, failed=list(kept.values()))
    return Plan(write, lambda receipt: _mixed(items, kept, receipt, seen))


def _all_good(events: Sequence[Event], receipt: Receipt, seen: Telemetry) -> bytes:
    duplicates = sum(receipt.duplicate)
    seen.accepted += len(events) - duplicates
    seen.duplicate += duplicates
    results = [
        ItemReply(index, "duplicate" if duplicate else "accepted", event.event_id)
        for index, (event, duplicate) in enumerate(zip(events, receipt.duplicate, strict=True))
    ]
    return _encode(BatchReply(len(events) - duplicates, duplicates, 0, results))


def _mixed(
    items: Sequence[Item], kept: Mapping[int, FailedRecord], receipt: Receipt, seen: Telemetry
) -> bytes:
    duplicates = iter(receipt.duplicate)
    results: list[ItemReply] = []
    for index, item in enumerate(items):
        if isinstance(item, Event):
            status: Status = "duplicate" if next(duplicates) else "accepted"
            results.append(ItemReply(index, status, item.event_id))
        else:
            error = item_error(item.error, kept[index].failed_id)
            results.append(ItemReply(index, "rejected", None, error))
    doubled, rejected = sum(receipt.duplicate), len(kept)
    accepted = len(items) - doubled - rejected
    seen.accepted += accepted
    seen.duplicate += doubled
    seen.rejected += rejected
    return _encode(BatchReply(accepted, doubled, rejected, results))


def item_error(error: TallybrookError, failed_id: str) -> ItemError:
    """The error of one item, in the words of a problem document."""
    faults = [{"pointer": fault.pointer, "detail": fault.detail} for fault in error.errors]
    return ItemError(f"/docs/errors#{error.slug}", error.detail, faults, failed_id)
