"""The shapes of a report of costs. Pure."""

from msgspec import Struct


class Share(Struct, frozen=True):
    """A part of the sum, at list price."""

    name: str
    usd: float


class FunctionUse(Struct, frozen=True, kw_only=True):
    """What one function took. Means are None without invocations; ``usd`` includes INIT, and
    everything that the function's calls cost beside it. An invocation that worked for several
    accounts is divided among them, so that of one account alone there may be a part.
    ``max_memory_mb`` is the most it held, rounded up to 16 MB, None where it did not tell."""

    function: str
    invocations: float
    avg_duration_ms: float | None
    avg_memory_mb: float | None
    max_memory_mb: float | None
    init_ms: float
    cold_starts: float
    usd: float
    cost_per_invocation: float | None


class ReportLine(Struct, frozen=True, kw_only=True):
    """A row of usage with its price."""

    day: str
    account_id: str
    function: str
    service: str
    meter: str
    unit: str
    quantity: float
    usd: float


class Projection(Struct, frozen=True):
    """``usd / days_covered x days of the month``: of the month that the range ends in."""

    month: str
    days_in_month: int
    usd: float


class WhatIf(Struct, frozen=True):
    """A month of the same events, if something were otherwise; list price, standing included."""

    what: str
    usd: float


class Report(Struct, frozen=True, kw_only=True):
    """``start`` and ``end`` are UTC days, both included. ``measured`` tells whether functions
    measured themselves (AWS), or counted work was priced as the stack would do it (embedded).

    ``listed_usd`` is the sum of ``lines``, ``payable_usd`` what the free tier leaves of it.
    ``idle_usd`` is what the tier's stack costs a month with nothing happening, and not in the sum.
    What cannot be told is None, and ``reason`` says why.
    """

    start: str
    end: str
    days_covered: int
    measured: bool
    listed_usd: float
    payable_usd: float
    free_usd: float
    by_function: list[Share]
    by_service: list[Share]
    by_account: list[Share]
    by_day: list[Share]
    functions: list[FunctionUse]
    projection: Projection | None
    mrr_usd: float
    share_of_mrr: float | None
    idle_usd: float
    advice: list[str]
    what_if: list[WhatIf]
    reason: str | None
    prices_as_of: str
    region: str
    lines: list[ReportLine]
