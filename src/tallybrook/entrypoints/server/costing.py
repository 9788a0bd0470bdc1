"""The calls that tell what it costs, and what the budget says."""

import csv
import io
from typing import Annotated

import msgspec
from msgspec import Meta, Struct
from starlette.responses import Response

from tallybrook.accounts.keys import DEFAULT_ACCOUNT
from tallybrook.costs.budget import Budget, Override
from tallybrook.costs.reported import Report, ReportLine
from tallybrook.entrypoints.server import params
from tallybrook.entrypoints.server.bodies import read_json
from tallybrook.entrypoints.server.context import Call, Context
from tallybrook.entrypoints.server.problems import json_response
from tallybrook.errors import InvalidError
from tallybrook.events.instants import DAY_US, HOUR_US, format_instant
from tallybrook.ports.usage import SHARED, Usage

MAX_DAYS = 400
MAX_BODY_BYTES = 4096
MAX_HOURS = 24 * 31
BUDGET_FOR_US = 60_000_000
"""How long what the budget says is gone by, before it is added up again."""

_LINE = tuple(ReportLine.__struct_fields__)


class OverrideIn(Struct):
    """How long nothing stops; 0 hours end it."""

    hours: Annotated[float, Meta(ge=0, le=MAX_HOURS)]
    reason: Annotated[str, Meta(max_length=200)] = ""


_override = msgspec.json.Decoder(OverrideIn)


async def cost_report(call: Call) -> Response:
    """GET /costs/report: JSON, or its lines as CSV with ``format=csv``."""
    form = call.query.get("format", "json")
    if form not in ("json", "csv"):
        raise InvalidError.of("/format", "must be json or csv")
    first, last = _days(call)
    rows = await call.context.read(_rows, call, first, last)
    found = await call.context.read(_report, call, rows, first, last)
    if form == "csv":
        return Response(_csv(found), media_type="text/csv")
    return json_response(found)


async def budget(call: Call) -> Response:
    """GET /costs/budget."""
    return json_response(await call.context.read(_budget, call.context))


async def override(call: Call) -> Response:
    """POST /costs/budget/override."""
    asked = await read_json(call.request, _override, MAX_BODY_BYTES)
    context = call.context
    await context.read(_set_override, context, asked)
    context.budget = None
    return json_response(await context.read(_budget, context))


async def require_budget(context: Context, what: str) -> None:
    """Raise ``BudgetError`` where the budget has stopped ``what``. Free where nothing is enforced:
    the budget is added up once a minute."""
    settings = context.settings
    if not settings.budget_usd or settings.budget_stop == "off":
        return
    now_us = context.clock()
    if context.budget is None or now_us - context.budget[0] > BUDGET_FOR_US:
        context.budget = (now_us, await context.read(_budget, context))
    from tallybrook.costs.keeping import require_room

    require_room(context.budget[1], what)


def _budget(context: Context) -> Budget:
    from tallybrook.wiring.workflows import budget_of

    works = context.stores.works()
    return budget_of(context.settings, works.usage, works.state, context.clock())


def _set_override(context: Context, asked: OverrideIn) -> None:
    from tallybrook.costs.keeping import end_override, put_override

    state = context.stores.works().state
    if asked.hours:
        until = context.clock() + round(asked.hours * HOUR_US)
        put_override(state, Override(until, asked.reason))
    else:
        end_override(state)


def _days(call: Call) -> tuple[str, str]:
    """The days asked for, both included; this month's without."""
    start_us, end_us = params.span(call.query)
    today = _day(call.context.clock())
    first = _day(start_us) if start_us is not None else f"{today[:7]}-01"
    last = _day(end_us - 1) if end_us is not None else max(today, first)
    if end_us is not None and start_us is not None and end_us - start_us > MAX_DAYS * DAY_US:
        raise InvalidError.of("/start", f"is more than {MAX_DAYS} days before end")
    return min(first, last), last


def _day(at_us: int) -> str:
    return format_instant(at_us)[:10]


def _rows(call: Call, first: str, last: str) -> list[Usage]:
    """Of the account; the first account is that of who runs the product, and has what is shared."""
    usage = call.context.stores.works().usage
    rows = usage.between(first, last, call.account_id)
    if call.account_id == DEFAULT_ACCOUNT:
        rows += usage.between(first, last, SHARED)
    return rows


def _report(call: Call, rows: list[Usage], first: str, last: str) -> Report:
    from tallybrook.costs.prices import prices
    from tallybrook.costs.report import report
    from tallybrook.wiring.workflows import present_mrr_usd, present_tier

    settings = call.context.settings
    return report(
        rows, first, last, _day(call.context.clock()), measured=settings.backend == "aws",
        mrr_usd=present_mrr_usd(settings), tier=present_tier(settings), prices=prices(),
    )  # fmt: skip


def _csv(found: Report) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_LINE)
    writer.writerows([getattr(line, name) for name in _LINE] for line in found.lines)
    return text.getvalue()
