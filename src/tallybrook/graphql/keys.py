"""Keys, conditions on keys and page tokens: from text and back. Pure."""

import base64
import re
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct

from tallybrook.counters.buckets import SIZES
from tallybrook.errors import InvalidError
from tallybrook.events.instants import MAX_US, MIN_US, format_instant, parse_instant
from tallybrook.ports.records import Interval, Place

_TYPE = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}", re.ASCII)
LAST = "\U0010ffff"
"""Sorts after every key."""


class Bucket(Struct, frozen=True):
    """The bucket of a composite key."""

    record_type: str
    start_s: int
    minutes: int


def composite_key(bucket: Bucket) -> str:
    """``items#2024-01-19T14:35:00Z#5``."""
    start = format_instant(bucket.start_s * 1_000_000)
    return f"{bucket.record_type}#{start}#{bucket.minutes}"


def parse_key(text: str) -> Bucket:
    """The bucket of a composite key. Raises ``InvalidError``."""
    record_type, _, rest = text.partition("#")
    start, _, minutes = rest.partition("#")
    if not minutes.isdecimal() or len(minutes) > 3:
        raise InvalidError.of("/compositeKey", "must be recordType#timeRangeStart#numberOfMinutes")
    return bucket_of(record_type, start, int(minutes))


def bucket_of(record_type: str, start: str, minutes: int) -> Bucket:
    """The bucket of these parts. Raises ``InvalidError``."""
    if not _TYPE.fullmatch(record_type):
        raise InvalidError.of("/recordType", "is not a type name")
    if minutes not in SIZES:
        raise InvalidError.of("/numberOfMinutes", f"must be one of {', '.join(map(str, SIZES))}")
    at = instant("/timeRangeStart", start)
    if at % (minutes * 60_000_000):
        raise InvalidError.of("/timeRangeStart", f"does not start a bucket of {minutes} minutes")
    return Bucket(record_type, at // 1_000_000, minutes)


def instant(pointer: str, text: str) -> int:
    """Microseconds of an instant. Raises ``InvalidError``."""
    found = parse_instant(text)
    if found is None:
        raise InvalidError.of(pointer, "is not an instant")
    return found


class Bounds(Struct, frozen=True):
    """Keys from ``low`` to ``high``; an open end leaves the bound itself out."""

    low: str = ""
    high: str = LAST
    open_low: bool = False
    open_high: bool = False

    def hold(self, key: str) -> bool:
        above = key > self.low if self.open_low else key >= self.low
        below = key < self.high if self.open_high else key <= self.high
        return above and below


def bounds(pointer: str, condition: Mapping[str, Any] | None) -> Bounds:
    """The bounds of a key condition. Raises ``InvalidError`` unless it is exactly one."""
    given = {name: value for name, value in (condition or {}).items() if value is not None}
    if not given:
        return Bounds()
    if len(given) > 1:
        raise InvalidError.of(pointer, "must be one condition")
    ((name, value),) = given.items()
    if name == "between":
        if not isinstance(value, list) or len(value) != 2:
            raise InvalidError.of(f"{pointer}/between", "must be two values")
        return Bounds(value[0], value[1])
    by_name = {
        "eq": Bounds(value, value),
        "ge": Bounds(low=value),
        "gt": Bounds(low=value, open_low=True),
        "le": Bounds(high=value),
        "lt": Bounds(high=value, open_high=True),
        "beginsWith": Bounds(value, value + LAST),
    }
    if name not in by_name:
        raise InvalidError.of(pointer, f"knows no {name}")
    return by_name[name]


def interval(pointer: str, condition: Mapping[str, Any] | None) -> Interval:
    """The same of instants: ``[start, end)``, which compares them as instants, never as text."""
    if condition and condition.get("beginsWith") is not None:
        raise InvalidError.of(f"{pointer}/beginsWith", "is for keys, not for instants")
    found = bounds(pointer, condition)
    start, end = MIN_US, MAX_US + 1
    if found.low:
        start = instant(pointer, found.low) + found.open_low
    if found.high != LAST:
        end = instant(pointer, found.high) + (not found.open_high)
    return Interval(start, end)


_EARLIEST, _LATEST = "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"


def span_of(found: Bounds, record_type: str) -> tuple[int, int] | None:
    """Seconds ``[start, end)`` that hold every bucket of the type within the bounds, or None.

    It may hold others: a bound can be any text. ``Bounds.hold`` decides.
    """
    prefix = f"{record_type}#"
    if found.high < prefix or found.low > prefix + LAST:
        return None
    start, end = MIN_US // 1_000_000, MAX_US // 1_000_000 + 1
    if found.low.startswith(prefix):
        start = _seconds(found.low.removeprefix(prefix), _EARLIEST, start)
    if found.high.startswith(prefix):
        end = _seconds(found.high.removeprefix(prefix), _LATEST, end - 1) + 1
    return start, end


def _seconds(text: str, padding: str, otherwise: int) -> int:
    text = text.removesuffix(LAST)[: len(padding)]
    at = parse_instant(text + padding[len(text) :])
    return otherwise if at is None else at // 1_000_000


def token(value: Any) -> str:
    """An opaque page token."""
    return base64.urlsafe_b64encode(msgspec.json.encode(value)).decode().rstrip("=")


def key_of_token(text: str) -> str:
    """The composite key that a page ended at."""
    found: str = _untoken(text, str)
    return found


def place_of_token(text: str) -> Place:
    """The record that a page ended at."""
    at, record_id = _untoken(text, tuple[int, str])
    return Place(at, record_id)


def _untoken(text: str, kind: Any) -> Any:
    try:
        padded = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        return msgspec.json.decode(padded, type=kind)
    except (ValueError, msgspec.MsgspecError):
        raise InvalidError.of("/nextToken", "is not a token that was given out") from None
