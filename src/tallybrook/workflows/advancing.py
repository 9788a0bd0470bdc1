"""One step of a run: called by the engine, once or several times, with one effect.

A step whose output is kept is not done again. One that was cut off is: each step function does the
same when it is called again, so what it had done by then stands once.
"""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from msgspec import Struct

from tallybrook.errors import TallybrookError, TerminalError
from tallybrook.events.model import Event
from tallybrook.failed.keeping import failed_record
from tallybrook.ports.bus import Bus, Notice
from tallybrook.ports.clock import Clock
from tallybrook.ports.counters import Counters
from tallybrook.ports.log import FailedRecord
from tallybrook.ports.objects import Objects
from tallybrook.workflows.runs import OPEN, SOURCE, Run, Runs, StepState

FAILED, SUCCEEDED = "workflow.failed", "workflow.succeeded"


class CancelledError(TerminalError):
    """The run was cancelled: no further step is done."""

    status, slug, title = 409, "cancelled", "Run cancelled"


class Work(Struct):
    """What steps work with. ``append`` makes events durable on their way into the log (twice is
    once); ``jobs`` are the things done by the clock, by name."""

    runs: Runs
    objects: Objects
    append: Callable[[list[Event]], None]
    keep_failed: Callable[[FailedRecord], None]
    counters: Counters
    bus: Bus
    clock: Clock
    jobs: Mapping[str, Callable[[Run], dict[str, Any]]] = {}
    keep_ip: bool = False


Step = Callable[[Run, Work], dict[str, Any]]
Steps = Mapping[tuple[str, str], Step]
"""By kind and name."""


def advance(work: Work, steps: Steps, account_id: str, run_id: str, name: str) -> dict[str, Any]:
    """Do a step and keep what it gives. Raises what the step raises, ``CancelledError`` and
    ``NotFoundError``; whether to call it again is in the error's type."""
    run = work.runs.change(account_id, run_id, lambda run: _begin(run, name, work.clock()))
    if run.step(name).status == "done":
        return run.output(name)
    try:
        output = steps[run.kind, name](run, work)
    except TallybrookError as error:
        text = error.detail
        work.runs.change(account_id, run_id, lambda run: _spoiled(run, name, text, work.clock()))
        raise
    work.runs.change(account_id, run_id, lambda run: _done(run, name, output, work.clock()))
    return output


def fail(work: Work, account_id: str, run_id: str, error: str) -> None:
    """End a run as failed: told on the bus, kept as a failed record that starts it again when it
    is replayed. A run that was cancelled, or ended, or is gone, is left as it is."""
    run = work.runs.find(account_id, run_id)
    if run is None or run.status not in OPEN:
        return
    body = msgspec.json.encode({"run_id": run_id, "kind": run.kind, "input": run.input})
    cause = TallybrookError(f"{_where(run)}: {error}")
    record = failed_record(cause, body, account_id=account_id, source=SOURCE, now_us=run.updated_at)
    record.failed_id = f"run-{run_id}-{run.attempt}"
    record.reason = "run_failed"
    work.keep_failed(record)
    data = {"run_id": run_id, "kind": run.kind, "step": _where(run), "error": error}
    work.bus.publish([notice(run, FAILED, data, work.clock())])
    work.runs.change(
        account_id, run_id, lambda run: _failed(run, error, record.failed_id, work.clock())
    )


def notice(run: Run, kind: str, data: dict[str, Any], now_us: int) -> Notice:
    """What the bus is told of a run, under an id of the run and its attempt."""
    notice_id = f"{kind}-{run.run_id}-{run.attempt}"
    return Notice(notice_id=notice_id, kind=kind, account_id=run.account_id, at=now_us, data=data)


def _begin(run: Run, name: str, now_us: int) -> None:
    if run.status not in OPEN and run.step(name).status != "done":
        raise CancelledError(f"run {run.run_id} is {run.status}")
    step = run.step(name)
    if step.status == "done":
        return
    run.status, run.updated_at = "running", now_us
    step.status, step.tries = "running", step.tries + 1
    step.started_at, step.ended_at = step.started_at or now_us, None


def _spoiled(run: Run, name: str, error: str, now_us: int) -> None:
    step = run.step(name)
    step.status, step.error, step.ended_at, run.updated_at = "failed", error, now_us, now_us


def _done(run: Run, name: str, output: dict[str, Any], now_us: int) -> None:
    step: StepState = run.step(name)
    step.status, step.error, step.ended_at, run.updated_at = "done", None, now_us, now_us
    step.output = output
    if all(one.status == "done" for one in run.steps) and run.status in OPEN:
        run.status, run.error = "succeeded", None


def _failed(run: Run, error: str, failed_id: str, now_us: int) -> None:
    if run.status in OPEN:
        run.status, run.error, run.failed_id, run.updated_at = "failed", error, failed_id, now_us


def _where(run: Run) -> str:
    return next((step.name for step in run.steps if step.status != "done"), run.steps[-1].name)
