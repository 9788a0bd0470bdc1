"""The work of ``tallybrook costs report`` and ``costs budget``."""

import csv
import json
import sys
from typing import Any

from tallybrook.entrypoints.cli.api import Api
from tallybrook.entrypoints.cli.output import note, print_rows


def show_report(
    url: str, key: str | None, start: str | None, end: str | None, *, as_json: bool, as_csv: bool
) -> None:
    """Print a report: its parts as tables, or all of it for programs."""
    asked = {name: value for name, value in (("start", start), ("end", end)) if value}
    with Api(url, key, patience_s=10.0) as api:
        found = api.get("/costs/report", asked)
    if as_json:
        print(json.dumps(found, ensure_ascii=False, indent=2))
    elif as_csv:
        _print_csv(found["lines"])
    else:
        _print_tables(found)


def show_budget(
    url: str, key: str | None, hours: float | None, reason: str, *, as_json: bool
) -> None:
    """Print how the budget stands, after an override if one is given."""
    with Api(url, key, patience_s=10.0) as api:
        if hours is not None:
            body = json.dumps({"hours": hours, "reason": reason}).encode()
            found = api.post("/costs/budget/override", body)
        else:
            found = api.get("/costs/budget")
    if as_json:
        print(json.dumps(found, ensure_ascii=False, indent=2))
        return
    print_rows(("", "value"), [(name, _text(value)) for name, value in found.items()], "table")


def _print_csv(lines: list[dict[str, Any]]) -> None:
    names = list(lines[0]) if lines else ["day", "account_id", "function", "meter", "usd"]
    writer = csv.DictWriter(sys.stdout, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)


def _print_tables(found: dict[str, Any]) -> None:
    for part in ("by_service", "by_account", "by_day"):
        rows = [(share["name"], f"{share['usd']:.6f}") for share in found[part]]
        print_rows((part.removeprefix("by_"), "USD"), rows, "table")
    names = ("function", "invocations", "avg_duration_ms", "cold_starts", "usd")
    rows_of = [[_text(one[name]) for name in names] for one in found["functions"]]
    print_rows(names, rows_of, "table")
    print_rows(
        ("a month of the same events", "USD"),
        [(one["what"], f"{one['usd']:.2f}") for one in found["what_if"]], "table",
    )  # fmt: skip
    _notes(found)


def _notes(found: dict[str, Any]) -> None:
    note(
        f"{found['start']} to {found['end']}: ${found['listed_usd']:.6f} at list price,"
        f" ${found['payable_usd']:.6f} to pay after the free tier"
    )
    if found["projection"]:
        share = found["share_of_mrr"]
        of_mrr = f", {share:.2%} of monthly revenue" if share is not None else ""
        month = found["projection"]
        note(f"projected for {month['month']}: ${month['usd']:.4f}{of_mrr}")
    if not found["measured"]:
        note("embedded: what the work that was counted would have cost on AWS")
    for line in [*found["advice"], *([found["reason"]] if found["reason"] else [])]:
        note(line)


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "-"
    return "-" if value is None else str(value)
