"""The periods of a series: UTC, ISO weeks, calendar months (SPEC 1)."""

import itertools
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallybrook.analytics.periods import BASE_MINUTES, GROUPS, floor_to, following, periods
from tallybrook.events.instants import MAX_US, MIN_US, MINUTE_US, format_instant, from_us
from tests.counters.world import us

ANY = st.integers(MIN_US, MAX_US)


@pytest.mark.parametrize(
    ("group", "start", "after"),
    [
        ("1m", "2024-01-19T14:37:00Z", "2024-01-19T14:38:00Z"),
        ("5m", "2024-01-19T14:35:00Z", "2024-01-19T14:40:00Z"),
        ("15m", "2024-01-19T14:30:00Z", "2024-01-19T14:45:00Z"),
        ("1h", "2024-01-19T14:00:00Z", "2024-01-19T15:00:00Z"),
        ("1d", "2024-01-19T00:00:00Z", "2024-01-20T00:00:00Z"),
        ("1w", "2024-01-15T00:00:00Z", "2024-01-22T00:00:00Z"),
        ("1mo", "2024-01-01T00:00:00Z", "2024-02-01T00:00:00Z"),
    ],
)
def test_the_period_of_an_instant(group: str, start: str, after: str) -> None:
    """The start of the period that holds it, and of the one after."""
    found = floor_to(us("2024-01-19T14:37:23Z"), group)
    assert format_instant(found) == start
    assert format_instant(following(found, group)) == after


@given(ANY)
def test_weeks_are_iso_weeks(instant: int) -> None:
    """A week starts on its Monday; two instants share one exactly when ISO 8601 says so."""
    start = floor_to(instant, "1w")
    assert from_us(start).isocalendar()[:2] == from_us(instant).isocalendar()[:2]
    assert start == MIN_US or from_us(start).weekday() == 0


@given(ANY, st.sampled_from(GROUPS))
def test_periods_hold_their_instants(instant: int, group: str) -> None:
    """start <= instant < following, and every period is whole buckets of its base size."""
    start = floor_to(instant, group)
    assert start <= instant < following(start, group)
    step = BASE_MINUTES[group] * MINUTE_US
    assert start % step == following(start, group) % step == 0 or following(start, group) > MAX_US


@given(ANY, st.integers(0, 400 * 86_400_000_000), st.sampled_from(GROUPS))
def test_periods_tile_the_range(start: int, length: int, group: str) -> None:
    """In order, without holes, from the start's period to the end's; None if too many."""
    end = min(MAX_US + 1, start + length)
    found = periods(start, end, group, 500)
    if found is None:
        assert end - start > 499 * MINUTE_US
        return
    assert all(following(a, group) == b for a, b in itertools.pairwise(found))
    if start < end:
        assert found[0] == floor_to(start, group)
        assert found[-1] < end <= following(found[-1], group)
    else:
        assert found == [] or floor_to(start, group) < end


def test_february_of_a_leap_year() -> None:
    """Months have the days they have."""
    start = us("2024-02-01")
    assert from_us(following(start, "1mo")) == datetime(2024, 3, 1, tzinfo=UTC)
    found = periods(us("2023-11-30"), us("2024-03-01"), "1mo", 10)
    assert found is not None
    assert [format_instant(at)[:7] for at in found] == ["2023-11", "2023-12", "2024-01", "2024-02"]
