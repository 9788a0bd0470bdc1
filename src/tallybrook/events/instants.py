"""Instants: text to microseconds since the epoch and back. Pure.

Accepted: RFC 3339 and the common ISO 8601 variants (``Z``/``z``, offsets with or without colon,
space for ``T``, comma fractions, hours and minutes only, date only). Without an offset the text
is UTC. Digits below a microsecond are cut off, not rounded. A leap second counts as the next
second. Anything else, a bare number above all, is ``None``: never replaced by the clock.
"""

import re
from datetime import UTC, datetime, timedelta

MINUTE_US = 60_000_000
HOUR_US = 60 * MINUTE_US
DAY_US = 24 * HOUR_US

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_TEXT = re.compile(
    r"(\d{4})-(\d{2})-(\d{2})"
    r"(?:[Tt ](\d{2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,30}))?)?"
    r"(?: ?([Zz])| ?([+-])(\d{2}):?(\d{2})?)?)?",
    re.ASCII,
)


def parse_instant(text: str) -> int | None:
    """Microseconds since the epoch of ``text``, or None when it names no instant."""
    match = _TEXT.fullmatch(text.strip())
    if match is None:
        return None
    year, month, day, hour, minute, second, fraction, _zulu, sign, off_h, off_m = match.groups()
    micros = int((fraction or "0")[:6].ljust(6, "0"))
    leap = second == "60"
    try:
        base = datetime(
            int(year), int(month), int(day), int(hour or 0), int(minute or 0),
            59 if leap else int(second or 0), tzinfo=UTC,
        )  # fmt: skip
    except ValueError:
        return None
    offset_min = int(off_h or 0) * 60 + int(off_m or 0)
    if int(off_m or 0) > 59 or offset_min > 24 * 60:
        return None
    shift = offset_min * MINUTE_US * (-1 if sign == "+" else 1)
    instant = to_us(base) + micros + shift + (1_000_000 if leap else 0)
    return instant if MIN_US <= instant <= MAX_US else None


def to_us(moment: datetime) -> int:
    """Exact microseconds since the epoch of an aware datetime."""
    return (moment - _EPOCH) // _MICROSECOND


def from_us(instant_us: int) -> datetime:
    """The aware UTC datetime of an instant within the years 1 to 9999."""
    return _EPOCH + timedelta(microseconds=instant_us)


def format_instant(instant_us: int) -> str:
    """RFC 3339 text with ``Z``; a fraction only where there is one. Year 9999 is the last."""
    instant_us = min(max(instant_us, MIN_US), MAX_US)
    seconds, micros = divmod(instant_us, 1_000_000)
    text = from_us(seconds * 1_000_000).strftime("%m-%dT%H:%M:%S")
    year = from_us(seconds * 1_000_000).year
    tail = f".{micros:06d}".rstrip("0") if micros else ""
    return f"{year:04d}-{text}{tail}Z"


MIN_US = to_us(datetime(1, 1, 1, tzinfo=UTC))
MAX_US = to_us(datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC))


_minutes: dict[str, int] = {}
_KEPT_MINUTES = 10_000


def fast_instant(text: str) -> int | None:
    """``parse_instant`` for the hot path: the same answers, the usual forms much quicker.

    Minutes recur, so ``2026-01-31T09:30:`` is looked up; what is left of the two usual forms
    (whole seconds, and milliseconds, both with ``Z``) is two or five digits.
    """
    base = _minutes.get(text[:17])
    if base is not None and text[-1:] == "Z" and text.isascii():
        digits = text[17:19] + text[20:23]
        if digits.isdigit() and digits < "60":
            if len(text) == 24 and text[19] == ".":
                return base + int(digits) * 1000
            if len(text) == 20:
                return base + int(digits) * 1_000_000
    return _parse_and_remember(text)


def _parse_and_remember(text: str) -> int | None:
    instant = parse_instant(text)
    if instant is not None and len(text) >= 20 and text[10] == "T" and text[16] == ":":
        start = parse_instant(text[:17] + "00Z")
        if start is not None:
            if len(_minutes) >= _KEPT_MINUTES:
                _minutes.clear()
            _minutes[text[:17]] = start
    return instant
