"""The calls about runs and schedules."""

from typing import Any, cast

import msgspec
from msgspec import Struct
from starlette.responses import Response

from tallybrook.accounts.keys import DEFAULT_ACCOUNT
from tallybrook.entrypoints.server import params
from tallybrook.entrypoints.server.bodies import read_json
from tallybrook.entrypoints.server.context import Call
from tallybrook.entrypoints.server.costing import require_budget
from tallybrook.entrypoints.server.problems import json_response
from tallybrook.errors import InvalidError
from tallybrook.events.instants import format_instant
from tallybrook.ports.log import FailedRecord
from tallybrook.workflows.runs import Kind, Run, StepState
from tallybrook.workflows.schedules import ShownSchedule, shown

MAX_BODY_BYTES = 16 * 1024
STATUSES = ("queued", "running", "succeeded", "failed", "cancelled")


class ShownStep(Struct):
    """A step; instants are RFC 3339, ``output`` what it gave."""

    name: str
    status: str
    tries: int
    started_at: str | None
    ended_at: str | None
    error: str | None
    output: dict[str, Any]


class ShownRun(Struct):
    """A run; ``failed_id`` names the failed record of one that failed."""

    run_id: str
    kind: str
    status: str
    attempt: int
    created_at: str
    updated_at: str
    error: str | None
    failed_id: str | None
    input: dict[str, Any]
    steps: list[ShownStep]


class RunList(Struct):
    runs: list[ShownRun]
    next_cursor: str | None


class ScheduleList(Struct):
    schedules: list[ShownSchedule]


class RunIn(Struct):
    """What a run is of: the object ``key``, or the range from ``start`` to ``end``."""

    kind: str
    key: str | None = None
    start: str | None = None
    end: str | None = None


_run_in = msgspec.json.Decoder(RunIn)


async def runs(call: Call) -> Response:
    """GET /runs: newest first."""
    status = call.query.get("status")
    if status is not None and status not in STATUSES:
        raise InvalidError.of("/status", f"must be one of {', '.join(STATUSES)}")
    limit = params.integer(call.query, "limit", 50, 1, 500)
    found, cursor = await call.context.read(
        call.context.stores.works().runs.runs.page,
        call.account_id, limit, call.query.get("cursor"), status,
    )  # fmt: skip
    return json_response(RunList([_shown(run) for run in found], cursor))


async def run(call: Call) -> Response:
    """GET /runs/{id}."""
    desk = call.context.stores.works().runs
    found = await call.context.read(desk.runs.get, call.account_id, call.path["id"])
    return json_response(_shown(found))


async def post_run(call: Call) -> Response:
    """POST /runs: work off a file, or a range again."""
    asked = await read_json(call.request, _run_in, MAX_BODY_BYTES)
    if asked.kind not in ("file", "range"):
        raise InvalidError.of("/kind", "must be file or range")
    if asked.kind == "file":
        # Objects lie under one prefix for all accounts: only who runs the product names them.
        _require_operator(call)
    await require_budget(call.context, "backfills")
    given = {name: value for name, value in msgspec.to_builtins(asked).items() if value}
    del given["kind"]
    desk = call.context.stores.works().runs
    found = await call.context.read(desk.request, call.account_id, cast("Kind", asked.kind), given)
    return json_response(_shown(found), 202)


async def retry(call: Call) -> Response:
    """POST /runs/{id}/retry."""
    desk = call.context.stores.works().runs
    return json_response(
        _shown(await call.context.read(desk.retry, call.account_id, call.path["id"])), 202
    )


async def cancel(call: Call) -> Response:
    """POST /runs/{id}/cancel."""
    desk = call.context.stores.works().runs
    return json_response(
        _shown(await call.context.read(desk.cancel, call.account_id, call.path["id"]))
    )


async def schedules(call: Call) -> Response:
    """GET /schedules."""
    works, now_us = call.context.stores.works(), call.context.clock()
    found = await call.context.read(shown, works.state, works.runs, now_us)
    return json_response(ScheduleList(found))


async def replay(call: Call, record: FailedRecord) -> str:
    """Start the run of a failed record again; its id. ``ConflictError`` unless it has failed."""
    run_id = str(msgspec.json.decode(record.body)["run_id"])
    desk = call.context.stores.works().runs
    return (await call.context.read(desk.retry, call.account_id, run_id)).run_id


def _require_operator(call: Call) -> None:
    call.principal.require("admin")
    if call.account_id != DEFAULT_ACCOUNT:
        raise InvalidError.of("/kind", f"file is for the account {DEFAULT_ACCOUNT!r} alone")


def _shown(found: Run) -> ShownRun:
    return ShownRun(
        found.run_id, found.kind, found.status, found.attempt, format_instant(found.created_at),
        format_instant(found.updated_at), found.error, found.failed_id, found.input,
        [_step(step) for step in found.steps],
    )  # fmt: skip


def _step(step: StepState) -> ShownStep:
    return ShownStep(
        step.name, step.status, step.tries, _text(step.started_at), _text(step.ended_at),
        step.error, step.output,
    )  # fmt: skip


def _text(at_us: int | None) -> str | None:
    return None if at_us is None else format_instant(at_us)
