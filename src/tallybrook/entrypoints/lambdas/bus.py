"""Events from an EventBridge bus.

A detail that is an event itself, an operations envelope or a batch is read as one. Any other is
the payload of an event whose type is the ``detail-type``, at its ``time``, named by its ``id``.
S3's "Object Created" points to an object; what else S3 and the scheduler say is no event, and
neither is what the product itself tells, such as an alert: it would come in again.
"""

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct

from tallybrook.entrypoints.lambdas import runtime
from tallybrook.entrypoints.lambdas.identity import Origin
from tallybrook.entrypoints.lambdas.messages import Item, Reading, read_item, read_message
from tallybrook.entrypoints.lambdas.notifications import ObjectRef, read_created
from tallybrook.entrypoints.lambdas.records import unknown
from tallybrook.entrypoints.lambdas.storing import Delivery, store_all
from tallybrook.events.instants import parse_instant
from tallybrook.ports.bus import SOURCE as _OWN

SOURCE = "bus"
_S3 = "aws.s3"
_CLOCKS = frozenset({"aws.events", "aws.scheduler"})


class _BusEvent(Struct):
    event_id: str = msgspec.field(name="id")
    detail_type: str = msgspec.field(name="detail-type")
    source: str
    detail: dict[str, Any]
    time: str = ""


@runtime.metered
def handler(event: Mapping[str, Any], context: object) -> None:
    """Store what the bus delivered; raises ``StorageError`` to have it delivered again."""
    opened = runtime.opened()
    reading = Reading(opened.now_us(), opened.settings.keep_ip)
    store_all([Delivery("event", *read_bus_event(event, reading))], opened)


def is_bus_event(body: Mapping[str, Any]) -> bool:
    """Whether a message has the shape that EventBridge gives its events."""
    return {"detail-type", "source", "detail", "id"} <= body.keys()


def read_bus_event(
    event: Mapping[str, Any], reading: Reading
) -> tuple[list[Item], list[ObjectRef]]:
    """The items of an event of the bus, and the objects it points to."""
    try:
        known = msgspec.convert(event, _BusEvent)
    except msgspec.ValidationError as error:
        return [unknown(SOURCE, event, str(error), reading)], []
    if known.source == _S3:
        return read_created(event, reading)
    if known.source in _CLOCKS or known.source.partition(".")[0] == _OWN:
        runtime.log.info("ignored: %s", known.detail_type)
        return [], []
    origin = Origin(SOURCE, (known.event_id,), parse_instant(known.time) or 0)
    if "event_type" in known.detail or "events" in known.detail:
        return read_message(msgspec.json.encode(known.detail), origin, reading), []
    return [read_item(_envelope(known), origin, reading)], []


def _envelope(known: _BusEvent) -> bytes:
    return msgspec.json.encode(
        {
            "event_type": known.detail_type,
            "timestamp": known.time,
            "payload": known.detail,
            "source": known.source,
            "event_id": known.event_id,
        }
    )


runtime.prepare(runtime.opened)
