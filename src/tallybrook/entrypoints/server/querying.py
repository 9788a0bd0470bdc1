"""The calls that ask for metrics and run SQL."""

import asyncio

import msgspec
from msgspec import Struct
from starlette.responses import Response

from tallybrook.analytics.counted import counted
from tallybrook.analytics.plan import Plan, plan
from tallybrook.analytics.scanned import statements, values
from tallybrook.counters.series import resolve
from tallybrook.entrypoints.server import params
from tallybrook.entrypoints.server.bodies import read_body, require_json_type
from tallybrook.entrypoints.server.context import Call, Context
from tallybrook.entrypoints.server.problems import json_response
from tallybrook.errors import FieldError, InvalidError, TallybrookError
from tallybrook.events.checks import require_json, require_utf8
from tallybrook.events.instants import MINUTE_US, format_instant
from tallybrook.ports.log import Kind
from tallybrook.ports.sql import MAX_ROWS, Parameter, QueryRequest

MAX_QUERY_BYTES = 256 * 1024


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


class QueryIn(Struct):
    """The body of POST /query; ``query`` is another name for ``sql``."""

    sql: str | None = None
    query: str | None = None
    parameters: dict[str, Parameter] = {}
    max_scanned_bytes: int | None = None
    timeout_s: float | None = None
    limit: int | None = None
    full_scan: bool = False
    dry_run: bool = False


_QUERY = msgspec.json.Decoder(QueryIn)


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


async def query(call: Call) -> Response:
    require_json_type(call.request.headers)
    body = await read_body(call.request, MAX_QUERY_BYTES)
    request = _request(body, call)
    call.principal.take_query()
    telemetry = call.context.telemetry
    telemetry.queries += 1
    try:
        result = await _unless_gone(call, call.context, request)
    except TallybrookError:
        telemetry.queries_refused += 1
        raise
    return json_response(result)


def _request(body: bytes, call: Call) -> QueryRequest:
    require_utf8(body)
    require_json(body)
    try:
        asked = _QUERY.decode(body)
    except msgspec.MsgspecError as error:
        raise InvalidError("the query cannot be read", [FieldError("", str(error))]) from None
    sql = asked.sql or asked.query
    if not sql or not sql.strip():
        raise InvalidError.of("/sql", "is required")
    settings = call.context.settings
    most = asked.limit if asked.limit is not None else 10_000
    if not 0 < most <= MAX_ROWS:
        raise InvalidError.of("/limit", f"must be from 1 to {MAX_ROWS}")
    for name, value in (
        ("timeout_s", asked.timeout_s),
        ("max_scanned_bytes", asked.max_scanned_bytes),
    ):
        if value is not None and not 0 < value < 1 << 53:
            raise InvalidError.of(f"/{name}", "must be above 0")
    return QueryRequest(
        account_id=call.account_id,
        sql=sql,
        parameters=asked.parameters,
        max_scanned_bytes=min(
            asked.max_scanned_bytes or settings.query_max_bytes, settings.query_max_bytes
        ),
        timeout_s=min(asked.timeout_s or settings.query_timeout_s, settings.query_timeout_s),
        max_rows=most,
        full_scan=asked.full_scan,
        dry_run=asked.dry_run,
    )


async def _unless_gone(call: Call, context: Context, request: QueryRequest) -> object:
    """Run the query; a client that goes away takes it along."""
    running = asyncio.ensure_future(context.sql.run(request))
    leaving = asyncio.ensure_future(_gone(call))
    try:
        await asyncio.wait({running, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not running.done():
            raise TallybrookError("the client went away")
        return running.result()
    finally:
        for task in (running, leaving):
            task.cancel()


async def _gone(call: Call) -> None:
    while (await call.request.receive())["type"] != "http.disconnect":
        pass
