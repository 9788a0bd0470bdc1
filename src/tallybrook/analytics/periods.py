"""The periods a series is grouped by. Pure; all of them in UTC, weeks from Monday (ISO 8601)."""

from datetime import UTC, datetime, timedelta

from tallybrook.events.instants import DAY_US, HOUR_US, MAX_US, MINUTE_US, from_us, to_us

_FIXED_US = {"1m": MINUTE_US, "5m": 5 * MINUTE_US, "15m": 15 * MINUTE_US, "1h": HOUR_US,
             "1d": DAY_US}  # fmt: skip
GROUPS = (*_FIXED_US, "1w", "1mo")

BASE_MINUTES = {"1m": 1, "5m": 5, "15m": 15, "1h": 60, "1d": 60, "1w": 60, "1mo": 60}
"""The largest stored bucket size that nests in each group."""


def floor_to(instant_us: int, group: str) -> int:
    """The start of the period that holds the instant."""
    if group in _FIXED_US:
        return instant_us // _FIXED_US[group] * _FIXED_US[group]
    day = from_us(instant_us // DAY_US * DAY_US)
    if group == "1w":
        # Weeks of the year 1 that began before it start with it.
        return to_us(day) - min(day.weekday(), (day - _FIRST).days) * DAY_US
    return to_us(day.replace(day=1))


def following(start_us: int, group: str) -> int:
    """The start of the period after the one that starts at ``start_us``."""
    if group in _FIXED_US:
        return start_us + _FIXED_US[group]
    if group == "1w":
        start = from_us(start_us)
        return start_us + (7 - start.weekday()) * DAY_US
    start = from_us(start_us)
    if (start.year, start.month) == (9999, 12):
        return MAX_US + 1
    return to_us((start + timedelta(days=32)).replace(day=1))


def periods(start_us: int, end_us: int, group: str, most: int) -> list[int] | None:
    """Starts of the periods that overlap ``[start_us, end_us)``; None when over ``most``."""
    starts: list[int] = []
    start = floor_to(start_us, group)
    while start < end_us:
        if len(starts) == most:
            return None
        starts.append(start)
        start = following(start, group)
    return starts


_FIRST = datetime(1, 1, 1, tzinfo=UTC)
