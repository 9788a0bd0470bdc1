"""Events from a queue: plain, by way of SNS or EventBridge, or told of by S3.

Partial failures are reported by message id. Of a FIFO queue all that follow what was not stored
are reported with it, so that the queue keeps its order; those stored by then are duplicates.
"""

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct

from tallybrook.entrypoints.lambdas import runtime
from tallybrook.entrypoints.lambdas.bus import is_bus_event, read_bus_event
from tallybrook.entrypoints.lambdas.identity import Origin
from tallybrook.entrypoints.lambdas.messages import Reading, read_message
from tallybrook.entrypoints.lambdas.notifications import is_notification, read_notification
from tallybrook.entrypoints.lambdas.records import object_of, records_of, unknown
from tallybrook.entrypoints.lambdas.storing import Delivery, failures, store
from tallybrook.ports.queue import FIRST_SENT, ORIGIN

SOURCE = "sqs"


class _Attributes(Struct):
    sent_ms: str = msgspec.field(name="SentTimestamp", default="0")


class _Value(Struct):
    text: str | None = msgspec.field(name="stringValue", default=None)


class _Message(Struct):
    message_id: str = msgspec.field(name="messageId")
    body: str
    attributes: _Attributes = msgspec.field(default_factory=_Attributes)
    given: dict[str, _Value] | None = msgspec.field(name="messageAttributes", default=None)


class _Notification(Struct, tag_field="Type", tag="Notification"):
    """What SNS wraps a message in unless the subscription is a raw one."""

    message_id: str = msgspec.field(name="MessageId")
    topic: str = msgspec.field(name="TopicArn")
    message: str = msgspec.field(name="Message")


@runtime.metered
def handler(event: Mapping[str, Any], context: object) -> dict[str, Any]:
    """Store a batch; the answer names the messages that have to come again."""
    opened = runtime.opened()
    reading = Reading(opened.now_us(), opened.settings.keep_ip)
    records = records_of(event)
    deliveries = [read_record(one, reading) for one in records]
    refused = store(deliveries, opened)
    if refused and any(map(_from_fifo, records)):
        keys = [delivery.key for delivery in deliveries]
        refused = keys[keys.index(refused[0]) :]
    return failures(refused)


def read_record(record: object, reading: Reading) -> Delivery:
    """What one message of a queue holds."""
    try:
        known = msgspec.convert(record, _Message)
    except msgspec.ValidationError as error:
        return Delivery("", [unknown(SOURCE, record, str(error), reading)])
    return _read_body(known.message_id, known.body, _origin(known), reading)


def _origin(message: _Message) -> Origin:
    """Where the message is from. A redrive makes a new message, which carries the first one's."""
    given = message.given or {}
    first = given.get(ORIGIN, _Value()).text
    sent_ms = (
        given.get(FIRST_SENT, _Value()).text if first else None
    ) or message.attributes.sent_ms
    at_us = int(sent_ms) * 1000 if sent_ms.isdecimal() else 0
    return Origin(SOURCE, (first or message.message_id,), at_us)


def _from_fifo(record: object) -> bool:
    arn = record.get("eventSourceARN") if isinstance(record, Mapping) else None
    return isinstance(arn, str) and arn.endswith(".fifo")


def _read_body(key: str, body: str, origin: Origin, reading: Reading) -> Delivery:
    found = object_of(body)
    if (topic := _from_topic(found)) is not None:
        origin = Origin(origin.source, (topic.topic, topic.message_id), origin.at_us)
        body, found = topic.message, object_of(topic.message)
    if is_notification(found):
        return Delivery(key, *read_notification(found, reading))
    if is_bus_event(found):
        return Delivery(key, *read_bus_event(found, reading))
    return Delivery(key, read_message(body.encode(), origin, reading))


def _from_topic(body: Mapping[str, Any]) -> _Notification | None:
    try:
        return msgspec.convert(body, _Notification) if "TopicArn" in body else None
    except msgspec.ValidationError:
        return None


runtime.prepare(runtime.opened)
