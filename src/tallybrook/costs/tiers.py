"""The tiers: how much memory, tracing and batching go with which monthly revenue.

``tiers.json`` is the one table; the infrastructure, the functions and the cost report read it.
"""

import math
import os
from collections.abc import Mapping
from functools import cache
from importlib import resources

import msgspec
from msgspec import Struct

from tallybrook.errors import UsageError


class Tier(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is switched on from a revenue of ``from_mrr_usd`` a month, that amount included.

    ``kinesis``: whether there is a stream to collect from; its shard is paid by the hour.
    ``athena``: whether SQL runs on Athena, which is paid by the byte that is read.
    ``function_memory_mb`` and ``reserved_concurrency`` name the functions that differ from
    ``memory_mb`` and from no reservation.
    """

    from_mrr_usd: int
    memory_mb: int
    xray: bool
    provisioned: bool
    kinesis: bool
    athena: bool
    enhanced_monitoring: bool
    queue_batch: int
    queue_wait_s: int
    retry_base_ms: int
    batch: int
    concurrency: int
    cache_s: int
    function_memory_mb: dict[str, int]
    reserved_concurrency: dict[str, int]

    def memory_of(self, function: str) -> int:
        """Configured memory of a function, in MB."""
        return self.function_memory_mb.get(function, self.memory_mb)


@cache
def tiers() -> tuple[Tier, ...]:
    """Every tier, the lowest first."""
    data = resources.files("tallybrook.costs").joinpath("tiers.json").read_bytes()
    return msgspec.json.decode(data, type=tuple[Tier, ...])


def tier_of(mrr_usd: float) -> Tier:
    """The tier of a monthly revenue. Raises ``UsageError`` unless it is zero or more."""
    if not (math.isfinite(mrr_usd) and mrr_usd >= 0):
        raise UsageError("CURRENT_MRR must be zero or more dollars a month")
    return max(
        (tier for tier in tiers() if tier.from_mrr_usd <= mrr_usd), key=lambda t: t.from_mrr_usd
    )


def current_mrr_usd(env: Mapping[str, str] | None = None) -> float:
    """``CURRENT_MRR`` of the environment, 0 where it is not set."""
    value = (os.environ if env is None else env).get("CURRENT_MRR", "") or "0"
    try:
        return float(value)
    except ValueError:
        raise UsageError(f"CURRENT_MRR is not a number: {value!r}") from None


def current_tier(env: Mapping[str, str] | None = None) -> Tier:
    """The tier of ``CURRENT_MRR``."""
    return tier_of(current_mrr_usd(env))
