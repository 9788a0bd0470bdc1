"""What a Lambda function costs: requests and GB-seconds of *configured* memory. Pure.

    requests x $ a request + invocations x (duration + INIT) x memory x $ a GB-second

INIT is billed like any other time since August 2025. What is free is a step of its own
(``after_free_tier``), because it belongs to the account and the month and not to a function.
Durations are means: that each invocation is rounded up to a whole millisecond is not in them.
"""

from msgspec import Struct

from tallybrook.costs.bill import Use
from tallybrook.costs.checking import require_amount, require_arch, require_memory
from tallybrook.costs.invoked import SLOW_MS
from tallybrook.costs.prices import Arch, Prices
from tallybrook.errors import UsageError

ADVISED_MEMORY_MB = 256
WHOLE_CORE_MB = 1_769
"""Lambda gives processor time in proportion to memory, and a whole core at this much."""


class FunctionCost(Struct, frozen=True, kw_only=True):
    """``cost_per_invocation`` is in dollars, None without invocations."""

    estimated_usd: float
    request_usd: float
    compute_usd: float
    gb_s: float
    invocations: int
    cost_per_invocation: float | None


def gb_seconds(
    invocations: float,
    duration_ms: float,
    memory_mb: float,
    init_ms: float = 0,
    cold_starts: float | None = None,
) -> float:
    """Billed GB-seconds. ``init_ms`` is the INIT of each cold start; without ``cold_starts`` it
    is that of every invocation (a mean over all of them, then)."""
    inits = invocations if cold_starts is None else cold_starts
    return (invocations * duration_ms + inits * init_ms) / 1000 * memory_mb / 1024


def request_cost(invocations: float, prices: Prices) -> float:
    """Dollars for being called so often."""
    return invocations * prices.usd("lambda.request")


def lambda_cost(
    invocations: int,
    duration_ms: float,
    memory_mb: int,
    arch: Arch,
    init_ms: float = 0,
    *,
    cold_starts: int | None = None,
    prices: Prices,
) -> FunctionCost:
    """What so many invocations cost at list price. ``UsageError`` for what cannot be."""
    require_amount("invocations", invocations)
    require_amount("duration_ms", duration_ms)
    require_amount("init_ms", init_ms)
    require_memory(memory_mb)
    require_arch(arch)
    if cold_starts is not None and not 0 <= cold_starts <= invocations:
        raise UsageError(f"cold_starts must be from 0 to {invocations}, not {cold_starts}")
    gb_s = gb_seconds(invocations, duration_ms, memory_mb, init_ms, cold_starts)
    compute_usd = gb_s * prices.usd(f"lambda.gb_s.{arch}")
    total_usd = request_cost(invocations, prices) + compute_usd
    return FunctionCost(
        estimated_usd=total_usd,
        request_usd=request_cost(invocations, prices),
        compute_usd=compute_usd,
        gb_s=gb_s,
        invocations=invocations,
        cost_per_invocation=total_usd / invocations if invocations else None,
    )


def after_free_tier(requests: float, gb_s: float, prices: Prices) -> tuple[float, float]:
    """Requests and GB-seconds of an account's month that are left to pay."""
    free = prices.allowances
    return max(0.0, requests - free["lambda.requests"]), max(0.0, gb_s - free["lambda.gb_s"])


def uses(what: str, requests: float, gb_s: float, arch: Arch) -> list[Use]:
    """A function's part of a bill."""
    return [
        Use(f"{what}: calls", "lambda.request", requests),
        Use(f"{what}: time", f"lambda.gb_s.{arch}", gb_s),
    ]


def duration_ms(core_ms: float, wait_ms: float, memory_mb: float) -> float:
    """How long it takes with that memory: ``core_ms`` of a whole core, and waiting for others.

    Work costs about the same at any memory; waiting costs in proportion to it.
    """
    return core_ms * max(1.0, WHOLE_CORE_MB / memory_mb) + wait_ms


def memory_advice(mean_duration_ms: float, memory_mb: int) -> str | None:
    """What to change about a function's memory by rule, where nothing was measured; None when
    nothing."""
    if mean_duration_ms > SLOW_MS and memory_mb < ADVISED_MEMORY_MB:
        return (
            f"{ADVISED_MEMORY_MB} MB: {mean_duration_ms:,.0f} ms on average are more than"
            f" {SLOW_MS:,} ms, and memory brings processor time with it"
        )
    return None
