"""What was used, in dollars: by function, service, account and day. Pure.

The sums are those of the rows, each at its list price. What an account has free a month is taken
off each calendar month's sums as a whole, and so belongs to no single row.
"""

import math
from calendar import monthrange
from collections.abc import Callable, Iterable, Sequence
from datetime import date, timedelta

from msgspec.structs import replace

from tallybrook.costs.bill import Use, bill
from tallybrook.costs.forecast import month
from tallybrook.costs.invoked import (
    BYTES,
    COLD_STARTS,
    DURATION_MS,
    EVENTS,
    INIT_MS,
    MEMORY_MB,
    REQUESTS,
)
from tallybrook.costs.load import MAX_BATCH, MAX_LINE_BYTES, Load
from tallybrook.costs.measured import ARCH
from tallybrook.costs.memory import own_peak_mb
from tallybrook.costs.prices import Arch, Prices
from tallybrook.costs.recorder import usd_of
from tallybrook.costs.reported import (
    FunctionUse,
    Projection,
    Report,
    ReportLine,
    Share,
    WhatIf,
)
from tallybrook.costs.standing import standing_of, standing_uses
from tallybrook.costs.suggestions import ADVISED_BATCH, suggestions
from tallybrook.costs.tiers import Tier, tiers
from tallybrook.ports.usage import FACT, Usage


def report(
    rows: Sequence[Usage], start: str, end: str, today: str, *, measured: bool, mrr_usd: float,
    tier: Tier, prices: Prices,
) -> Report:  # fmt: skip
    """The report of rows of these days. Sums are those of its lines to the last digit."""
    lines = [_line(row, prices) for row in rows if not row.meter.startswith(FACT)]
    listed = math.fsum(line.usd for line in lines)
    payable = payable_usd(rows, prices)
    days = _days_covered(rows, start, min(end, today))
    projection = _projection(listed, days, min(end, today))
    functions = _functions(rows, prices)
    idle = bill(standing_uses(standing_of(tier, ARCH)), prices).listed_usd
    return Report(
        start=start, end=end, days_covered=days, measured=measured,
        listed_usd=listed, payable_usd=payable, free_usd=listed - payable,
        by_function=_shares(lines, lambda line: line.function),
        by_service=_shares(lines, lambda line: line.service),
        by_account=_shares(lines, lambda line: line.account_id),
        by_day=sorted(_shares(lines, lambda line: line.day), key=lambda share: share.name),
        functions=functions,
        projection=projection,
        mrr_usd=mrr_usd,
        share_of_mrr=projection.usd / mrr_usd if projection and mrr_usd else None,
        idle_usd=idle,
        advice=suggestions(
            rows, functions, projection, idle, measured=measured, tier=tier, arch=_arch(rows),
            prices=prices,
        ),
        what_if=_what_if(rows, days, tier, prices),
        reason=None if lines else "nothing was recorded in these days",
        prices_as_of=prices.as_of, region=prices.region, lines=lines,
    )  # fmt: skip


def payable_usd(rows: Iterable[Usage], prices: Prices) -> float:
    """What the monthly free allowances leave, where nothing else uses them."""
    months: dict[str, dict[str, float]] = {}
    for row in rows:
        if not row.meter.startswith(FACT):
            meters = months.setdefault(row.day[:7], {})
            meters[row.meter] = meters.get(row.meter, 0.0) + row.quantity
    bills = (bill([Use(m, m, q) for m, q in meters.items()], prices) for meters in months.values())
    return math.fsum(found.payable_usd for found in bills)


def _line(row: Usage, prices: Prices) -> ReportLine:
    meter = prices.meters[row.meter]
    return ReportLine(
        day=row.day, account_id=row.account_id, function=row.function, service=meter.service,
        meter=row.meter, unit=meter.unit, quantity=row.quantity, usd=usd_of(row, prices),
    )  # fmt: skip


