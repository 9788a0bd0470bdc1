"""The operations stream's envelope ``{event_type, timestamp, payload}`` as events. Pure."""

from collections.abc import Mapping

import msgspec
from msgspec import UNSET, Raw, UnsetType

from tallybrook.errors import InvalidError, TooLargeError
from tallybrook.events.checks import require_json, require_utf8
from tallybrook.events.ids import content_id
from tallybrook.events.model import MAX_EVENT_BYTES, MAX_TEXT, Event
from tallybrook.events.reading import absent, build_event, fields_of, text_of
from tallybrook.events.wire import EventIn

_KEYS = ("event_type", "timestamp", "payload", "source", "event_id")

BUSINESS_KEYS: dict[str, tuple[str, ...]] = {
    "session_started": ("session_id", "student_id"),
    "session_completed": ("session_id", "student_id"),
    "ib_call_logged": ("call_id",),
}
"""Which payload keys name the fact itself, by event type (SPEC 3, identity)."""


def is_operation(fields: Mapping[str, Raw]) -> bool:
    """Whether an object of a mixed stream is an envelope. ``payload`` is also another name of
    ``properties``: an event that names a user is one."""
    named = any(not absent(fields.get(name, UNSET)) for name in ("user_id", "anonymous_id"))
    return "payload" in fields and "properties" not in fields and not named


def read_operation(body: bytes, account_id: str, now_us: int) -> Event:
    """One envelope as an event: the payload becomes its properties.

    Identity: ``event_id`` if given, else the business key of its type, else its content; so
    the same fact sent twice is a duplicate even without an id. Raises as ``read_event``.
    """
    if len(body) > MAX_EVENT_BYTES:
        raise TooLargeError(f"an event is at most {MAX_EVENT_BYTES} bytes")
    require_utf8(body)
    require_json(body)
    fields = fields_of(body)
    unknown = {name: raw for name, raw in fields.items() if name not in _KEYS}
    seen = EventIn(
        event_type=text_of(fields, "event_type") or "",
        event_id=text_of(fields, "event_id"),
        timestamp=text_of(fields, "timestamp", most=None),
        payload=fields.get("payload", UNSET),
        context=_context(text_of(fields, "source"), unknown),
    )
    if not seen.event_type:
        raise InvalidError.of("/event_type", "is required")
    seen.event_id = seen.event_id or _identity(seen)
    event = build_event(seen, account_id, now_us, identified=False)
    event.session_id = _short_text(seen.payload, "session_id")
    event.user_id = _short_text(seen.payload, "user_id") or _short_text(seen.payload, "student_id")
    return event


def _context(source: str | None, unknown: dict[str, Raw]) -> Raw | UnsetType:
    kept: dict[str, object] = {"source": source} if source is not None else {}
    if unknown:
        kept["extra"] = unknown
    return Raw(msgspec.json.encode(kept)) if kept else UNSET


def _identity(seen: EventIn) -> str:
    names = BUSINESS_KEYS.get(seen.event_type)
    parts = [_short_text(seen.payload, name) for name in names or ()]
    if names and all(parts):
        return "op-" + content_id(seen.event_type, *[part or "" for part in parts])
    payload = b"" if isinstance(seen.payload, UnsetType) else canonical_json(seen.payload)
    return "op-" + content_id(seen.event_type, seen.timestamp or "", payload)


def canonical_json(raw: Raw) -> bytes:
    """The same bytes for the same JSON value, whatever its key order and white space."""
    try:
        return msgspec.json.encode(msgspec.json.decode(raw), order="deterministic")
    except (msgspec.MsgspecError, RecursionError):
        return bytes(raw)  # a number no float can hold: its own text is its identity


def _short_text(payload: Raw | UnsetType, name: str) -> str | None:
    """A payload value usable as an id, numbers included; None when absent or unusable."""
    if isinstance(payload, UnsetType) or absent(payload) or bytes(payload)[:1] != b"{":
        return None
    raw = fields_of(bytes(payload)).get(name)
    if raw is None:
        return None
    text = bytes(raw).decode()
    value = msgspec.json.decode(raw) if text[:1] == '"' else text
    usable = text[:1] not in "[{ntf" and 0 < len(value) <= MAX_TEXT
    return str(value) if usable else None
