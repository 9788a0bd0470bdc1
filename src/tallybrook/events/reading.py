"""From the bytes of one event to an ``Event``, or to the list of what is wrong with it. Pure.

Two ways with one meaning: the typed decoder takes what is plainly right, and everything it
refuses is read again field by field, which finds the reason (or finds nothing wrong: unknown keys
are kept under ``context.extra``).
"""

from typing import Any, Literal

import msgspec
from msgspec import UNSET, Raw, UnsetType

from tallybrook.errors import FieldError, InvalidError, TooLargeError
from tallybrook.events.checks import (
    object_fault,
    plain_object,
    require_json,
    require_utf8,
    text_fault,
)
from tallybrook.events.ids import new_ulid
from tallybrook.events.instants import fast_instant
from tallybrook.events.model import MAX_EVENT_BYTES, MAX_TEXT, Event
from tallybrook.events.wire import EventIn

_TYPED = msgspec.json.Decoder(EventIn)
_FIELDS = msgspec.json.Decoder(dict[str, Raw])
_TEXTS = (
    "event_type", "event_id", "timestamp", "user_id", "anonymous_id", "session_id",
    "messageId", "id",
)  # fmt: skip
_OBJECTS = ("properties", "payload", "context")
_NULL = b"null"


class Stamped(msgspec.Struct):
    """The one key of a payload that can name the event's time."""

    timestamp: Any = None


_STAMP = msgspec.json.Decoder(Stamped)


def read_event(body: bytes, account_id: str, now_us: int, *, keep_ip: bool = False) -> Event:
    """The event in ``body`` (at most 32 KB of JSON).

    Raises ``TooLargeError``, ``MalformedError`` (not JSON) or ``InvalidError`` (fields).
    """
    if len(body) > MAX_EVENT_BYTES:
        raise TooLargeError(f"an event is at most {MAX_EVENT_BYTES} bytes")
    require_utf8(body)
    return build_event(decode_event(body), account_id, now_us, keep_ip=keep_ip)


def decode_event(body: bytes) -> EventIn:
    """The fields of one event in UTF-8 bytes, types checked and nothing else."""
    try:
        return _TYPED.decode(body)
    except (msgspec.MsgspecError, RecursionError):
        require_json(body)
    return _decode_by_field(body)


def fields_of(body: bytes | Raw) -> dict[str, Raw]:
    """The keys of a JSON object with their values still raw. Raises ``InvalidError``."""
    try:
        return _FIELDS.decode(body)
    except msgspec.MsgspecError:
        raise InvalidError.of("", "must be a JSON object") from None


def text_of(
    fields: dict[str, Raw], name: str, *, most: int | None = MAX_TEXT, prefix: str = ""
) -> str | None:
    """The text under ``name``; None when absent or null. Raises ``InvalidError``."""
    raw = bytes(fields.get(name, Raw(_NULL)))
    if raw == _NULL:
        return None
    value = msgspec.json.decode(raw) if raw[:1] == b'"' else None
    if value is None:
        raise InvalidError.of(f"{prefix}/{name}", "must be text")
    fault = text_fault(value, most=most) if most is not None else None
    if fault:
        raise InvalidError.of(f"{prefix}/{name}", fault)
    return str(value)


def _decode_by_field(body: bytes) -> EventIn:
    fields = fields_of(body)
    faults: list[FieldError] = []
    known: dict[str, Any] = {}
    for name in _TEXTS:
        try:
            known[name] = text_of(fields, name, most=None if name == "timestamp" else MAX_TEXT)
        except InvalidError as error:
            faults += error.errors
    if known.get("event_type", "") is None:
        faults.append(FieldError("/event_type", "is required"))
    if faults:
        raise InvalidError("some fields cannot be used", faults)
    known.update({name: fields[name] for name in _OBJECTS if name in fields})
    extra = {n: raw for n, raw in fields.items() if n not in _TEXTS and n not in _OBJECTS}
    if extra:
        known["context"] = _with_extra(known.get("context", UNSET), extra)
    return EventIn(**known)


def _with_extra(context: Raw | UnsetType, extra: dict[str, Raw]) -> Raw:
    """Keys that we have no field for are kept, not lost: under ``context.extra``."""
    if isinstance(context, UnsetType) or absent(context):
        return Raw(msgspec.json.encode({"extra": extra}))
    try:
        merged = _FIELDS.decode(context)
    except msgspec.MsgspecError:
        return context  # not an object: refused with its own reason when it is checked
    return Raw(msgspec.json.encode({**merged, "extra": extra}))


def absent(raw: Raw | UnsetType) -> bool:
    """Whether an optional JSON value was left out or given as null."""
    return raw is UNSET or bytes(raw) == _NULL


