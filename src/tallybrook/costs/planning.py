"""What another tier would change: settings, and dollars where they follow from them. Pure."""

from typing import Any

import msgspec
from msgspec import Struct

from tallybrook.costs.bill import Bill, bill
from tallybrook.costs.forecast import month
from tallybrook.costs.load import Load
from tallybrook.costs.prices import Arch, Prices
from tallybrook.costs.standing import standing_of, standing_uses
from tallybrook.costs.tiers import Tier


class Change(Struct, frozen=True):
    """A setting that differs."""

    setting: str
    now: Any
    then: Any


class Dollars(Struct, frozen=True):
    """A part of a month's bill at list price, before and after."""

    what: str
    now_usd: float
    then_usd: float

    @property
    def more_usd(self) -> float:
        return self.then_usd - self.now_usd


class Plan(Struct, frozen=True):
    """From one tier to another. ``dollars`` holds the parts that differ; the sums are of all."""

    from_mrr_usd: int
    to_mrr_usd: int
    changes: list[Change]
    dollars: list[Dollars]
    now_usd: float
    then_usd: float


def plan(now: Tier, then: Tier, load: Load | None, arch: Arch, prices: Prices) -> Plan:
    """What changes. Without a load the dollars are those of a stack in which nothing happens."""
    before, after = (_bill(tier, load, arch, prices) for tier in (now, then))
    return Plan(
        now.from_mrr_usd,
        then.from_mrr_usd,
        changes(now, then),
        _differences(before, after),
        before.listed_usd,
        after.listed_usd,
    )


def changes(now: Tier, then: Tier) -> list[Change]:
    """Settings that differ, by name; of what is set by function, each function."""
    old, new = flat(now), flat(then)
    names = dict.fromkeys([*old, *new])
    return [
        Change(name, old.get(name), new.get(name))
        for name in names
        if old.get(name) != new.get(name)
    ]


def flat(tier: Tier) -> dict[str, Any]:
    """A tier's settings, one name each; ``setting.function`` for those by function."""
    found: dict[str, Any] = {}
    for name, value in msgspec.structs.asdict(tier).items():
        if isinstance(value, dict):
            found |= {f"{name}.{function}": of for function, of in value.items()}
        elif name != "from_mrr_usd":
            found[name] = value
    return found


def _bill(tier: Tier, load: Load | None, arch: Arch, prices: Prices) -> Bill:
    if load is None:
        return bill(standing_uses(standing_of(tier, arch)), prices)
    return month(load, tier, arch, prices)


def _differences(before: Bill, after: Bill) -> list[Dollars]:
    old = {line.what: line.listed_usd for line in before.lines}
    new = {line.what: line.listed_usd for line in after.lines}
    parts = [
        Dollars(what, old.get(what, 0.0), new.get(what, 0.0))
        for what in dict.fromkeys([*old, *new])
    ]
    return [part for part in parts if abs(part.more_usd) >= 0.005]
