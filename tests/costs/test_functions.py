"""What a Lambda function costs: the worked examples, and what the free tier leaves of them."""

import math

import pytest

from tallybrook.costs.functions import (
    after_free_tier,
    duration_ms,
    lambda_cost,
    memory_advice,
    request_cost,
)
from tallybrook.costs.prices import Arch, prices
from tallybrook.errors import UsageError

P = prices()


@pytest.mark.parametrize(
    ("each_ms", "arch", "usd"),
    [(450, "x86_64", 0.00114), (1000, "x86_64", 0.00228), (450, "arm64", 0.00095),
     (1000, "arm64", 0.00187)],
)  # fmt: skip
def test_a_thousand_invocations_of_128_mb(each_ms: float, arch: Arch, usd: float) -> None:
    """Requests and GB-seconds of configured memory, to the digits that are printed."""
    assert round(lambda_cost(1000, each_ms, 128, arch, prices=P).estimated_usd, 5) == usd


def test_the_formula_to_the_last_digit() -> None:
    """1000 x 0.45 s x 0.125 GB are 56.25 GB-s."""
    found = lambda_cost(1000, 450, 128, "x86_64", prices=P)
    assert found.gb_s == 56.25
    assert found.compute_usd == pytest.approx(56.25 * 0.0000166667, rel=1e-12)
    assert found.request_usd == pytest.approx(0.0002, rel=1e-12)
    assert found.estimated_usd == found.request_usd + found.compute_usd
    assert found.cost_per_invocation == found.estimated_usd / 1000


def test_init_is_billed() -> None:
    """As part of every invocation, or of those that were cold starts."""
    warm = lambda_cost(1000, 450, 128, "x86_64", prices=P)
    cold = lambda_cost(1000, 450, 128, "x86_64", 800, cold_starts=100, prices=P)
    assert cold.gb_s - warm.gb_s == 100 * 0.8 / 8
    assert round(cold.estimated_usd, 5) == 0.0013
    every = lambda_cost(1000, 450, 128, "x86_64", 50, prices=P)
    assert every.estimated_usd == lambda_cost(1000, 500, 128, "x86_64", prices=P).estimated_usd


def test_nothing_costs_nothing() -> None:
    """And there is no cost of an invocation then."""
    found = lambda_cost(0, 450, 128, "arm64", prices=P)
    assert (found.estimated_usd, found.cost_per_invocation) == (0, None)


def test_the_free_tier_is_a_step_of_its_own() -> None:
    """3 million calls of a second at 128 MB: 375 000 GB-s are free, and a million calls."""
    listed = lambda_cost(3_000_000, 1000, 128, "x86_64", prices=P)
    assert listed.estimated_usd == pytest.approx(0.6 + 375_000 * 0.0000166667)
    requests, gb_s = after_free_tier(3_000_000, listed.gb_s, P)
    assert (requests, gb_s) == (2_000_000, 0)
    assert request_cost(requests, P) == pytest.approx(0.40)
    assert after_free_tier(10, 400_001, P) == (0, 1)


@pytest.mark.parametrize(
    ("mean_ms", "memory_mb", "advised"),
    [(3000, 128, False), (3000.1, 128, True), (9000, 256, False), (10, 128, False)],
)
def test_256_mb_are_advised_above_three_seconds(
    mean_ms: float, memory_mb: int, *, advised: bool
) -> None:
    """Not at three seconds, and not to who has them."""
    assert (memory_advice(mean_ms, memory_mb) is not None) == advised


def test_work_costs_the_same_at_any_memory() -> None:
    """Half the memory takes twice the time, up to a whole core; waiting does not."""
    assert duration_ms(10, 0, 128) * 128 == pytest.approx(duration_ms(10, 0, 1024) * 1024)
    assert duration_ms(0, 30, 128) == duration_ms(0, 30, 1024) == 30
    assert duration_ms(10, 0, 1769) == duration_ms(10, 0, 10240) == 10


@pytest.mark.parametrize(
    "bad",
    [
        {"invocations": -1}, {"duration_ms": -0.1}, {"duration_ms": math.nan},
        {"duration_ms": math.inf}, {"memory_mb": 127}, {"memory_mb": 10241}, {"memory_mb": 0},
        {"arch": "mips"}, {"init_ms": math.nan}, {"init_ms": -1}, {"cold_starts": 2},
        {"cold_starts": -1},
    ],
)  # fmt: skip
def test_nonsense_is_refused(bad: dict) -> None:
    """By its name, and no number comes out."""
    good = {"invocations": 1, "duration_ms": 1, "memory_mb": 128, "arch": "arm64", "init_ms": 0}
    with pytest.raises(UsageError, match=next(iter(bad))):
        lambda_cost(**(good | bad), prices=P)
