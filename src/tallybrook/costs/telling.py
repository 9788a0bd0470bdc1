"""A day's usage as ``cost_metrics`` events, from which the lake's ``cost_tracking`` is written."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Raw

from tallybrook.costs.invoked import DURATION_MS, INIT_MS, MEMORY_MB
from tallybrook.costs.prices import Prices
from tallybrook.costs.recorder import usd_of
from tallybrook.events.ids import content_id
from tallybrook.events.instants import parse_instant
from tallybrook.events.model import Event
from tallybrook.ports.usage import FACT, SHARED, Usage

EVENT_TYPE = "cost_metrics"
REQUESTS = "lambda.request"


def cost_events(rows: Sequence[Usage], day: str, prices: Prices, now_us: int) -> list[Event]:
    """One event an account, function and service; their dollars add up to those of the rows.

    What no account alone caused is told to the account ``default``. Calls and what they took are
    told with the service that is billed for them, once. An event is known by what it is about:
    the same day again gives the same ids.
    """
    called = _sums(row for row in rows if row.meter == REQUESTS or row.meter.startswith(FACT))
    parts: dict[tuple[str, str, str], list[float]] = {}
    for row in rows:
        if not row.meter.startswith(FACT):
            service = prices.meters[row.meter].service
            key = (row.account_id, row.function, service)
            parts.setdefault(key, []).append(usd_of(row, prices))
    billed = prices.meters[REQUESTS].service
    return [
        _event(
            key, day, now_us,
            (_calls(called[key[:2]]) if key[2] == billed and key[:2] in called else {})
            | {"estimated_cost_usd": math.fsum(usd)},
        )
        for key, usd in sorted(parts.items())
    ]  # fmt: skip


def _sums(rows: Iterable[Usage]) -> dict[tuple[str, str], dict[str, float]]:
    found: dict[tuple[str, str], dict[str, float]] = {}
    for row in rows:
        of = found.setdefault((row.account_id, row.function), {})
        of[row.meter] = of.get(row.meter, 0.0) + row.quantity
    return found


def _calls(meters: Mapping[str, float]) -> dict[str, Any]:
    calls = meters.get(REQUESTS, 0.0)
    return {
        "invocations": round(calls),
        "avg_duration_ms": meters[DURATION_MS] / calls if calls and DURATION_MS in meters else None,
        "avg_memory_mb": meters[MEMORY_MB] / calls if calls and MEMORY_MB in meters else None,
        "init_ms": meters.get(INIT_MS),
    }


def _event(key: tuple[str, str, str], day: str, now_us: int, told: dict[str, Any]) -> Event:
    account_id, function, service = key
    account_id = "default" if account_id == SHARED else account_id
    properties = {"function": function, "service": service, **told}
    return Event(
        0, content_id(EVENT_TYPE, day, *key), EVENT_TYPE, parse_instant(day) or now_us, now_us,
        account_id, "event", properties=Raw(msgspec.json.encode(properties)),
    )  # fmt: skip
