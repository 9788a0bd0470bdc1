"""What is done by the clock: which slots, by whom, and that it may be done again."""

import multiprocessing
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tallybrook.events.instants import DAY_US, HOUR_US, parse_instant
from tallybrook.ports.jobs.local import LocalJobs
from tallybrook.ports.state.local import SqliteState
from tallybrook.settings import Settings
from tallybrook.wiring.workflows import open_local_work
from tallybrook.workflows.requesting import SETTLE_US, Desk
from tallybrook.workflows.runs import Runs
from tallybrook.workflows.schedules import ACCOUNT, SCHEDULES, due, shown
from tallybrook.workflows.steps import run_job
from tests.workflows.world import product

NOON_US = parse_instant("2026-03-04T12:00:00Z") or 0
HOURLY = [schedule for schedule in SCHEDULES if schedule.every_us == HOUR_US]


class At:
    """A clock that stands where it is put."""

    def __init__(self, now_us: int) -> None:
        self.now_us = now_us

    def __call__(self) -> int:
        return self.now_us


@pytest.fixture
def at() -> At:
    return At(NOON_US)


@pytest.fixture
def desk(tmp_path: Path, at: At) -> Iterator[Desk]:
    state = SqliteState(tmp_path / "state.db", at)
    yield Desk(Runs(state), LocalJobs(state), at)
    state.close()


def started(desk: Desk, at: At) -> list[str]:
    state = desk.jobs._state  # type: ignore[attr-defined]
    return [run.run_id for run in due(state, desk, at())]


def test_a_slot_is_started_once(desk: Desk, at: At) -> None:
    """A new installation starts nothing of the past; each slot then starts when it is due, once."""
    assert started(desk, at) == []
    assert started(desk, at) == []
    at.now_us += HOUR_US
    first = started(desk, at)
    assert first == [f"{s.name}-2026-03-04t12{s.offset_us // 60_000_000:02}" for s in HOURLY]
    assert started(desk, at) == []
    at.now_us += HOUR_US
    assert len(started(desk, at)) == len(HOURLY)


def test_what_was_missed_is_caught_up_once(desk: Desk, at: At) -> None:
    """After three days of standing still each schedule is started once, for its newest slot."""
    started(desk, at)
    at.now_us += 3 * DAY_US
    caught_up = started(desk, at)
    assert len(caught_up) == len(SCHEDULES)
    assert "rollup-daily-2026-03-07t0008" in caught_up
    assert started(desk, at) == []


def _race(path: Path, now_us: int, many: int) -> list[str]:
    """Who started what, of processes that look at the same moment."""
    context = multiprocessing.get_context("fork")
    barrier, results = context.Barrier(many), context.Queue()

    def look() -> None:
        at = At(now_us)
        state = SqliteState(path, at)
        desk = Desk(Runs(state), LocalJobs(state), at)
        barrier.wait(30)
        results.put([run.run_id for run in due(state, desk, now_us)])

    processes = [context.Process(target=look) for _ in range(many)]
    for process in processes:
        process.start()
    found = [run_id for _ in processes for run_id in results.get(timeout=30)]
    for process in processes:
        process.join(30)
    return found


def test_no_slot_runs_twice(tmp_path: Path, desk: Desk, at: At) -> None:
    """Of four processes that look at once, one starts each slot."""
    started(desk, at)
    found = _race(tmp_path / "state.db", NOON_US + DAY_US, 4)
    assert sorted(found) == sorted(set(found))
    assert len(found) == len(SCHEDULES)


def test_what_was_kept_and_never_begun_is_picked_up(desk: Desk, at: At) -> None:
    """A process that died between keeping a run and starting it leaves it to the next look."""
    jobs = desk.jobs
    run = desk.request(ACCOUNT, "range", {"start": "2026-03-04", "end": "2026-03-05"})
    for one in jobs.waiting():  # type: ignore[attr-defined]
        jobs.done(one)  # type: ignore[attr-defined]
    desk.pick_up(ACCOUNT)
    assert jobs.waiting() == []  # type: ignore[attr-defined]
    at.now_us += SETTLE_US + 1
    desk.pick_up(ACCOUNT)
    assert [one.run_id for one in jobs.waiting()] == [run.run_id]  # type: ignore[attr-defined]


def test_last_and_next(desk: Desk, at: At) -> None:
    """Each schedule is shown with the slot it did last, how that stands, and the next one."""
    started(desk, at)
    at.now_us += HOUR_US
    started(desk, at)
    state = desk.jobs._state  # type: ignore[attr-defined]
    found = {one.name: one for one in shown(state, desk, at())}
    hourly = found["rollup-hourly"]
    assert (hourly.last, hourly.next) == ("2026-03-04T12:05:00Z", "2026-03-04T13:05:00Z")
    assert hourly.last_status == "queued"
    assert (found["rollup-daily"].last, found["rollup-daily"].next) == (
        None, "2026-03-05T00:08:00Z",
    )  # fmt: skip


def test_every_job_may_be_done_again(tmp_path: Path) -> None:
    """Each of them twice, on a data directory with events, gives the same twice."""
    at = At(NOON_US + DAY_US)
    with product(tmp_path):
        pass
    with open_local_work(Settings(data=str(tmp_path), budget_usd=0.0), at) as work:
        state = SqliteState(tmp_path / "state.db", at)
        desk = Desk(Runs(state), LocalJobs(state), At(NOON_US))
        due(state, desk, NOON_US)
        runs = due(state, desk, at())
        assert {run.input["job"] for run in runs} == {schedule.name for schedule in SCHEDULES}
        job: Callable[[], list[object]] = lambda: [run_job(run, work) for run in runs]  # noqa: E731
        assert job() == job()
        state.close()
    assert (tmp_path / "objects/reports/costs/2026-03-04.json").exists()
