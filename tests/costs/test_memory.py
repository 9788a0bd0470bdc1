"""Which memory is advised, and by what it goes."""

from typing import Any

import pytest

from infra.functions import FUNCTIONS
from tallybrook.costs.functions import WHOLE_CORE_MB
from tallybrook.costs.invoked import PEAK_MB, SLOW, Amounts, merge, of_invocation
from tallybrook.costs.memory import (
    LEAST_RUNS,
    Measured,
    Runs,
    Size,
    cheapest,
    choose,
    fits,
    runs,
    usd_per_1000,
)
from tallybrook.costs.prices import prices
from tallybrook.costs.report import report
from tallybrook.costs.tiers import tier_of
from tallybrook.ports.usage import Usage

DAY, NEXT = "2026-03-04", "2026-03-05"
KNOWN = prices()
MS = {128: 1200.0, 256: 500.0, 512: 300.0, 1024: 200.0}
"""Of a function that works and waits: the second size is the cheapest."""


def table() -> Runs:
    sizes = tuple(
        Size(memory_mb=mb, runs=9, mean_ms=ms, slowest_ms=1.5 * ms, peak_mb=60.0)
        for mb, ms in MS.items()
    )
    found = Measured(function="f", limit_ms=3000.0, sizes=sizes)
    return Runs(as_of="2026-11-21", source="runs", functions=(found,))


def used(day: str, memory_mb: int, ms: float, calls: int = LEAST_RUNS, **more: Any) -> list[Usage]:
    """A day of invocations, as functions record them."""
    sums: Amounts = {}
    for _ in range(calls):
        merge(sums, of_invocation("f", ms, memory_mb, "arm64", **more))
    return [Usage(day, "a", f, m, q) for (f, m), q in sums.items() if q]


def chosen(rows: list[Usage], now_mb: int = 128) -> tuple[int, bool, str]:
    found = choose(table(), rows, "f", now_mb, "arm64", KNOWN)
    assert found is not None
    return found.best.memory_mb, found.now_fits, found.source


def test_dollars_of_a_size() -> None:
    """1,000 × 450 ms at 128 MB are $0.00114 on x86_64 and $0.00095 on arm64."""
    size = Size(memory_mb=128, runs=1, mean_ms=450.0)
    assert round(usd_per_1000(size, "x86_64", KNOWN), 5) == 0.00114
    assert round(usd_per_1000(size, "arm64", KNOWN), 5) == 0.00095


def test_the_cheapest_that_fits() -> None:
    """Slow ones and those without an eighth of their memory free are passed over."""
    (found,) = table().functions
    sizes = {size.memory_mb: size for size in found.sizes}
    assert cheapest(found, "arm64", KNOWN) == sizes[256]
    even = Measured(function="g", limit_ms=3000.0, sizes=(
        Size(memory_mb=128, runs=1, mean_ms=104.0), Size(memory_mb=256, runs=1, mean_ms=50.0),
    ))  # fmt: skip
    assert cheapest(even, "arm64", KNOWN) == even.sizes[0]
    assert fits(Size(memory_mb=128, runs=1, mean_ms=1.0, peak_mb=112.0), 3000)
    assert not fits(Size(memory_mb=128, runs=1, mean_ms=1.0, peak_mb=112.1), 3000)
    assert not fits(sizes[256], 749)
    assert fits(sizes[256], 750)


def test_own_invocations_go_first() -> None:
    """At several sizes they alone decide; at one, the table carries them over; else the table is
    all there is. A day of two sizes, and few invocations, say nothing."""
    assert chosen([]) == (256, True, "runs of 2026-11-21 at 4 sizes")
    one = used(DAY, 128, 100.0)
    assert chosen(one) == (256, True, "own invocations at 128 MB and runs of 2026-11-21 at 4 sizes")
    both = one + used(NEXT, 256, 90.0)
    assert chosen(both, 256) == (128, True, "own invocations at 128 and 256 MB")
    assert chosen(one + used(DAY, 256, 90.0))[2] == "runs of 2026-11-21 at 4 sizes"
    assert chosen(used(DAY, 128, 1.0, LEAST_RUNS - 1))[2] == "runs of 2026-11-21 at 4 sizes"


def test_what_is_slow_or_full_does_not_fit() -> None:
    """More than one invocation in a hundred over 3 s, or own memory nearly full: more memory."""
    quick, slow = used(DAY, 128, 10.0, 198), used(DAY, 128, 3001.0, 2)
    other = used(NEXT, 256, 30.0, 200)
    assert chosen([*quick, *slow, *other])[:2] == (128, True)
    slower = used(DAY, 128, 3001.0, 3)
    assert chosen([*quick, *slower, *other])[:2] == (256, False)
    assert {row.quantity for row in slower if row.meter == SLOW} == {3.0}
    full = used(DAY, 128, 10.0, peak_mb=112.5)
    assert {row.meter for row in full if row.meter.startswith(PEAK_MB)} == {f"{PEAK_MB}128"}
    assert chosen(full)[:2] == (256, False)


def test_nothing_is_said_of_what_nobody_measured() -> None:
    """And nothing where no size is enough."""
    assert choose(table(), [], "g", 128, "arm64", KNOWN) is None
    assert choose(table(), used(DAY, 128, 60_000.0), "f", 128, "arm64", KNOWN) is None


def test_every_function_was_measured() -> None:
    """At several sizes up to a whole core, each with what it held; and each fits in one."""
    found = {one.function: one for one in runs().functions}
    assert found.keys() == {spec.name for spec in FUNCTIONS}
    for one in found.values():
        assert [size.memory_mb for size in one.sizes] == sorted(s.memory_mb for s in one.sizes)
        assert len(one.sizes) >= 3
        assert one.sizes[-1].memory_mb == WHOLE_CORE_MB
        assert all(size.peak_mb and size.core_ms for size in one.sizes)
        assert cheapest(one, "arm64", KNOWN) is not None


def test_the_report_says_it_with_its_source(monkeypatch: pytest.MonkeyPatch) -> None:
    """Dollars of both sizes, what a month saves, and what it goes by; how much was held is in the
    table of functions. What saves next to nothing is not said."""
    monkeypatch.setattr("tallybrook.costs.suggestions.runs", table)

    def advice(calls: int) -> list[str]:
        rows = used(DAY, 128, 1200.0, 1, peak_mb=57.0)
        many = [Usage(r.day, r.account_id, r.function, r.meter, r.quantity * calls) for r in rows]
        found = report(many, DAY, DAY, DAY, measured=True, mrr_usd=0, tier=tier_of(0), prices=KNOWN)
        assert found.functions[0].max_memory_mb == 64
        return [said for said in found.advice if said.startswith("f:")]

    assert advice(100_000) == [
        "f: 256 MB instead of 128: $0.0019 per 1,000 invocations and not $0.0022, $1.03 a month"
        " less (own invocations at 128 MB and runs of 2026-11-21 at 4 sizes)"
    ]
    assert advice(900) == []
