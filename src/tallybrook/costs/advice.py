"""What would make a load cheaper, tried out on the same model. Pure."""

from msgspec.structs import replace

from tallybrook.costs.forecast import month
from tallybrook.costs.load import Load
from tallybrook.costs.prices import Arch, Prices
from tallybrook.costs.tiers import Tier

BATCH, WINDOW_S = 100, 10
WORTH_USD = 1.0
"""A month; less than that is nobody's time."""


def advice(load: Load, tier: Tier, arch: Arch, prices: Prices) -> list[str]:
    """What to change and what a month of it saves at list price; empty where nothing does."""
    cheaper = {
        f"send {BATCH} events a request": replace(load, batch=max(load.batch, BATCH)),
        f"let the stack wait {WINDOW_S} s before it counts": replace(
            load, window_s=max(load.window_s, WINDOW_S)
        ),
    }
    now_usd = month(load, tier, arch, prices).listed_usd
    found = []
    for what, changed in cheaper.items():
        saved_usd = now_usd - month(changed, tier, arch, prices).listed_usd
        if saved_usd >= WORTH_USD:
            found.append(f"{what}: ${saved_usd:,.2f} a month less")
    other: Arch = "arm64"
    saved_usd = now_usd - month(load, tier, other, prices).listed_usd
    if saved_usd >= WORTH_USD:
        found.append(f"{other} functions: ${saved_usd:,.2f} a month less")
    return found
