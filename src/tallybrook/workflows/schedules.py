"""What is done by the clock: the table, and who does which slot.

A slot is the instant at which something is due. Who does it is decided by one conditional write
that keeps the run and moves the schedule on: of two processes one succeeds. After a pause (the
process was down) the newest slot that was missed is done, once.
"""

import msgspec
from msgspec import Struct

from tallybrook.errors import ConflictError
from tallybrook.events.instants import DAY_US, HOUR_US, MINUTE_US, format_instant
from tallybrook.ports.state import ABSENT, Put, State
from tallybrook.workflows.requesting import Desk
from tallybrook.workflows.runs import Run, new_run

ACCOUNT = "default"
"""Whose the runs are that nobody asked for: the first account is that of who runs the product."""

PARTITION = "schedules"


class Schedule(Struct, frozen=True):
    """Due every ``every_us`` after ``offset_us`` of the epoch (UTC). ``job`` is what is done, or
    ``range`` for a recount of the hours since the slot before."""

    name: str
    about: str
    every_us: int
    offset_us: int

    def slot(self, now_us: int) -> int:
        """The newest slot that is not in the future."""
        return (now_us - self.offset_us) // self.every_us * self.every_us + self.offset_us


SCHEDULES: tuple[Schedule, ...] = (
    Schedule("rollup-hourly", "Counts the hour before again", HOUR_US, 5 * MINUTE_US),
    Schedule("rollup-daily", "Keeps yesterday's totals of every series", DAY_US, 8 * MINUTE_US),
    Schedule("queries", "Runs the saved queries that are due", HOUR_US, 6 * MINUTE_US),
    Schedule("budget", "Tells of 80 and 100 % of the budget", HOUR_US, 7 * MINUTE_US),
    Schedule("cost-report", "Writes yesterday's report of costs", DAY_US, 10 * MINUTE_US),
    Schedule("retention", "Deletes what is kept no longer", DAY_US, 12 * MINUTE_US),
)


AS_IT_GOES = {"compaction": "Small files of the lake are merged by its writer, between batches"}
"""What needs no slot, because who does it does it all the time."""


class Standing(Struct):
    """Where a schedule stands. ``last_slot`` is None before there was one to do."""

    last_slot: int | None = None
    run_id: str | None = None


class ShownSchedule(Struct):
    """A schedule as it is listed; instants are RFC 3339. What has no slots has no ``every_s``."""

    name: str
    about: str
    every_s: int | None
    last: str | None
    last_run: str | None
    last_status: str | None
    next: str | None


def due(state: State, desk: Desk, now_us: int) -> list[Run]:
    """Start what is due; the runs that this call started."""
    found = []
    for schedule in SCHEDULES:
        run = _claim(state, desk, schedule, now_us)
        if run is not None:
            found.append(run)
    return found


def shown(state: State, desk: Desk, now_us: int) -> list[ShownSchedule]:
    """Every schedule with its last and its next slot."""
    always = [
        ShownSchedule(name, about, None, None, None, None, None)
        for name, about in AS_IT_GOES.items()
    ]
    return [_shown(state, desk, schedule, now_us) for schedule in SCHEDULES] + always


def _claim(state: State, desk: Desk, schedule: Schedule, now_us: int) -> Run | None:
    slot = schedule.slot(now_us)
    stored = state.get(PARTITION, schedule.name)
    version = stored.version if stored else ABSENT
    standing = msgspec.json.decode(stored.value, type=Standing) if stored else None
    if standing is None:
        # A new installation: what was due before it was there is nobody's.
        _move(state, schedule.name, Standing(slot), version)
        return None
    if standing.last_slot is not None and slot <= standing.last_slot:
        return None
    name = format_instant(slot)
    run = new_run(
        f"{schedule.name}-{name[:16].replace(':', '').lower()}", ACCOUNT, "job",
        {"job": schedule.name, "slot": name}, now_us,
    )  # fmt: skip
    body = msgspec.json.encode(Standing(slot, run.run_id))
    try:
        started, is_new = desk.begin(run, [Put(PARTITION, schedule.name, body, version)])
    except ConflictError:
        return None  # somebody else has it
    return started if is_new else None


def _move(state: State, name: str, standing: Standing, version: int) -> None:
    try:
        state.put(PARTITION, name, msgspec.json.encode(standing), expect=version)
    except ConflictError:
        return  # somebody else did the same


def _shown(state: State, desk: Desk, schedule: Schedule, now_us: int) -> ShownSchedule:
    stored = state.get(PARTITION, schedule.name)
    standing = msgspec.json.decode(stored.value, type=Standing) if stored else Standing()
    run = desk.runs.find(ACCOUNT, standing.run_id) if standing.run_id else None
    last = standing.last_slot if standing.run_id else None
    return ShownSchedule(
        schedule.name,
        schedule.about,
        schedule.every_us // 1_000_000,
        format_instant(last) if last is not None else None,
        standing.run_id,
        run.status if run else None,
        format_instant(schedule.slot(now_us) + schedule.every_us),
    )
