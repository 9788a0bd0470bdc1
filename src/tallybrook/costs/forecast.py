"""What a load would cost a month in a tier's stack, and what a million events of it do. Pure."""

from msgspec import Struct

from tallybrook.costs.bill import Bill, bill
from tallybrook.costs.checking import require_arch, require_memory
from tallybrook.costs.journey import (
    commits_per_day,
    events_a_commit,
    uses_of,
    writes_a_commit,
    writes_an_event,
)
from tallybrook.costs.load import Load
from tallybrook.costs.prices import Arch, Prices
from tallybrook.costs.standing import DAYS, standing_of, standing_uses
from tallybrook.costs.tiers import Tier

DAILY_EVENTS = (1_000, 5_000, 10_000, 20_000, 1_000_000, 100_000_000)
BATCHES = (1, 100)
MILLION = 1_000_000


class PerMillion(Struct, frozen=True, kw_only=True):
    """One load. ``standing_usd`` is what the month costs without any event; sums are list prices
    but for ``payable``, which is after the free allowances. None without events.
    """

    events_per_day: float
    batch: int
    writes_per_event: float
    commits_per_day: float
    events_per_commit: float
    standing_usd: float
    month_usd: float
    month_payable_usd: float
    per_million_usd: float | None
    per_million_payable_usd: float | None
    per_million_by_service: dict[str, float]


def month(load: Load, tier: Tier, arch: Arch, prices: Prices, memory_mb: int | None = None) -> Bill:
    """The bill of a month: what stands, then what the load adds. ``UsageError`` for memory or a
    processor that Lambda does not have."""
    require_arch(arch)
    if memory_mb is not None:
        require_memory(memory_mb)
    standing = standing_uses(standing_of(tier, arch))
    return bill([*standing, *uses_of(load, tier, arch, memory_mb)], prices)


def per_million(
    load: Load, tier: Tier, arch: Arch, prices: Prices, memory_mb: int | None = None
) -> PerMillion:
    """What a million events of this load cost, standing costs shared among them."""
    found = month(load, tier, arch, prices, memory_mb)
    standing = bill(standing_uses(standing_of(tier, arch)), prices)
    millions = load.events_per_day * DAYS / MILLION
    services = found.services()
    writes = writes_an_event(load)
    if load.events_per_day:
        writes += writes_a_commit(load) / events_a_commit(load)
    return PerMillion(
        events_per_day=load.events_per_day,
        batch=load.batch,
        writes_per_event=writes,
        commits_per_day=commits_per_day(load),
        events_per_commit=events_a_commit(load),
        standing_usd=standing.listed_usd,
        month_usd=found.listed_usd,
        month_payable_usd=found.payable_usd,
        per_million_usd=found.listed_usd / millions if millions else None,
        per_million_payable_usd=found.payable_usd / millions if millions else None,
        per_million_by_service={name: usd / millions for name, usd in services.items() if millions},
    )


def table(tier: Tier, arch: Arch, prices: Prices) -> list[PerMillion]:
    """The loads everybody asks about, single events and in batches."""
    return [
        per_million(Load(events_per_day=events, batch=batch), tier, arch, prices)
        for events in DAILY_EVENTS
        for batch in BATCHES
    ]
