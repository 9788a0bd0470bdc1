"""The event as stored: one canonical JSON line of the log."""

from typing import Literal

from msgspec import UNSET, Raw, Struct, UnsetType

TimeSource = Literal["event", "payload", "arrival"]

MAX_EVENT_BYTES = 32 * 1024
MAX_TEXT = 128
MAX_DEPTH = 64


class Event(Struct, omit_defaults=True, gc=False):
    """One event. Instants are microseconds since the epoch (UTC, negative before 1970).

    ``seq`` is given by the log and 0 until then. ``properties`` and ``context`` are the JSON
    objects as received, checked, their values kept byte for byte (a line feed between them becomes
    a space: an entry of the log is one line); ``UNSET`` means absent.
    The field order is the key order of the line.
    """

    seq: int
    event_id: str
    event_type: str
    timestamp: int
    ingested_at: int
    account_id: str
    time_source: TimeSource
    user_id: str | None = None
    anonymous_id: str | None = None
    session_id: str | None = None
    properties: Raw | UnsetType = UNSET
    context: Raw | UnsetType = UNSET
