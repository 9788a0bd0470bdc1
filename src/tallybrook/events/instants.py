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
_tails: dict[str, int] = {}
_KEPT_MINUTES = 10_000
_TAIL = re.compile(r"[0-5]\d(\.\d{3})?Z", re.ASCII)


def fast_instant(text: str) -> int | None:
    """``parse_instant`` for the hot path: the same answers, the usual forms much quicker.

    Minutes recur, and so do the 60 060 ways to go on from ``2026-01-31T09:30:`` with whole
    seconds or milliseconds: both halves are looked up.
    """
    base = _minutes.get(text[:17])
    if base is not None:
        tail = _tails.get(text[17:])
        if tail is not None:
            return base + tail
    return _quick(text)


def _quick(text: str) -> int | None:
    """The next best: ``datetime.fromisoformat`` reads more than we accept (week dates, any
    separator) and less (``z``, year 1 with an offset), so it only sees the one common shape."""
    common = (
        20 <= len(text) <= 32
        and text[4:17:3] == "--T::"
        and (text[-1] == "Z" or text[-6:] == "+00:00")
        and (text[19] in "Z+" or text[20].isdigit())
    )
    if not common:
        return parse_instant(text)
    try:
        gap = datetime.fromisoformat(text) - _EPOCH
    except ValueError:
        return parse_instant(text)
    instant = gap.days * DAY_US + gap.seconds * 1_000_000 + gap.microseconds
    if _TAIL.fullmatch(text, 17):
        _remember(text, instant)
    return instant


def _remember(text: str, instant: int) -> None:
    if len(_minutes) >= _KEPT_MINUTES:
        _minutes.clear()
    _minutes[text[:17]] = instant // MINUTE_US * MINUTE_US
    _tails[text[17:]] = instant % MINUTE_US
