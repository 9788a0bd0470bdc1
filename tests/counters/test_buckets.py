"""Which bucket, and which buckets make up a range (SPEC 2)."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallybrook.counters.buckets import SIZES, buckets_of, cover, start_of, starts_between
from tallybrook.events.instants import MAX_US, MIN_US, MINUTE_US, format_instant, parse_instant

ANY = st.integers(MIN_US, MAX_US)


def us(text: str) -> int:
    instant = parse_instant(text)
    assert instant is not None
    return instant


def shown(instant: str) -> list[str]:
    return [format_instant(bucket.start_s * 1_000_000) for bucket in buckets_of(us(instant))]


def test_the_example_of_the_specification() -> None:
    """14:37:23 is in 14:37, 14:35, 14:30 and 14:00."""
    times = ("14:37", "14:35", "14:30", "14:00")
    assert shown("2024-01-19T14:37:23Z") == [f"2024-01-19T{time}:00Z" for time in times]


@pytest.mark.parametrize(
    ("instant", "starts"),
    [
        ("1969-12-31T23:59:59.999999Z", ["23:59", "23:55", "23:45", "23:00"]),
        ("1969-12-31T23:00:00Z", ["23:00"] * 4),
        ("1969-12-31T22:59:59.999999Z", ["22:59", "22:55", "22:45", "22:00"]),
        ("0001-01-01T00:00:00Z", ["00:00"] * 4),
        ("9999-12-31T23:59:59.999999Z", ["23:59", "23:55", "23:45", "23:00"]),
    ],
)
def test_a_true_floor(instant: str, starts: list[str]) -> None:
    """Before 1970 and at both ends of the calendar the floor is a floor."""
    assert shown(instant) == [f"{instant[:10]}T{start}:00Z" for start in starts]


@given(ANY)
def test_one_bucket_of_each_size(instant: int) -> None:
    """Half-open buckets that hold the instant, each inside the next size, on whole multiples."""
    found = buckets_of(instant)
    assert tuple(bucket.minutes for bucket in found) == SIZES
    for bucket in found:
        assert bucket.start_s * 1_000_000 <= instant < bucket.end_s * 1_000_000
        assert bucket.start_s % (60 * bucket.minutes) == 0
    for inner, outer in pairwise(found):
        assert outer.start_s <= inner.start_s
        assert inner.end_s <= outer.end_s


@given(ANY, st.integers(0, 10**10), st.sampled_from(SIZES))
def test_cover_tiles_the_whole_minutes(start: int, length: int, largest: int) -> None:
    """Every whole minute of the range once, in order, no bucket that sticks out, none too large."""
    end = min(MAX_US, start + length)
    spans = cover(start, end, largest)
    at = -(-start // MINUTE_US) * 60
    for span in spans:
        assert span.start_s == at < span.end_s
        assert span.start_s % (60 * span.minutes) == span.end_s % (60 * span.minutes) == 0
        assert span.minutes <= largest
        at = span.end_s
    assert at == max(end // MINUTE_US * 60, -(-start // MINUTE_US) * 60)


@given(ANY, st.integers(0, 10**10))
def test_cover_takes_the_largest_that_fit(start: int, length: int) -> None:
    """A larger bucket is used wherever one lies inside: sizes rise, then fall, and no run of
    smaller ones could be one of the next size."""
    spans = cover(start, min(MAX_US, start + length))
    sizes = [span.minutes for span in spans]
    top = sizes.index(max(sizes)) if sizes else 0
    assert sizes[: top + 1] == sorted(sizes[: top + 1])
    assert sizes[top:] == sorted(sizes[top:], reverse=True)
    for span in spans:
        larger = [size for size in SIZES if size > span.minutes]
        if larger:
            step = 60 * larger[0]
            assert -(-span.start_s // step) * step + step > span.end_s


def test_cover_of_less_than_a_minute_is_nothing() -> None:
    """No bucket is wholly inside."""
    start = us("2024-01-19T14:37:23Z")
    assert cover(start, start) == cover(start, start + MINUTE_US) == cover(start + 1, start) == []


@given(st.integers(-(10**6), 10**6), st.integers(0, 10**5), st.sampled_from(SIZES))
def test_starts_between(start: int, length: int, minutes: int) -> None:
    """Exactly the buckets that overlap the range."""
    step, end = 60 * minutes, start + length
    near = range(start // step * step - step, end + step, step)
    expected = [at for at in near if at < end and at + step > start]
    if length:
        assert list(starts_between(start, end, minutes)) == expected


def test_start_of_is_what_buckets_of_says() -> None:
    """Two ways to ask, one answer."""
    instant = us("2024-01-19T14:37:23Z")
    assert [start_of(instant, m) for m in SIZES] == [b.start_s for b in buckets_of(instant)]