def build_event(
    seen: EventIn,
    account_id: str,
    now_us: int,
    *,
    identified: bool = True,
    keep_ip: bool = False,
) -> Event:
    """The checked event. ``identified``: a user_id or anonymous_id is required; ``keep_ip``:
    ``context.ip`` stays.

    Raises ``InvalidError`` naming every fault.
    """
    if (
        seen.timestamp is not None
        and seen.context is UNSET
        and seen.payload is UNSET
        and (seen.user_id is not None or seen.anonymous_id is not None or not identified)
    ):
        # The usual event, with nothing to explain.
        properties = seen.properties
        instant = fast_instant(seen.timestamp)
        if instant is not None and (
            isinstance(properties, UnsetType) or plain_object(bytes(properties))
        ):
            return Event(
                0, seen.event_id or seen.messageId or seen.id or new_ulid(now_us),
                seen.event_type, instant, now_us, account_id, "event",
                seen.user_id, seen.anonymous_id, seen.session_id, properties,
            )  # fmt: skip
    return _build_explaining(seen, account_id, now_us, identified, keep_ip)


def _build_explaining(
    seen: EventIn, account_id: str, now_us: int, identified: bool, keep_ip: bool
) -> Event:
    faults: list[FieldError] = []
    if identified and seen.user_id is None and seen.anonymous_id is None:
        faults.append(FieldError("/user_id", "user_id or anonymous_id is required"))
    properties, context = seen.properties, seen.context
    if properties is UNSET:
        properties = seen.payload
    elif seen.payload is not UNSET:
        faults.append(FieldError("/payload", "give properties or payload, not both"))
    if properties is not UNSET:
        properties = _kept("/properties", properties, faults)
    if context is not UNSET:
        context = _kept("/context", context, faults)
        if not keep_ip:
            context = _without_ip(context)
        if properties is not UNSET and context is not UNSET:
            _require_room(properties, context, faults)
    instant, source = _instant(seen, now_us, faults)
    if faults:
        raise InvalidError("some fields cannot be used", faults)
    return Event(
        0, seen.event_id or seen.messageId or seen.id or new_ulid(now_us), seen.event_type,
        instant, now_us, account_id, source,
        seen.user_id, seen.anonymous_id, seen.session_id, properties, context,
    )  # fmt: skip


def _kept(pointer: str, raw: Raw, faults: list[FieldError]) -> Raw | UnsetType:
    fault = object_fault(raw)
    if fault is None:
        return _on_one_line(raw)
    if bytes(raw) == _NULL:
        return UNSET
    faults.append(FieldError(pointer, fault))
    return UNSET


def _on_one_line(raw: Raw) -> Raw:
    """An entry of the log is one line. In well-formed JSON a line feed is only ever white space:
    inside a text it has to be escaped."""
    value = bytes(raw)
    return Raw(value.replace(b"\n", b" ")) if b"\n" in value else raw


def _may_hold(name: bytes, raw: Raw) -> bool:
    """Whether an object may have that key: written plainly, or with an escape in it."""
    value = bytes(raw)
    return b'"%b"' % name in value or b"\\u" in value


def _require_room(properties: Raw, context: Raw, faults: list[FieldError]) -> None:
    """Each alone is bounded by ``object_fault``; this bounds the two together."""
    if len(bytes(properties)) + len(bytes(context)) > MAX_EVENT_BYTES:
        faults.append(FieldError("", f"an event is at most {MAX_EVENT_BYTES} bytes"))


def _without_ip(context: Raw | UnsetType) -> Raw | UnsetType:
    """Drop the address at the door: what is not stored cannot leak."""
    if context is UNSET or not _may_hold(b"ip", context):
        return context
    fields = _FIELDS.decode(context)
    return context if fields.pop("ip", None) is None else Raw(msgspec.json.encode(fields))


def _instant(
    seen: EventIn, now_us: int, faults: list[FieldError]
) -> tuple[int, Literal["event", "payload", "arrival"]]:
    if seen.timestamp is not None:
        instant = fast_instant(seen.timestamp)
        if instant is None:
            faults.append(FieldError("/timestamp", UNREADABLE))
        return instant or 0, "event"
    stamp = _payload_stamp(seen.payload)
    if stamp is None:
        return now_us, "arrival"
    instant = fast_instant(stamp) if isinstance(stamp, str) else None
    if instant is None:
        faults.append(FieldError("/payload/timestamp", UNREADABLE))
    return instant or 0, "payload"


def _payload_stamp(payload: Raw | UnsetType) -> Any:
    if payload is UNSET or not _may_hold(b"timestamp", payload):
        return None
    try:
        return _STAMP.decode(payload).timestamp
    except msgspec.MsgspecError:
        return None  # not an object: refused with its own reason by _kept


UNREADABLE = "is not an instant: give RFC 3339 text such as 2026-01-31T09:30:00Z"
