"""The calls that run SQL and tell of its executions."""

from msgspec import Struct
from starlette.responses import Response

from tallybrook.entrypoints.server import asking, params
from tallybrook.entrypoints.server.answering import answer, unless_gone
from tallybrook.entrypoints.server.context import Call
from tallybrook.entrypoints.server.problems import json_response
from tallybrook.errors import InvalidError, NotFoundError
from tallybrook.lake.erasures import last_of
from tallybrook.sql.history import Past, ShownExecution, find, past_of, recent


class ExecutionList(Struct):
    """Executions that have ended, newest first; ``next_cursor`` is null on the last page."""

    executions: list[ShownExecution]
    next_cursor: str | None


class Cancelled(Struct):
    """``cancelled`` is false where it had ended."""

    execution_id: str
    cancelled: bool


async def query(call: Call) -> Response:
    """POST /query: run a statement, or give a further page of an answer."""
    asked = await asking.statement(call)
    if asked.next_token is not None:
        execution_id = asked.next_token.partition(".")[0]
        return await _page(call, execution_id, asked.next_token, asked.page_rows)
    request = asking.request_of(call, asked, asked.sql or "", full_scan=asked.full_scan)
    return await answer(call, asked, request)


async def execution(call: Call) -> Response:
    """GET /executions/{id}."""
    execution_id = call.path["id"]
    state = call.context.stores.works().state
    past = await call.context.read(find, state, call.account_id, execution_id)
    if past is None:
        running = await call.context.sql.status(call.account_id, execution_id)
        past = past_of(running, Past(sql="", submitted_at=running.submitted_at))
    return json_response(past.shown())


async def results(call: Call) -> Response:
    """GET /executions/{id}/results."""
    page_rows = params.integer(call.query, "page_rows", asking.PAGE_ROWS, 1, asking.PAGE_ROWS)
    return await _page(call, call.path["id"], call.query.get("next_token"), page_rows)


async def executions(call: Call) -> Response:
    """GET /executions."""
    state = call.context.stores.works().state
    found, cursor = await call.context.read(
        recent, state, call.account_id, params.integer(call.query, "limit", 50, 1, 1000),
        call.query.get("cursor"),
    )  # fmt: skip
    return json_response(ExecutionList([past.shown() for past in found], cursor))


async def cancel(call: Call) -> Response:
    """DELETE /executions/{id}."""
    execution_id = call.path["id"]
    try:
        done = await call.context.sql.cancel(call.account_id, execution_id)
    except NotFoundError:
        state = call.context.stores.works().state
        if await call.context.read(find, state, call.account_id, execution_id) is None:
            raise
        done = False
    return json_response(Cancelled(execution_id, done))


async def _page(
    call: Call, execution_id: str, token: str | None, page_rows: int | None
) -> Response:
    if page_rows is not None and not 0 < page_rows <= asking.PAGE_ROWS:
        raise InvalidError.of("/page_rows", f"must be from 1 to {asking.PAGE_ROWS}")
    await _require_unerased(call, execution_id)
    rows = page_rows or asking.PAGE_ROWS
    work = call.context.sql.page(call.account_id, execution_id, token, rows)
    return json_response(await unless_gone(call, work))


async def _require_unerased(call: Call, execution_id: str) -> None:
    """Raise ``NotFoundError`` for an answer from before somebody was erased, and give it up."""
    engine, state = call.context.sql, call.context.stores.works().state
    last = await call.context.read(last_of, state, call.account_id)
    if last is None:
        return
    execution = await engine.status(call.account_id, execution_id)
    if execution.submitted_at <= last.at_us:
        await engine.forget(call.account_id)
        raise NotFoundError("somebody was erased since: run the statement again")
