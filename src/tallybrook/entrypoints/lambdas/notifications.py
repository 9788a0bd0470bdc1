"""What S3 says about its objects: which of them are new. Pure.

Both forms are read: the notification to a function, queue or topic, whose keys are URL-encoded,
and the event on EventBridge, whose keys are not.
"""

import logging
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import unquote_plus

import msgspec
from msgspec import Struct

from tallybrook.entrypoints.lambdas.identity import Origin
from tallybrook.entrypoints.lambdas.messages import Item, Reading, rejected
from tallybrook.errors import MalformedError
from tallybrook.events.instants import parse_instant

SOURCE = "s3"
_log = logging.getLogger("tallybrook.lambda")
_CREATED = "ObjectCreated:"
_TEST = "s3:TestEvent"


class ObjectRef(Struct, frozen=True):
    """An object to read. ``version`` and ``etag`` are "" where S3 did not say."""

    bucket: str
    key: str
    version: str
    etag: str
    at_us: int


class _Named(Struct):
    name: str


class _Object(Struct):
    key: str
    version_id: str = msgspec.field(name="versionId", default="")
    etag: str = msgspec.field(name="eTag", default="")


class _S3(Struct):
    bucket: _Named
    object: _Object


class _Record(Struct):
    event_name: str = msgspec.field(name="eventName")
    s3: _S3
    event_time: str = msgspec.field(name="eventTime", default="")
    restored: Any = msgspec.field(name="glacierEventData", default=None)


class _BridgeObject(Struct):
    key: str
    version_id: str = msgspec.field(name="version-id", default="")
    etag: str = ""


class _Detail(Struct):
    bucket: _Named
    object: _BridgeObject


def is_notification(body: Mapping[str, Any]) -> bool:
    """Whether a message is S3's, test message included."""
    if body.get("Event") == _TEST:
        return True
    records = body.get("Records")
    return isinstance(records, list) and bool(records) and all(map(_from_s3, records))


def _from_s3(record: object) -> bool:
    return isinstance(record, dict) and record.get("eventSource") == "aws:s3"


def read_notification(
    body: Mapping[str, Any], reading: Reading
) -> tuple[list[Item], list[ObjectRef]]:
    """The new objects of a notification, and a failed record for each part that is none.

    Removals, restores and the test message are nothing new: a line in the log, no more.
    """
    if body.get("Event") == _TEST:
        _log.info("ignored: the test message of a bucket")
        return [], []
    records = body.get("Records")
    if not isinstance(records, list):
        return [_unreadable(body, reading)], []
    return _sorted(_read_record(record, reading) for record in records)


def read_created(event: Mapping[str, Any], reading: Reading) -> tuple[list[Item], list[ObjectRef]]:
    """The new object of an event of source ``aws.s3`` on EventBridge, or nothing."""
    if event.get("detail-type") != "Object Created":
        _log.info("ignored: %s", event.get("detail-type"))
        return [], []
    try:
        detail = msgspec.convert(event.get("detail"), _Detail)
    except msgspec.ValidationError:
        return [_unreadable(event, reading)], []
    found, at_us = detail.object, _instant(event.get("time"))
    return [], [ObjectRef(detail.bucket.name, found.key, found.version_id, found.etag, at_us)]


def _read_record(record: object, reading: Reading) -> Item | ObjectRef | None:
    try:
        known = msgspec.convert(record, _Record)
    except msgspec.ValidationError:
        return _unreadable(record, reading)
    found = known.s3.object
    if not known.event_name.removeprefix("s3:").startswith(_CREATED) or known.restored is not None:
        _log.info("ignored: %s of %s/%s", known.event_name, known.s3.bucket.name, found.key)
        return None
    return ObjectRef(
        known.s3.bucket.name,
        unquote_plus(found.key),
        found.version_id,
        found.etag,
        _instant(known.event_time),
    )


def _unreadable(record: object, reading: Reading) -> Item:
    body = msgspec.json.encode(record)
    origin = Origin(SOURCE, (body.decode(),), 0)
    return rejected(MalformedError("no notification of S3"), body, origin, reading)


def _instant(text: object) -> int:
    return (parse_instant(text) if isinstance(text, str) else None) or 0


def _sorted(
    found: Iterable[Item | ObjectRef | None],
) -> tuple[list[Item], list[ObjectRef]]:
    everything = [one for one in found if one is not None]
    refs = [one for one in everything if isinstance(one, ObjectRef)]
    return [one for one in everything if not isinstance(one, ObjectRef)], refs
