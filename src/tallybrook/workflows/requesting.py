"""Asking for runs: new ones, the same again, and no more of one."""

from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from tallybrook.errors import ConflictError, InvalidError
from tallybrook.events.ids import content_id, new_ulid
from tallybrook.events.instants import format_instant, parse_instant
from tallybrook.ports.clock import Clock
from tallybrook.ports.jobs import Jobs, Started
from tallybrook.ports.state import Change
from tallybrook.workflows.runs import OPEN, STEPS_OF, Kind, Run, Runs, new_run

SETTLE_US = 600_000_000
"""A run that nobody has begun for so long was kept by somebody who died before starting it."""


class Desk(Struct):
    """Where runs are asked for."""

    runs: Runs
    jobs: Jobs
    clock: Clock

    def request(self, account_id: str, kind: Kind, given: dict[str, Any], run_id: str = "") -> Run:
        """Start a run, or find the one of that id. A file's id is made of its key and content.
        Raises ``InvalidError``."""
        now_us = self.clock()
        checked = _checked(kind, given)
        found, _ = self.begin(
            new_run(run_id or _run_id(kind, checked, now_us), account_id, kind, checked, now_us)
        )
        return found

    def begin(self, run: Run, also: Sequence[Change] = ()) -> tuple[Run, bool]:
        """Keep a run, with other changes, and have it worked off; whether it is new."""
        found, is_new = self.runs.create(run, also)
        if found.status == "queued":
            self.jobs.start(started(found))
        return found, is_new

    def retry(self, account_id: str, run_id: str) -> Run:
        """Go on with a failed or cancelled run at the step where it stopped. Raises
        ``ConflictError`` for any other."""
        found = self.runs.change(account_id, run_id, lambda run: _again(run, self.clock()))
        self.jobs.start(started(found))
        return found

    def cancel(self, account_id: str, run_id: str) -> Run:
        """Do no further step of a run; the one under way is finished. Raises ``ConflictError``
        for one that has ended."""
        return self.runs.change(account_id, run_id, lambda run: _cancelled(run, self.clock()))

    def pick_up(self, account_id: str) -> int:
        """Start again what was kept and never begun; how many."""
        late = self.clock() - SETTLE_US
        waiting, _ = self.runs.page(account_id, 100, status="queued")
        for run in waiting:
            if run.updated_at < late:
                self.jobs.start(started(run))
        return len(waiting)


def started(run: Run) -> Started:
    """A run as the engine gets it."""
    return Started(run.run_id, run.account_id, run.attempt, STEPS_OF[run.kind])


def _run_id(kind: Kind, given: dict[str, Any], now_us: int) -> str:
    if kind == "file":
        return f"file-{content_id(given['key'], given.get('etag') or '')}"
    return f"{kind}-{new_ulid(now_us).lower()}"


def _checked(kind: Kind, given: dict[str, Any]) -> dict[str, Any]:
    if kind == "file":
        key = given.get("key")
        if not isinstance(key, str) or not key:
            raise InvalidError.of("/key", "is required: the object to work off")
        return given
    if kind == "range":
        start, end = (_instant(given, name) for name in ("start", "end"))
        if start >= end:
            raise InvalidError.of("/start", "must be before end")
        return {"start": format_instant(start), "end": format_instant(end)}
    return given


def _instant(given: dict[str, Any], name: str) -> int:
    found = parse_instant(str(given.get(name, "")))
    if found is None:
        raise InvalidError.of(f"/{name}", "is not an instant or a date")
    return found


def _again(run: Run, now_us: int) -> None:
    if run.status in OPEN or run.status == "succeeded":
        raise ConflictError(f"the run is {run.status}")
    run.status, run.attempt, run.updated_at = "queued", run.attempt + 1, now_us
    run.error, run.failed_id = None, None


def _cancelled(run: Run, now_us: int) -> None:
    if run.status not in OPEN:
        raise ConflictError(f"the run is {run.status} already")
    run.status, run.updated_at = "cancelled", now_us
