"""How often a step is tried, and how long is waited in between. Pure."""

from msgspec import Struct

from tallybrook.costs.tiers import Tier

RETRIES = 3
RATE = 2.0


class Policy(Struct, frozen=True):
    """A step that fails is tried again ``retries`` times: after ``base_s`` seconds, then after
    ``rate`` times as long as before. An error of the input is not tried again."""

    base_s: float
    retries: int = RETRIES
    rate: float = RATE


def policy_of(tier: Tier) -> Policy:
    """2 s, and 1 s from the tier that says so."""
    return Policy(tier.retry_base_ms / 1000)
