"""The work of ``tallybrook costs``."""

import json
from typing import Any

import msgspec

from tallybrook.costs.advice import advice
from tallybrook.costs.bill import Bill
from tallybrook.costs.checking import require_amount
from tallybrook.costs.forecast import month, per_million, table
from tallybrook.costs.functions import lambda_cost, memory_advice
from tallybrook.costs.load import WINDOW_S, Load
from tallybrook.costs.prices import Arch, prices
from tallybrook.costs.tiers import Tier, current_mrr_usd, tier_of
from tallybrook.entrypoints.cli.output import OutputFormat, note, print_rows

DIGITS = 10
"""Decimals of a dollar that programs get: below them is how floats add up."""


def show_estimate(
    invocations: int,
    duration_ms: float,
    memory_mb: int,
    arch: Arch,
    init_ms: float,
    cold_starts: int | None,
    *,
    as_json: bool,
) -> None:
    """Print one function's cost."""
    cost = lambda_cost(
        invocations, duration_ms, memory_mb, arch, init_ms,
        cold_starts=cold_starts, prices=prices(),
    )  # fmt: skip
    said = {
        **msgspec.structs.asdict(cost),
        "duration_ms": duration_ms,
        "init_ms": init_ms,
        "memory_mb": memory_mb,
        "arch": arch,
        "advice": memory_advice(duration_ms, memory_mb),
        **_source(),
    }
    if as_json:
        _print_json(said)
    else:
        print_rows(("", "value"), [(name, _cell(value)) for name, value in said.items()], "table")


def show_whatif(
    mrr: float | None,
    events_per_day: float,
    memory_mb: int | None,
    batch: int,
    window_s: float | None,
    arch: Arch,
    *,
    as_json: bool,
) -> None:
    """Print a month's bill, its sums, and what would make it smaller."""
    mrr_usd, tier = _tier(mrr)
    window = WINDOW_S if window_s is None else window_s
    load = Load(events_per_day=events_per_day, batch=batch, window_s=window)
    found = month(load, tier, arch, prices(), memory_mb)
    each = per_million(load, tier, arch, prices(), memory_mb)
    said: dict[str, Any] = {
        "listed_usd": found.listed_usd,
        "payable_usd": found.payable_usd,
        "per_million_usd": each.per_million_usd,
        "mrr_usd": mrr_usd,
        "share_of_mrr": found.listed_usd / mrr_usd if mrr_usd else None,
        "tier_from_mrr_usd": tier.from_mrr_usd,
        "load": msgspec.structs.asdict(load),
        "memory_mb": memory_mb or tier.memory_mb,
        "arch": arch,
        "advice": advice(load, tier, arch, prices()),
        **_source(),
    }
    if as_json:
        _print_json(said | {"lines": [msgspec.structs.asdict(line) for line in found.lines]})
    else:
        _print_bill(found)
        for name in ("per_million_usd", "share_of_mrr"):
            note(f"{name}: {_cell(said[name])}")
        for line in said["advice"]:
            note(line)
        _note_source()


def show_per_million(mrr: float | None, arch: Arch, fmt: OutputFormat) -> None:
    """Print the table."""
    _, tier = _tier(mrr)
    names = (
        "events_per_day", "batch", "writes_per_event", "events_per_commit", "month_usd",
        "month_payable_usd", "per_million_usd", "per_million_payable_usd",
    )  # fmt: skip
    rows = [[getattr(row, name) for name in names] for row in table(tier, arch, prices())]
    if fmt == "table":
        shown = [[_amount(value) for value in row] for row in rows]
    else:
        shown = [[_rounded(value) for value in row] for row in rows]
    print_rows(names, shown, fmt)
    if fmt == "table":
        _note_source()


def _tier(mrr: float | None) -> tuple[float, Tier]:
    if mrr is not None:
        require_amount("mrr", mrr)
    mrr_usd = current_mrr_usd() if mrr is None else mrr
    return mrr_usd, tier_of(mrr_usd)


def _print_bill(found: Bill) -> None:
    rows = [
        (line.what, line.service, f"{line.quantity:,.0f}", line.unit,
         f"{line.listed_usd:.2f}", f"{line.payable_usd:.2f}")
        for line in found.lines
    ]  # fmt: skip
    sums = ("in all", "", "", "", f"{found.listed_usd:.2f}", f"{found.payable_usd:.2f}")
    print_rows(("for", "service", "quantity", "unit", "USD", "to pay"), [*rows, sums], "table")


def _source() -> dict[str, Any]:
    known = prices()
    return {"free_tier": False, "region": known.region, "prices_as_of": known.as_of}


def _note_source() -> None:
    known = prices()
    note(
        f"USD a month, {known.region}, list prices of {known.as_of}; to pay: after free allowances"
    )


def _print_json(said: dict[str, Any]) -> None:
    print(json.dumps(_rounded(said), ensure_ascii=False, indent=2))


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, DIGITS)
    if isinstance(value, dict):
        return {name: _rounded(of) for name, of in value.items()}
    return [_rounded(of) for of in value] if isinstance(value, list | tuple) else value


def _amount(value: float) -> str:
    return f"{value:,.2f}" if isinstance(value, float) else f"{value:,}"


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.6g}" if isinstance(value, float) else str(value)
