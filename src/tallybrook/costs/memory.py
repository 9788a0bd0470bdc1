"""Which memory a function should have: by what it took at several sizes. Pure.

Lambda gives processor time in proportion to memory, so more memory makes work shorter and waiting
dearer; what is cheapest is found by running a function at several sizes. ``memory.json`` holds such
runs of every function (``make bench-lambda``). What an account's own invocations took goes before
it: their durations where the function has run at several sizes, else those at the present size,
which the table's runs then say how to carry over to others; and the memory that they held.
"""

import math
from collections.abc import Iterable, Sequence
from functools import cache
from importlib import resources

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from tallybrook.costs.functions import gb_seconds
from tallybrook.costs.invoked import DURATION_MS, MEMORY_MB, PEAK_MB, SLOW, SLOW_MS
from tallybrook.costs.prices import Arch, Prices
from tallybrook.ports.usage import Usage

HELD = 7 / 8
"""The most of its memory that a function should hold: the next input may be larger."""

NOISE = 0.05
"""Runs that differ by less do not differ."""

LEAST_RUNS = 100
"""So many invocations of one's own at a size say something about it."""

SLOW_SHARE = 0.01
"""Of invocations that may be slower than they should: what a 99th percentile leaves out."""

REQUEST = "lambda.request"


class Size(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What invocations took with so much memory, INIT left out. ``slowest_ms`` is the longest of
    all ``runs``, which stands in for a high percentile, or None where it is not known;
    ``peak_mb`` (2^20 bytes) is the most that the function held."""

    memory_mb: int
    runs: int
    mean_ms: float
    slowest_ms: float | None = None
    core_ms: float | None = None
    peak_mb: float | None = None


class Measured(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A function at several sizes, the smallest first. ``limit_ms`` is how long an invocation of
    it should take at most."""

    function: str
    limit_ms: float
    sizes: tuple[Size, ...]


class Runs(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The table: a day, how it was measured, and each function."""

    as_of: str
    source: str
    functions: tuple[Measured, ...]

    def of(self, function: str) -> Measured | None:
        """A function's runs, None where it was never measured."""
        return next((one for one in self.functions if one.function == function), None)


class Choice(Struct, frozen=True, kw_only=True):
    """The cheapest size that a function fits in, beside the present one: dollars per 1,000
    invocations of each, None for a present size that nothing is known of."""

    function: str
    now_mb: int
    now_usd: float | None
    best: Size
    best_usd: float
    now_fits: bool
    source: str


@cache
def runs() -> Runs:
    """The table of this release."""
    data = resources.files("tallybrook.costs").joinpath("memory.json").read_bytes()
    return msgspec.json.decode(data, type=Runs)


def usd_per_1000(size: Size, arch: Arch, prices: Prices) -> float:
    """Dollars of 1,000 warm invocations: requests and GB-seconds."""
    gb_s = gb_seconds(1000, size.mean_ms, size.memory_mb)
    return 1000 * prices.usd(REQUEST) + gb_s * prices.usd(f"lambda.gb_s.{arch}")


def fits(size: Size, limit_ms: float) -> bool:
    """Whether it is fast enough and leaves memory free."""
    longest_ms = size.mean_ms if size.slowest_ms is None else size.slowest_ms
    held = size.peak_mb or 0.0
    return longest_ms <= limit_ms and held <= HELD * size.memory_mb


def cheapest(measured: Measured, arch: Arch, prices: Prices) -> Size | None:
    """The smallest size that it fits in and that costs as little as any, give or take what runs
    differ by; None where it fits in none."""
    costs = [
        (usd_per_1000(size, arch, prices), size)
        for size in measured.sizes
        if fits(size, measured.limit_ms)
    ]
    least_usd = min((usd for usd, _ in costs), default=0.0)
    return next((size for usd, size in costs if usd <= least_usd * (1 + NOISE)), None)


def choose(
    known: Runs, rows: Sequence[Usage], function: str, now_mb: int, arch: Arch, prices: Prices
) -> Choice | None:
    """The choice for a function. ``rows`` are what its invocations took, where they measured
    themselves, else empty. None where nothing is known of it, or no size is enough."""
    table = known.of(function)
    if table is None:
        return None
    found, source = _sizes_of(table, own_sizes(rows, function, table.limit_ms), known.as_of)
    peak_mb = own_peak_mb(rows, function)
    if peak_mb is not None:
        found = tuple(replace(size, peak_mb=peak_mb) for size in found)
    measured = replace(table, sizes=found)
    best = cheapest(measured, arch, prices)
    if best is None:
        return None
    now = next((size for size in found if size.memory_mb == now_mb), None)
    return Choice(
        function=function, now_mb=now_mb,
        now_usd=None if now is None else usd_per_1000(now, arch, prices),
        best=best, best_usd=usd_per_1000(best, arch, prices),
        now_fits=now is None or fits(now, measured.limit_ms), source=source,
    )  # fmt: skip


def carried(sizes: tuple[Size, ...], own: Size) -> tuple[Size, ...] | None:
    """The table's sizes with one's own durations: what took so long at one size takes as much
    longer or shorter at others as it did in the table. None where the table has not that size."""
    there = next((size for size in sizes if size.memory_mb == own.memory_mb), None)
    if there is None or not there.mean_ms:
        return None
    factor = own.mean_ms / there.mean_ms
    return tuple(
        replace(
            size,
            mean_ms=size.mean_ms * factor,
            slowest_ms=None if size.slowest_ms is None else size.slowest_ms * factor,
        )
        for size in sizes
    )


def own_sizes(rows: Iterable[Usage], function: str, limit_ms: float) -> tuple[Size, ...]:
    """What a function's own invocations took at each size they ran at, the smallest first.

    A day on which the size changed says nothing of either; neither do few invocations. How many
    were slow is recorded for the usual limit alone.
    """
    watched = limit_ms <= SLOW_MS
    days: dict[str, dict[str, float]] = {}
    for row in rows:
        if row.function == function:
            day = days.setdefault(row.day, {})
            day[row.meter] = day.get(row.meter, 0.0) + row.quantity
    sums: dict[int, list[float]] = {}
    for day in days.values():
        memory_mb = _memory_of(day)
        if memory_mb is not None:
            sums.setdefault(memory_mb, [0.0, 0.0, 0.0])
            for n, meter in enumerate((REQUEST, DURATION_MS, SLOW)):
                sums[memory_mb][n] += day.get(meter, 0.0)
    return tuple(
        Size(
            memory_mb=memory_mb, runs=round(calls), mean_ms=took_ms / calls,
            slowest_ms=math.inf if watched and slow > SLOW_SHARE * calls else None,
        )
        for memory_mb, (calls, took_ms, slow) in sorted(sums.items())
        if calls >= LEAST_RUNS
    )  # fmt: skip


def own_peak_mb(rows: Iterable[Usage], function: str) -> float | None:
    """The most that its invocations held, rounded up; None where they did not tell."""
    steps = [
        float(row.meter.removeprefix(PEAK_MB))
        for row in rows
        if row.function == function and row.meter.startswith(PEAK_MB)
    ]
    return max(steps, default=None)


def _sizes_of(table: Measured, own: tuple[Size, ...], as_of: str) -> tuple[tuple[Size, ...], str]:
    """What to go by, and where it is from."""
    source = f"runs of {as_of} at {len(table.sizes)} sizes"
    if len(own) > 1:
        listed = " and ".join(f"{size.memory_mb:,}" for size in own)
        return own, f"own invocations at {listed} MB"
    found = carried(table.sizes, own[0]) if own else None
    if found is None:
        return table.sizes, source
    return found, f"own invocations at {own[0].memory_mb:,} MB and {source}"


def _memory_of(day: dict[str, float]) -> int | None:
    calls, memory = day.get(REQUEST, 0.0), day.get(MEMORY_MB, 0.0)
    mean = memory / calls if calls else 0.0
    return round(mean) if mean and math.isclose(mean, round(mean), rel_tol=1e-6) else None
