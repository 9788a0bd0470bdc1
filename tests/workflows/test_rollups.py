"""The hour that is counted again by the clock."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tallybrook.events.instants import HOUR_US, format_instant, parse_instant
from tallybrook.events.model import Event
from tallybrook.ports.log import CounterKey, Write
from tallybrook.settings import Settings
from tallybrook.wiring.workflows import open_local_work
from tallybrook.workflows.advancing import Work
from tallybrook.workflows.clockwork import AFFORDABLE_BYTES, Clockwork, rollup_hourly
from tallybrook.workflows.runs import Run, new_run
from tests.workflows.world import product

FIVE_US = parse_instant("2026-03-04T05:00:00Z") or 0
SLOT_US = FIVE_US + HOUR_US + 5 * 60_000_000
HOUR: CounterKey = ("acme", "event", "view", 60, FIVE_US // 1_000_000)
BEFORE: CounterKey = (*HOUR[:4], HOUR[4] - 3600)


@pytest.fixture
def work(tmp_path: Path) -> Iterator[Work]:
    """An hour with ten events, whose counter and that of the hour before are wrong by three."""
    with product(tmp_path) as opened:
        opened.log.write(Write(events=[_event(n) for n in range(10)]))
    with open_local_work(Settings(data=str(tmp_path)), lambda: SLOT_US) as found:
        found.counters.correct({HOUR: 3, BEFORE: 3}, SLOT_US)
        yield found


def _event(n: int) -> Event:
    return Event(
        seq=0, event_id=f"e{n}", event_type="view", timestamp=FIVE_US + n * 60_000_000,
        ingested_at=SLOT_US, account_id="acme", time_source="event", user_id="u",
    )  # fmt: skip


def _run() -> Run:
    given = {"job": "rollup-hourly", "slot": format_instant(SLOT_US)}
    return new_run("rollup-hourly-1", "default", "job", given, SLOT_US)


def _stored(work: Work) -> dict[CounterKey, int]:
    return dict(work.counters.everything(None))


def test_the_hour_before_is_corrected(work: Work) -> None:
    """That hour and no other; a second time nothing is left to correct."""
    job = work.jobs["rollup-hourly"]
    told = job(_run())
    assert told["hour"] == "2026-03-04T05:00:00Z"
    assert told["corrected"] >= 1
    assert (_stored(work)[HOUR], _stored(work)[BEFORE]) == (10, 3)
    assert job(_run()) == told | {"corrected": 0}


@pytest.mark.parametrize(
    ("size", "done"), [(AFFORDABLE_BYTES, True), (AFFORDABLE_BYTES + 1, False)]
)
def test_what_would_cost_too_much_is_left_out(work: Work, size: int, done: bool) -> None:
    """Where every byte read is paid for, a long log is not read every hour; the run says so."""
    paid = Clockwork(*[None] * 9, measured=True, counted_bytes=lambda: size)  # type: ignore[misc]
    paid.counters, paid.clock = work.counters, work.clock
    assert ("skipped" in rollup_hourly(_run(), paid)) is not done
    assert _stored(work)[HOUR] == (10 if done else 13)
