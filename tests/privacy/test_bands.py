"""Numbers and instants come out coarse, and at every edge on the side that was promised."""

import math
from typing import Any

import pytest

from tallybrook.privacy import bands


@pytest.mark.parametrize(
    ("age", "band"),
    [
        (0.5, "under-18"), (17, "under-18"), (17.99, "under-18"), (18, "18-20"), (20, "18-20"),
        (20.9, "18-20"), (21, "21-30"), (30, "21-30"), (31, "31-40"), (40, "31-40"),
        (41, "41-50"), (50, "41-50"), (51, "51-60"), (60, "51-60"), (61, "61+"), (130, "61+"),
        ("34", "31-40"), (" 34 ", "31-40"), (10**400, "61+"),
        (0, None), (-1, None), ("0", None), (None, None), ("", None), ("forty", None),
        (True, None), ([34], None), (math.nan, None), (math.inf, None), ("1e9", None),
        ("+4915112345678", None),
    ],
)  # fmt: skip
def test_age_bands(age: Any, band: str | None) -> None:
    """They nest in the norm groups (below 21, to 40, to 60, above); zero and below have none."""
    assert bands.age_range(age) == band


@pytest.mark.parametrize(
    ("years", "band"),
    [
        (0, "0-2"), (1.99, "0-2"), (2, "2-5"), (4.9, "2-5"), (5, "5-10"), (9, "5-10"),
        (10, "10-15"), (14.9, "10-15"), (15, "15+"), (60, "15+"), ("7", "5-10"),
        (-0.5, None), (None, None), (False, None), ("many", None), ({}, None),
    ],
)  # fmt: skip
def test_experience_bands(years: Any, band: str | None) -> None:
    """The upper bound belongs to the next; no experience is a value, and nothing said is none."""
    assert bands.experience(years) == band


@pytest.mark.parametrize(
    ("stamp", "hour"),
    [
        ("2026-03-01T10:59:59.999Z", "2026-03-01T10:00:00Z"),
        ("2026-03-01T10:00:00Z", "2026-03-01T10:00:00Z"),
        ("2026-03-01 01:30:00+02:00", "2026-02-28T23:00:00Z"),
        ("1969-12-31T23:59:00Z", "1969-12-31T23:00:00Z"),
        ("2026-03-01", "2026-03-01T00:00:00Z"),
        ("0001-01-01T00:30:00Z", "0001-01-01T00:00:00Z"),
        ("soon", None), ("", None), (None, None), (1_700_000_000, None), ({}, None),
    ],
)  # fmt: skip
def test_hours(stamp: Any, hour: str | None) -> None:
    """The hour in UTC in which the instant lies, also before 1970; a bare number is no instant."""
    assert bands.hour_of(stamp) == hour


@pytest.mark.parametrize(
    ("taken_ms", "seconds"),
    [
        (0, 0), (9_999, 0), (10_000, 10), (754_321, 750), (759_999.9, 750), (760_000, 760),
        (86_400_000, 86_400), (4_915_112_345_678, 86_400), (10**400, 86_400),
        (-1, None), (None, None), (True, None), ("fast", None), (math.nan, None),
    ],
)  # fmt: skip
def test_completion_times(taken_ms: Any, seconds: int | None) -> None:
    """In steps of ten seconds, cut; zero is a value; what is longer than a day is a day."""
    assert bands.completion_s(taken_ms) == seconds
