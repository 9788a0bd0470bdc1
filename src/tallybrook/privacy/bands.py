"""Numbers and instants made coarse. Pure. What is absent or cannot be read is None.

Bands hold their lower bound and not their upper one; whatever is cut goes down.
"""

import math
import re
from typing import Any

from tallybrook.events.instants import HOUR_US, format_instant, parse_instant

AGES = ("under-18", "18-20", "21-30", "31-40", "41-50", "51-60", "61+")
EXPERIENCES = ("0-2", "2-5", "5-10", "10-15", "15+")
LONGEST_S = 24 * 3600
"""A longer completion is given as this: its digits could be somebody's number."""

_AGES_FROM = (18, 21, 31, 41, 51, 61)
_WHOLE_AGES = (17, *_AGES_FROM)
_EXPERIENCES_FROM = (2, 5, 10, 15)
_NUMBER = re.compile(r"-?\d{1,6}(\.\d{1,6})?", re.ASCII)


def age_range(age: Any) -> str | None:
    """The band of an age in years; None also for zero and below."""
    years = number(age)
    return None if years is None or years <= 0 else _band(years, _AGES_FROM, AGES)


def lowest_age(band: str | None) -> int | None:
    """A whole age in a band of ``age_range``: its lowest; of those under 18 the highest."""
    return None if band is None else _WHOLE_AGES[AGES.index(band)]


def experience(years_given: Any) -> str | None:
    """The band of years of experience; zero has one, below it is None."""
    years = number(years_given)
    return None if years is None or years < 0 else _band(years, _EXPERIENCES_FROM, EXPERIENCES)


def hour_of(stamp: Any) -> str | None:
    """The hour in which an instant lies."""
    instant = parse_instant(stamp) if isinstance(stamp, str) else None
    return None if instant is None else format_instant(instant // HOUR_US * HOUR_US)


def completion_s(taken_ms: Any) -> int | None:
    """Seconds in steps of ten, at most a day; None below zero."""
    taken = number(taken_ms)
    return None if taken is None or taken < 0 else int(min(taken // 10_000 * 10, LONGEST_S))


def number(value: Any) -> float | None:
    """A finite number, or a text that is one, as CSV has them; no truth value is one."""
    if isinstance(value, str):
        text = value.strip()
        return float(text) if _NUMBER.fullmatch(text) else None
    if isinstance(value, int):
        return None if isinstance(value, bool) else value
    return value if isinstance(value, float) and math.isfinite(value) else None


def _band(value: float, bounds: tuple[int, ...], names: tuple[str, ...]) -> str:
    return names[sum(value >= bound for bound in bounds)]
