"""Events from a Kinesis stream: plain, or by way of an EventBridge bus.

Partial failures are reported by sequence number.
"""

from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct

from tallybrook.entrypoints.lambdas import runtime
from tallybrook.entrypoints.lambdas.bus import is_bus_event, read_bus_event
from tallybrook.entrypoints.lambdas.identity import Origin
from tallybrook.entrypoints.lambdas.messages import Item, Reading, read_message, rejected
from tallybrook.entrypoints.lambdas.notifications import ObjectRef
from tallybrook.entrypoints.lambdas.records import object_of, records_of, unknown, window_state
from tallybrook.entrypoints.lambdas.storing import Delivery, failures, store
from tallybrook.errors import MalformedError

SOURCE = "kinesis"
_BUS = b'"detail-type"'


class _Data(Struct):
    data: str
    number: str = msgspec.field(name="sequenceNumber")
    arrived_s: float = msgspec.field(name="approximateArrivalTimestamp", default=0.0)


class _Record(Struct):
    kinesis: _Data
    event_id: str = msgspec.field(name="eventID")


@runtime.metered
def handler(event: Mapping[str, Any], context: object) -> dict[str, Any]:
    """Store a batch. The answer names the lowest sequence number that was not stored, if any:
    the stream delivers again from there. In a tumbling window the state is handed on as it is."""
    opened = runtime.opened()
    reading = Reading(opened.now_us(), opened.settings.keep_ip)
    refused = store([read_record(one, reading) for one in records_of(event)], opened)
    return {**failures(refused[:1]), **window_state(event)}


def read_record(record: object, reading: Reading) -> Delivery:
    """What one stream record holds."""
    try:
        known = msgspec.convert(record, _Record)
    except msgspec.ValidationError as error:
        return Delivery("", [unknown(SOURCE, record, str(error), reading)])
    origin = Origin(SOURCE, (known.event_id,), int(known.kinesis.arrived_s * 1_000_000))
    return Delivery(known.kinesis.number, *_read_data(known.kinesis.data, origin, reading))


def _read_data(data: str, origin: Origin, reading: Reading) -> tuple[list[Item], list[ObjectRef]]:
    try:
        body = b64decode(data, validate=True)
    except (Base64Error, ValueError):
        return [rejected(MalformedError("not base64"), data.encode(), origin, reading)], []
    # Looked for before it is decoded: most of what a stream brings is no event of a bus.
    if _BUS in body and is_bus_event(found := object_of(body)):
        return read_bus_event(found, reading)
    return read_message(body, origin, reading), []


runtime.prepare(runtime.opened)
