"""The token bucket of a key."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallybrook.accounts.rates import TokenBucket
from tallybrook.errors import RateLimitedError


def test_two_seconds_of_burst_then_the_rate() -> None:
    """A burst of two seconds passes at once; after that the rate, and the wait is told."""
    bucket = TokenBucket(5)
    for _ in range(10):
        bucket.take(1, 0.0)
    with pytest.raises(RateLimitedError) as caught:
        bucket.take(1, 0.0)
    assert caught.value.retry_after_s == 1
    bucket.take(1, 0.2)
    with pytest.raises(RateLimitedError):
        bucket.take(1, 0.2)


def test_a_batch_over_the_burst_passes_when_full() -> None:
    """A batch heavier than the whole burst is let through when the bucket is full, and is owed."""
    bucket = TokenBucket(5)
    bucket.take(100, 0.0)
    with pytest.raises(RateLimitedError) as caught:
        bucket.take(1, 0.0)
    assert caught.value.retry_after_s == 19
    bucket.take(1, 18.3)


def test_slow_rates_pass_one() -> None:
    """A rate below one a second lets one through, and then says how long to wait."""
    bucket = TokenBucket(0.1)
    bucket.take(1, 0.0)
    with pytest.raises(RateLimitedError) as caught:
        bucket.take(1, 0.0)
    assert caught.value.retry_after_s == 10


@given(
    st.floats(0.1, 100),
    st.lists(st.tuples(st.integers(1, 5), st.floats(0, 3)), min_size=1, max_size=60),
)
def test_never_more_than_burst_and_rate(rate: float, steps: list[tuple[int, float]]) -> None:
    """Whatever the order of asking, no more passes than the burst and the rate allow, but for the
    one batch that may be owed."""
    bucket, now, passed = TokenBucket(rate), 0.0, 0
    for items, pause in steps:
        now += pause
        with suppress(RateLimitedError):
            bucket.take(items, now)
            passed += items
    assert passed <= bucket.burst + rate * now + 5 + 1e-6
