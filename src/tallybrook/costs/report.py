"""What was used, in dollars: by function, service, account and day. Pure.

The sums are those of the rows, each at its list price. What an account has free a month is taken
off each calendar month's sums as a whole, and so belongs to no single row.
"""

import math
from calendar import monthrange
from collections.abc import Callable, Iterable, Sequence
from datetime import date, timedelta

from tallybrook.costs.bill import Use, bill
from tallybrook.costs.checking import MIN_MEMORY_MB
from tallybrook.costs.forecast import month
from tallybrook.costs.functions import memory_advice
from tallybrook.costs.invoked import (
    COLD_STARTS,
    DURATION_MS,
    EVENTS,
    INIT_MS,
    MEMORY_MB,
    REQUESTS,
)
from tallybrook.costs.load import MAX_BATCH, Load
from tallybrook.costs.measured import ARCH
from tallybrook.costs.prices import Prices
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
from tallybrook.costs.tiers import Tier, tiers
from tallybrook.ports.usage import FACT, Usage

ADVISED_BATCH = 100
WORTH_USD = 0.01
"""A month; advice about less is noise."""


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
    idle = bill(standing_uses(standing_of(tier, ARCH)), prices).listed_usd
    return Report(
        start=start, end=end, days_covered=days, measured=measured,
        listed_usd=listed, payable_usd=payable, free_usd=listed - payable,
        by_function=_shares(lines, lambda line: line.function),
        by_service=_shares(lines, lambda line: line.service),
        by_account=_shares(lines, lambda line: line.account_id),
        by_day=sorted(_shares(lines, lambda line: line.day), key=lambda share: share.name),
        functions=_functions(rows, prices),
        projection=projection,
        mrr_usd=mrr_usd,
        share_of_mrr=projection.usd / mrr_usd if projection and mrr_usd else None,
        idle_usd=idle,
        advice=_advice(rows, projection, idle, prices),
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
    return [_function(name, meters, math.fsum(usd[name])) for name, meters in sorted(sums.items())]


def _function(name: str, meters: dict[str, float], usd: float) -> FunctionUse:
    calls = meters.get("lambda.request", 0.0)
    memory = meters.get(MEMORY_MB)
    return FunctionUse(
        function=name,
        invocations=calls,
        avg_duration_ms=meters.get(DURATION_MS, 0.0) / calls if calls else None,
        avg_memory_mb=memory / calls if calls and memory else None,
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


def _advice(
    rows: Sequence[Usage], projection: Projection | None, idle_usd: float, prices: Prices
) -> list[str]:
    found = []
    for used in _functions(rows, prices):
        memory_mb = round(used.avg_memory_mb or MIN_MEMORY_MB)
        advised = memory_advice(used.avg_duration_ms or 0.0, memory_mb)
        if advised:
            found.append(f"{used.function}: {advised}")
    found += _batch_advice(rows, projection, prices)
    if projection and idle_usd > projection.usd:
        found.append(
            f"idle: ${idle_usd:,.2f} a month stand there whatever happens, more than the"
            f" ${projection.usd:,.2f} that use comes to"
        )
    return found


def _batch_advice(
    rows: Sequence[Usage], projection: Projection | None, prices: Prices
) -> list[str]:
    events, requests = _sum(rows, EVENTS), _sum(rows, REQUESTS)
    listed = math.fsum(usd_of(row, prices) for row in rows)
    if not (projection and requests and listed) or events / requests >= ADVISED_BATCH / 2:
        return []
    per_request = math.fsum(
        usd_of(row, prices)
        for row in rows
        if row.function == "http" and row.meter in ("apigateway.http_request", "lambda.request")
    )
    needed = max(events / ADVISED_BATCH, 1.0)
    saved = per_request * max(0.0, 1 - needed / requests) * projection.usd / listed
    if saved < WORTH_USD:
        return []
    return [
        f"batches: {events / requests:.1f} events came with a request; {ADVISED_BATCH} of them"
        f" would save ${saved:,.2f} a month in requests alone"
    ]


def _what_if(rows: Sequence[Usage], days: int, tier: Tier, prices: Prices) -> list[WhatIf]:
    events, requests = _sum(rows, EVENTS), _sum(rows, REQUESTS)
    if not events or not days:
        return []
    batch = min(MAX_BATCH, max(1, round(events / requests))) if requests else 1
    load = Load(events_per_day=events / days, batch=batch)
    found = [WhatIf("as it was", month(load, tier, ARCH, prices).listed_usd)]
    batched = Load(events_per_day=events / days, batch=max(batch, ADVISED_BATCH))
    found.append(
        WhatIf(f"{batched.batch} events a request", month(batched, tier, ARCH, prices).listed_usd)
    )
    return found + [
        WhatIf(f"tier from ${other.from_mrr_usd:,}", month(load, other, ARCH, prices).listed_usd)
        for other in tiers()
        if other != tier
    ]


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