def _shares(lines: list[ReportLine], by: Callable[[ReportLine], str]) -> list[Share]:
    parts: dict[str, list[float]] = {}
    for line in lines:
        parts.setdefault(by(line), []).append(line.usd)
    shares = [Share(name, math.fsum(usd)) for name, usd in parts.items()]
    return sorted(shares, key=lambda share: (-share.usd, share.name))


def _functions(rows: Sequence[Usage], prices: Prices) -> list[FunctionUse]:
    sums: dict[str, dict[str, float]] = {}
    usd: dict[str, list[float]] = {}
    for row in rows:
        meters = sums.setdefault(row.function, {})
        meters[row.meter] = meters.get(row.meter, 0.0) + row.quantity
        usd.setdefault(row.function, []).append(usd_of(row, prices))
    return [
        _function(name, meters, math.fsum(usd[name]), own_peak_mb(rows, name))
        for name, meters in sorted(sums.items())
    ]


def _function(
    name: str, meters: dict[str, float], usd: float, max_memory_mb: float | None
) -> FunctionUse:
    calls = meters.get("lambda.request", 0.0)
    memory = meters.get(MEMORY_MB)
    return FunctionUse(
        function=name,
        invocations=calls,
        avg_duration_ms=meters.get(DURATION_MS, 0.0) / calls if calls else None,
        avg_memory_mb=memory / calls if calls and memory else None,
        max_memory_mb=max_memory_mb,
        init_ms=meters.get(INIT_MS, 0.0),
        cold_starts=meters.get(COLD_STARTS, 0.0),
        usd=usd,
        cost_per_invocation=usd / calls if calls else None,
    )


def _days_covered(rows: Sequence[Usage], start: str, end: str) -> int:
    """From the first day of the range that has a row to its last, or today."""
    if not rows or end < start:
        return 0
    first = max(start, min(row.day for row in rows))
    return (date.fromisoformat(end) - date.fromisoformat(first)).days + 1


def _projection(usd: float, days: int, end: str) -> Projection | None:
    if days <= 0:
        return None
    in_month = monthrange(int(end[:4]), int(end[5:7]))[1]
    return Projection(end[:7], in_month, usd / days * in_month)


def _what_if(rows: Sequence[Usage], days: int, tier: Tier, prices: Prices) -> list[WhatIf]:
    load = _load(rows, days)
    if load is None:
        return []
    batched = replace(load, batch=max(load.batch, ADVISED_BATCH))
    tried = [
        ("as it was", load, tier),
        (f"{batched.batch} events a request", batched, tier),
        *((f"tier from ${one.from_mrr_usd:,}", load, one) for one in tiers() if one != tier),
    ]
    return [WhatIf(what, month(of, then, ARCH, prices).listed_usd) for what, of, then in tried]


def _load(rows: Sequence[Usage], days: int) -> Load | None:
    """The events as a load of their mean size, None where there were none."""
    events, requests, size = (_sum(rows, meter) for meter in (EVENTS, REQUESTS, BYTES))
    if not events or not days:
        return None
    batch = min(MAX_BATCH, max(1, round(events / requests))) if requests else 1
    load = Load(events_per_day=events / days, batch=batch)
    mean_bytes = min(MAX_LINE_BYTES, round(size / events))
    return replace(load, event_bytes=mean_bytes) if mean_bytes else load


def _arch(rows: Sequence[Usage]) -> Arch:
    """The processor that the functions ran on."""
    x86 = any(row.meter == "lambda.gb_s.x86_64" for row in rows)
    return "x86_64" if x86 else ARCH


def _sum(rows: Sequence[Usage], meter: str) -> float:
    return math.fsum(row.quantity for row in rows if row.meter == meter)


def month_span(day: str) -> tuple[str, str]:
    """First and last day of a day's month."""
    first = date.fromisoformat(day).replace(day=1)
    last = first.replace(day=monthrange(first.year, first.month)[1])
    return first.isoformat(), last.isoformat()


def day_before(day: str) -> str:
    """The day before a day."""
    return (date.fromisoformat(day) - timedelta(days=1)).isoformat()
