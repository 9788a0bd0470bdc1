"""What to change, going by what was used: memory, batches, and what stands idle. Pure."""

import math
from collections.abc import Sequence

from tallybrook.costs.functions import memory_advice
from tallybrook.costs.invoked import EVENTS, REQUESTS
from tallybrook.costs.memory import NOISE, Choice, choose, runs
from tallybrook.costs.prices import Arch, Prices
from tallybrook.costs.recorder import usd_of
from tallybrook.costs.reported import FunctionUse, Projection
from tallybrook.costs.tiers import Tier
from tallybrook.ports.usage import Usage

ADVISED_BATCH = 100
WORTH_USD = 0.01
"""A month; advice about less is noise."""

_PER_REQUEST = ("apigateway.http_request", "lambda.request")


def suggestions(
    rows: Sequence[Usage], functions: Sequence[FunctionUse], projection: Projection | None,
    idle_usd: float, *, measured: bool, tier: Tier, arch: Arch, prices: Prices,
) -> list[str]:  # fmt: skip
    """A line each; empty where nothing would be better. ``measured``: whether functions measured
    themselves, and so say something of their own memory."""
    listed = math.fsum(usd_of(row, prices) for row in rows)
    months = projection.usd / listed if projection and listed else 0.0
    found = [
        said
        for used in functions
        if (said := _memory(used, rows if measured else (), tier, months, arch, prices))
    ]
    found += _batches(rows, months, prices)
    if projection and idle_usd > projection.usd:
        found.append(
            f"idle: ${idle_usd:,.2f} a month stand there whatever happens, more than the"
            f" ${projection.usd:,.2f} that use comes to"
        )
    return found


def _memory(
    used: FunctionUse, own: Sequence[Usage], tier: Tier, months: float, arch: Arch, prices: Prices
) -> str | None:
    """``months`` is how many times as much a month has of everything."""
    if not used.invocations:
        return None
    now_mb = round(used.avg_memory_mb or tier.memory_of(used.function))
    if runs().of(used.function) is None:
        by_rule = memory_advice(used.avg_duration_ms or 0.0, now_mb)
        return by_rule and f"{used.function}: {by_rule} (by rule: it was never measured)"
    choice = choose(runs(), own, used.function, now_mb, arch, prices)
    if choice is None or choice.best.memory_mb == now_mb:
        return None
    return _told(choice, used.invocations * months)


def _told(choice: Choice, calls: float) -> str | None:
    head = f"{choice.function}: {choice.best.memory_mb:,} MB instead of {choice.now_mb:,}"
    costs = f"${choice.best_usd:.4f} per 1,000 invocations"
    if not choice.now_fits:
        return f"{head}, which is too little or too slow: {costs} ({choice.source})"
    if choice.now_usd is None:
        return None
    saved_usd = (choice.now_usd - choice.best_usd) * calls / 1000
    if saved_usd < WORTH_USD or choice.best_usd > choice.now_usd * (1 - NOISE):
        return None
    return (
        f"{head}: {costs} and not ${choice.now_usd:.4f}, ${saved_usd:,.2f} a month less"
        f" ({choice.source})"
    )


def _batches(rows: Sequence[Usage], months: float, prices: Prices) -> list[str]:
    """Requests that read are among the requests; more of them than events cannot have brought
    any."""
    events, requests = (
        math.fsum(row.quantity for row in rows if row.meter == meter)
        for meter in (EVENTS, REQUESTS)
    )
    if not (months and requests) or events / requests >= ADVISED_BATCH / 2:
        return []
    per_request = math.fsum(
        usd_of(row, prices) for row in rows if row.function == "http" and row.meter in _PER_REQUEST
    )
    needed = max(events / ADVISED_BATCH, 1.0)
    saved = per_request * max(0.0, min(requests, events) - needed) / requests * months
    if saved < WORTH_USD:
        return []
    return [
        f"batches: {events / requests:.1f} events came with a request; {ADVISED_BATCH} of them"
        f" would save ${saved:,.2f} a month in requests alone"
    ]
