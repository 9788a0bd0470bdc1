"""What an invocation that a function measured of itself turns. Pure, and light to load."""

import math
from collections.abc import Mapping

from tallybrook.ports.usage import FACT

Amounts = dict[tuple[str, str], float]
"""Quantity by (function, meter)."""

EVENTS, REQUESTS, BYTES = f"{FACT}events", f"{FACT}requests", f"{FACT}bytes"
DURATION_MS, INIT_MS = f"{FACT}duration_ms", f"{FACT}init_ms"
COLD_STARTS, MEMORY_MB = f"{FACT}cold_starts", f"{FACT}memory_mb_invocations"
QUERIES, SCANNED_BYTES = f"{FACT}queries", f"{FACT}scanned_bytes"
SLOW, PEAK_MB = f"{FACT}slow_calls", f"{FACT}peak_mb."
DEAR_QUERIES, FAILED_QUERIES = f"{FACT}dear_queries", f"{FACT}failed_queries"

SLOW_MS = 3_000
"""What is slower wants advice, and is counted."""

PEAK_STEP_MB = 16
"""How finely the memory that an environment held is told apart."""

LOG_BYTES_A_CALL = 400
"""The three lines that Lambda writes of each call."""

_GB = 2**30


def of_invocation(
    function: str, duration_ms: float, memory_mb: int, arch: str, *, init_ms: float = 0,
    peak_mb: float | None = None,
) -> Amounts:  # fmt: skip
    """One invocation. ``memory_mb`` is what is configured, which is what is billed; ``init_ms`` is
    that of a cold start, 0 where there was none. ``peak_mb`` is the most that its environment held
    so far; as quantities add up, it is told by counting the invocations of each step."""
    found: Amounts = {
        (function, "lambda.request"): 1,
        (function, f"lambda.gb_s.{arch}"): (duration_ms + init_ms) / 1000 * memory_mb / 1024,
        (function, DURATION_MS): duration_ms,
        (function, INIT_MS): init_ms,
        (function, COLD_STARTS): 1 if init_ms else 0,
        (function, MEMORY_MB): memory_mb,
        (function, "cloudwatch.log_gb"): LOG_BYTES_A_CALL / _GB,
        (function, SLOW): duration_ms > SLOW_MS,
    }
    if peak_mb is not None:
        step_mb = math.ceil(peak_mb / PEAK_STEP_MB) * PEAK_STEP_MB
        found[function, f"{PEAK_MB}{step_mb}"] = 1
    return found


def merge(into: Amounts, more: Mapping[tuple[str, str], float]) -> None:
    """Add quantities up."""
    for key, quantity in more.items():
        into[key] = into.get(key, 0.0) + quantity
