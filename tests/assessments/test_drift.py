"""Drift: Welch's test as scipy does it, edges, and how often it errs."""

import random
from typing import Any

import pytest

from tallybrook.assessments.agreement.drift import (
    ALPHA,
    BASELINE_BLOCKS,
    BLOCK,
    Block,
    Standing,
    after,
    begins,
    block_of,
    compare,
    look,
    looks,
    pooled,
)
from tallybrook.assessments.agreement.student import t_as_z, t_quantile
from tests.assessments.dual import drawn, measured
from tests.entities.world import NOW_US


def of(rates: list[float], at: int = 0) -> Block:
    mean = sum(rates) / len(rates)
    variance = sum((one - mean) ** 2 for one in rates) / (len(rates) - 1)
    return Block(len(rates), mean, variance, None, at, at, "")


def quick(draw: random.Random, spread: float, at: int = 0) -> Block:
    """A block of messages whose second AI strays by ``spread`` points a domain."""
    return of(
        [sum(min(abs(draw.gauss(0, spread)) / 20, 1) for _ in range(5)) / 5 for _ in range(BLOCK)],
        at,
    )


def test_welchs_test_beside_scipy(stats: Any) -> None:
    """t, degrees of freedom, p and interval as scipy's, for blocks of any spread and size."""
    draw = random.Random(8)
    for _ in range(40):
        a = [draw.gauss(0.2, draw.uniform(0.01, 0.2)) for _ in range(BLOCK)]
        b = [draw.gauss(0.18, 0.1) for _ in range(draw.randint(BLOCK, 500))]
        theirs = stats.ttest_ind(a, b, equal_var=False, alternative="greater")
        both = stats.ttest_ind(a, b, equal_var=False)
        ours = compare(of(a), of(b))
        assert ours.t == pytest.approx(theirs.statistic)
        assert ours.df == pytest.approx(both.df)
        assert ours.p == pytest.approx(theirs.pvalue, abs=2e-4, rel=0.02)
        interval = both.confidence_interval(0.95)
        assert ours.interval == pytest.approx((interval.low, interval.high), abs=1e-4)


def test_quantiles_of_t(stats: Any) -> None:
    """Within 0.3 % of scipy's from 10 degrees of freedom on, both ways."""
    for df in (10, 30, 49, 120, 550):
        for p in (0.001, 0.025, 0.5, 0.95, 0.975, 0.999):
            assert t_quantile(p, df) == pytest.approx(stats.t.ppf(p, df), rel=0.003, abs=1e-9)
            assert t_as_z(stats.t.ppf(p, df), df) == pytest.approx(stats.norm.ppf(p), abs=0.01)


def test_blocks_pool_to_the_whole() -> None:
    """Mean and variance of blocks together are those of all their messages."""
    draw = random.Random(2)
    rates = [[draw.random() for _ in range(BLOCK)] for _ in range(4)]
    whole = pooled([of(one) for one in rates])
    together = of([rate for one in rates for rate in one])
    assert (whole.n, whole.mean) == (200, pytest.approx(together.mean))
    assert whole.variance == pytest.approx(together.variance)


def test_edges() -> None:
    """Quiet at first, one edge when agreement falls, none while it stays low, over when it is
    back; and what is low for ten blocks is the new level."""
    draw = random.Random(1)
    spreads = [4.0] * 12 + [7.0] * 4 + [4.0] * 6 + [7.0] * 12
    standing, verdicts, edges = Standing(), [], []
    for number, spread in enumerate(spreads):
        seen = look(standing, quick(draw, spread, number))
        edges += [number] if begins(standing, seen) else []
        standing = after(standing, seen, f"alert{number}")
        verdicts.append(seen.verdict)
        assert (standing.alert_id is not None) == (seen.verdict == "drifting")
    assert edges == [12, 22]
    assert verdicts[:2] == ["too_early"] * 2
    assert set(verdicts[2:12]) == {"steady"}
    assert verdicts[16] == "over"
    assert verdicts[22 + BASELINE_BLOCKS - 1] == "accepted"
    assert verdicts[32:] == ["steady"] * 2


def test_little_and_nothing_are_no_drift() -> None:
    """A rise below 0.02 is none however certain; equal scores without variance are none, and
    without variance any rise is certain."""
    flat = Standing((of([0.1] * BLOCK), of([0.1] * BLOCK)))
    assert look(flat, of([0.119] * BLOCK)).verdict == "steady"
    assert look(flat, of([0.1] * BLOCK)).verdict == "steady"
    assert look(flat, of([0.13] * BLOCK)).verdict == "drifting"
    assert look(flat, of([0.05] * BLOCK)).verdict == "steady"


def test_looks_at_messages() -> None:
    """Messages of a file are cut into blocks in their order; a rest of less than 50 waits."""
    draw = random.Random(7)
    held = [measured(drawn(draw, n, NOW_US + n, spread=3 if n < 300 else 9)) for n in range(449)]
    found = [seen.verdict for _, seen in looks(held)]
    assert found == ["too_early"] * 2 + ["steady"] * 4 + ["drifting"] * 2
    block = block_of(held[:BLOCK])
    assert (block.n, block.first_at, block.last_at) == (50, NOW_US, NOW_US + 49)
    assert block.models == ("one / ?",)


@pytest.mark.parametrize("heavy", [False, True])
def test_how_often_it_errs(heavy: bool) -> None:
    """While nothing changes, at most about one look in a thousand is an alarm, also with a heavy
    tail; a spread half as large again is seen within two blocks nearly always."""
    draw = random.Random(12)
    standing, alarms, blocks = Standing(), 0, 1500
    for number in range(blocks):
        spread = 4.0
        block = quick(draw, spread, number)
        if heavy:
            block = of([min(1.0, draw.expovariate(10)) for _ in range(BLOCK)], number)
        seen = look(standing, block)
        alarms += begins(standing, seen)
        standing = after(standing, seen)
    assert alarms <= 5  # Poisson of mean 1.5: more than 5 is 0.4 %
    assert ALPHA * blocks == 1.5
    if not heavy:
        found = 0
        for _ in range(30):
            base = Standing(tuple(quick(draw, 4.0) for _ in range(BASELINE_BLOCKS)))
            for _ in range(2):
                seen = look(base, quick(draw, 6.0))
                if seen.verdict == "drifting":
                    found += 1
                    break
                base = after(base, seen)
        assert found >= 28
