"""The work of ``tallybrook tiers``."""

import json
import os
from pathlib import Path
from typing import Any

import msgspec

from tallybrook.costs.checking import require_amount
from tallybrook.costs.chosen import mrr_usd as mrr_of
from tallybrook.costs.chosen import set_mrr_usd
from tallybrook.costs.load import Load
from tallybrook.costs.planning import Plan, changes, flat, plan
from tallybrook.costs.prices import Arch, prices
from tallybrook.costs.tiers import current_tier, tier_of, tiers
from tallybrook.entrypoints.cli.output import note, print_rows
from tallybrook.errors import UsageError


def show_tiers(*, as_json: bool) -> None:
    """Print the table, a column a tier."""
    present = current_tier()
    if as_json:
        said = [msgspec.to_builtins(tier) | {"current": tier == present} for tier in tiers()]
        print(json.dumps(said, indent=2))
        return
    columns = [flat(tier) for tier in tiers()]
    names = dict.fromkeys(name for column in columns for name in column)
    heads = [f"${tier.from_mrr_usd:,}{'*' if tier == present else ''}" for tier in tiers()]
    rows = [(name, *(_shown(column.get(name)) for column in columns)) for name in names]
    print_rows(("from monthly revenue", *heads), rows, "table")
    note("* the present tier, by CURRENT_MRR")


def show_plan(mrr_usd: float, events_per_day: float | None, arch: Arch, *, as_json: bool) -> None:
    """Print what would change."""
    require_amount("mrr", mrr_usd)
    load = None if events_per_day is None else Load(events_per_day=events_per_day)
    found = plan(current_tier(), tier_of(mrr_usd), load, arch, prices())
    if as_json:
        print(json.dumps(_said(found), indent=2))
        return
    rows = [(c.setting, _shown(c.now), _shown(c.then)) for c in found.changes]
    heads = (f"${found.from_mrr_usd:,}", f"${found.to_mrr_usd:,}")
    if not rows:
        print("the same tier: nothing changes")
        return
    print_rows(("setting", *heads), rows, "table")
    dollars = [(d.what, d.now_usd, d.then_usd, d.more_usd) for d in found.dollars]
    sums = ("in all", found.now_usd, found.then_usd, found.then_usd - found.now_usd)
    shown = [(what, *(f"{usd:.2f}" for usd in amounts)) for what, *amounts in [*dollars, sums]]
    print_rows(("USD a month", *heads, "more"), shown, "table")
    known = prices()
    note(f"list prices of {known.as_of}, {known.region}")


def set_tier(data: Path, mrr_usd: float) -> None:
    """Keep the revenue; what it chooses is told."""
    if os.environ.get("TALLYBROOK_BACKEND") == "aws":
        raise UsageError(
            f"the tier of a stack is a setting of its deployment: CURRENT_MRR={mrr_usd:g}, then"
            " deploy (docs/guides/deploying-to-aws.md)"
        )
    before, tier = tier_of(mrr_of(data)), set_mrr_usd(data, mrr_usd)
    rows = [(c.setting, _shown(c.now), _shown(c.then)) for c in changes(before, tier)]
    if rows:
        heads = (f"${before.from_mrr_usd:,}", f"${tier.from_mrr_usd:,}")
        print_rows(("setting", *heads), rows, "table")
    note(f"the tier from ${tier.from_mrr_usd:,}, for processes that start from now on")
    if os.environ.get("CURRENT_MRR"):
        note("CURRENT_MRR is set in this environment and goes before it")


def _said(found: Plan) -> dict[str, Any]:
    said: dict[str, Any] = msgspec.to_builtins(found)
    parts = zip(said["dollars"], found.dollars, strict=True)
    said["dollars"] = [_cents(part | {"more_usd": of.more_usd}) for part, of in parts]
    said["more_usd"] = found.then_usd - found.now_usd
    return _cents(said) | {"region": prices().region, "prices_as_of": prices().as_of}


def _cents(said: dict[str, Any]) -> dict[str, Any]:
    """Amounts to a hundredth of a cent: below that is how floats add up."""
    return {k: round(v, 4) if isinstance(v, float) else v for k, v in said.items()}


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "-" if value is None else str(value)
