"""The three forms of an item. Pure.

* ``line``: one JSON object, for files.
* ``put_events``: the body of Pinpoint's PutEvents, for HTTP receivers.
* ``stream_record``: what Pinpoint's event streams put into Kinesis and Firehose (its "app event",
  version 3.1), for consumers that were written for those.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from tallybrook.ports.sinks import Item

STREAM_VERSION = "3.1"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_encode = msgspec.json.Encoder().encode


def line(item: Item) -> bytes:
    """One line with its line feed: ``AppId``, ``EndpointId``, ``EventId`` and the event."""
    names = {"AppId": item.app, "EndpointId": item.endpoint, "EventId": item.event_id}
    return _encode({**names, **event(item)}) + b"\n"


def put_events(items: Sequence[Item]) -> bytes:
    """An ``EventsRequest``: events by their ids within endpoints by theirs, each in order."""
    endpoints: dict[str, dict[str, Any]] = {}
    for item in items:
        known = endpoints.setdefault(item.endpoint, {"Endpoint": {}, "Events": {}})
        known["Events"][item.event_id] = {**event(item), "AppTitle": item.app}
    return _encode({"BatchItem": endpoints})


def stream_record(item: Item) -> bytes:
    """One record of an event stream; instants are milliseconds there."""
    session: dict[str, Any] = {}
    if item.session is not None:
        session["session_id"] = item.session.session_id
        session["start_timestamp"] = item.session.start_us // 1000
    return _encode(
        {
            "event_type": item.event_type,
            "event_timestamp": item.at_us // 1000,
            "arrival_timestamp": item.arrived_us // 1000,
            "event_version": STREAM_VERSION,
            "application": {"app_id": item.app, "sdk": {}},
            "client": {"client_id": item.endpoint},
            "device": {"platform": {}},
            "session": session,
            "attributes": item.attributes,
            "metrics": item.metrics,
            "client_context": {"custom": {"event_id": item.event_id}},
        }
    )


def event(item: Item) -> dict[str, Any]:
    """The event alone, as PutEvents has it."""
    made: dict[str, Any] = {
        "EventType": item.event_type,
        "Timestamp": instant(item.at_us),
        "Attributes": item.attributes,
        "Metrics": item.metrics,
    }
    if item.session is not None:
        start = instant(item.session.start_us)
        made["Session"] = {"Id": item.session.session_id, "StartTimestamp": start}
    return made


def instant(at_us: int) -> str:
    """RFC 3339 with ``Z``, to the millisecond as Pinpoint keeps it."""
    at = _EPOCH + timedelta(microseconds=at_us)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
