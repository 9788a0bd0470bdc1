"""The call that asks for a metric over time."""

from msgspec import Struct
from starlette.responses import Response

from tallybrook.analytics.counted import counted
from tallybrook.analytics.plan import Plan, plan
from tallybrook.analytics.scanned import statements, values
from tallybrook.counters.series import resolve
from tallybrook.entrypoints.server import params
from tallybrook.entrypoints.server.context import Call
from tallybrook.entrypoints.server.problems import json_response
from tallybrook.errors import InvalidError
from tallybrook.events.instants import MINUTE_US, format_instant
from tallybrook.ports.log import Kind


class Point(Struct):
    """One period; ``complete`` when it has ended. ``value`` is null where nothing defines it."""

    start: str
    value: float | int | None
    complete: bool


class Analytics(Struct):
    """A metric over ``[start, end)``. ``source`` tells whether counters or a scan answered."""

    metric: str
    start: str
    end: str
    group_by: str
    total: float | int | None
    series: list[Point]
    source: str
    complete: bool


async def analytics(call: Call) -> Response:
    context = call.context
    now = context.clock()
    names = await context.read(context.stores.counters.names, call.account_id)
    asked = plan(
        call.query,
        *params.span(call.query),
        now,
        {name for _, name in names},
    )
    kind: Kind = "event"
    if asked.event_type is not None:
        kind, asked.event_type = resolve(asked.event_type, context.stores.records.types)
    if asked.countable:
        found = await context.read(counted, context.stores.counters, call.account_id, kind, asked)
        return _answer(asked, list(found), sum(found), "counters", now)
    if kind == "record":
        raise InvalidError.of("/metric", "is a record type: only counted in whole minutes, all")
    by_period, total = await _scan(call, asked)
    return _answer(asked, by_period, total, "scan", now)


async def _scan(call: Call, asked: Plan) -> tuple[list[float | None], float | None]:
    settings = call.context.settings
    periods, total = statements(
        asked,
        call.account_id,
        timeout_s=settings.query_timeout_s,
        max_scanned_bytes=settings.query_max_bytes,
    )
    by_period = await call.context.sql.run(periods)
    overall = await call.context.sql.run(total)
    return values(asked, by_period), overall.rows[0][0] if overall.rows else None


def _answer(
    asked: Plan,
    found: list[float | None],
    total: float | None,
    source: str,
    now_us: int,
) -> Response:
    ends = [*asked.starts[1:], asked.end_us]
    points = [
        Point(format_instant(start), value, end <= now_us)
        for start, value, end in zip(asked.starts, found, ends, strict=False)
    ]
    return json_response(
        Analytics(
            asked.metric,
            format_instant(asked.start_us),
            format_instant(asked.end_us),
            asked.group_by,
            total,
            points,
            source,
            asked.end_us <= now_us // MINUTE_US * MINUTE_US,
        )
    )
