"""What is done by the clock, one function each. All of it may be done again and changes nothing."""

import csv
import io
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from msgspec import Struct

from tallybrook.costs.budget import Budget
from tallybrook.costs.keeping import tell, tell_of_queries
from tallybrook.costs.prices import prices
from tallybrook.costs.recorder import day_of
from tallybrook.costs.report import day_before, report
from tallybrook.costs.reported import Report, ReportLine
from tallybrook.costs.stored import usage_of
from tallybrook.costs.telling import cost_events
from tallybrook.costs.tiers import Tier
from tallybrook.counters.recount import corrections, recount
from tallybrook.errors import InvalidError
from tallybrook.events.instants import DAY_US, HOUR_US, format_instant, parse_instant
from tallybrook.events.model import Event
from tallybrook.ports.bus import Bus
from tallybrook.ports.clock import Clock
from tallybrook.ports.counters import Counters, Scope
from tallybrook.ports.objects import Objects, everything
from tallybrook.ports.state import State
from tallybrook.ports.usage import Stored, UsageStore
from tallybrook.workflows.runs import Run
from tallybrook.workflows.staging import PREFIX

ROLLUPS = "rollups"
REPORTS = "reports/costs/"
USAGE_DAYS = 800
STAGED_DAYS = 7
_LINE = tuple(ReportLine.__struct_fields__)


class Clockwork(Struct):
    """What the jobs work with."""

    objects: Objects
    counters: Counters
    usage: UsageStore
    state: State
    bus: Bus
    clock: Clock
    budget: Callable[[], Budget]
    tier: Callable[[], tuple[Tier, float]]
    append: Callable[[list[Event]], None]
    measured: bool
    refresh: Callable[[int], dict[str, Any]] | None = None
    stored: Callable[[], Stored] | None = None
    counted_bytes: Callable[[], int] | None = None


AFFORDABLE_BYTES = 16 * 2**20
"""A count of so much every hour costs about 0.20 dollars a month in DynamoDB (half a request unit
for 4 KB)."""

Job = Callable[[Run], dict[str, Any]]


def jobs(with_: Clockwork) -> Mapping[str, Job]:
    """By the names of the schedules."""
    return {
        "rollup-hourly": lambda run: rollup_hourly(run, with_),
        "rollup-daily": lambda run: rollup_daily(run, with_),
        "queries": lambda run: queries(run, with_),
        "budget": lambda run: budget_check(run, with_),
        "cost-report": lambda run: cost_report(run, with_),
        "retention": lambda run: retention(run, with_),
    }


def rollup_hourly(run: Run, with_: Clockwork) -> dict[str, Any]:
    """Count the hour before the slot again, of all accounts, and correct what differs.

    Where reading costs money it is left out beyond ``AFFORDABLE_BYTES``, and the run says so:
    events of an hour may lie anywhere in the log, so counting one hour reads all of it.
    """
    slot_us = _slot(run)
    end_us = slot_us // HOUR_US * HOUR_US
    size = 0 if with_.counted_bytes is None else with_.counted_bytes()
    if size > AFFORDABLE_BYTES:
        return {"hour": format_instant(end_us - HOUR_US), "skipped": f"{size} bytes to read"}
    hour = Scope(since_us=end_us - HOUR_US, until_us=end_us)
    wrong = corrections(recount(with_.counters, scope=hour))
    if wrong:
        with_.counters.correct(wrong, with_.clock())
    return {"hour": format_instant(end_us - HOUR_US), "corrected": len(wrong)}


def rollup_daily(run: Run, with_: Clockwork) -> dict[str, Any]:
    """Keep the day's totals of every series of every account, for ever."""
    end_s = _slot(run) // DAY_US * 86_400
    start_s = end_s - 86_400
    totals: dict[str, dict[str, int]] = {}
    for (account, kind, series, minutes, at), count in with_.counters.everything(start_s):
        if minutes == 60 and at < end_s and count:
            of = totals.setdefault(account, {})
            of[f"{kind}:{series}"] = of.get(f"{kind}:{series}", 0) + count
    day = format_instant(start_s * 1_000_000)[:10]
    for account, series_totals in totals.items():
        body = msgspec.json.encode(series_totals)
        with_.objects.put(f"{ROLLUPS}/{account}/{day}.json", body, content_type="application/json")
    return {"day": day, "accounts": len(totals), "series": sum(map(len, totals.values()))}


def queries(run: Run, with_: Clockwork) -> dict[str, Any]:
    """Run the saved queries that are due."""
    return {"refreshed": 0} if with_.refresh is None else with_.refresh(_slot(run))


def budget_check(run: Run, with_: Clockwork) -> dict[str, Any]:
    """Tell the bus of 80 and 100 % of the budget, once a month each; and of queries that are dear
    or fail, once a day each."""
    found = with_.budget()
    tell(with_.state, with_.bus, found, with_.clock())
    tell_of_queries(with_.state, with_.bus, with_.usage, with_.clock())
    return {"status": found.status, "share": found.share}


def cost_report(run: Run, with_: Clockwork) -> dict[str, Any]:
    """The report of the day before the slot, as JSON and CSV among the objects; and as events, of
    which the lake makes rows. Where what is kept can be measured, it is that day's usage first."""
    day = day_before(day_of(_slot(run)))
    if with_.stored is not None:
        with_.usage.add(usage_of(with_.stored(), day), f"stored-{day}")
    tier, mrr_usd = with_.tier()
    rows = with_.usage.between(day, day)
    found = report(
        rows, day, day, day, measured=with_.measured, mrr_usd=mrr_usd, tier=tier, prices=prices()
    )
    with_.append(cost_events(rows, day, prices(), with_.clock()))
    with_.objects.put(f"{REPORTS}{day}.json", msgspec.json.encode(found))
    with_.objects.put(f"{REPORTS}{day}.csv", as_csv(found).encode(), content_type="text/csv")
    return {"day": day, "listed_usd": found.listed_usd, "payable_usd": found.payable_usd}


def retention(run: Run, with_: Clockwork) -> dict[str, Any]:
    """Delete usage that is older than reports go, and what runs that never ended have staged."""
    now_us = _slot(run)
    gone = with_.usage.forget(day_of(now_us - USAGE_DAYS * DAY_US))
    old = [
        found.key
        for found in everything(with_.objects, PREFIX)
        if found.modified_at < now_us - STAGED_DAYS * DAY_US
    ]
    for key in old:
        with_.objects.delete(key)
    return {"usage_rows": gone, "staged_objects": len(old)}


def as_csv(found: Report) -> str:
    """The lines of a report, one a row of usage."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_LINE)
    writer.writerows([getattr(line, name) for name in _LINE] for line in found.lines)
    return text.getvalue()


def _slot(run: Run) -> int:
    found = parse_instant(str(run.input.get("slot", "")))
    if found is None:
        raise InvalidError.of("/slot", "is no instant")
    return found
