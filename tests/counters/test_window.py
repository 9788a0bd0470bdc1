"""Which hours a change makes to be counted again, and what that gives (SPEC 2)."""

import os
import random
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tallybrook.counters.delta import apply_records
from tallybrook.counters.recount_block import block
from tallybrook.counters.stream_recount import recount_touched
from tallybrook.counters.tallies import CrossCheckError, sizes_of
from tallybrook.counters.window import Touch, Window, affected, tally_window, window_of
from tallybrook.errors import StorageError
from tallybrook.events.instants import HOUR_US, MAX_US, MIN_US
from tallybrook.ports.records import Interval, RecordRow
from tests.counters.changing import Delta, Sink, Source, Table, recount
from tests.counters.world import NOW_US, brute_force, delete, put, us

NOW_HOUR = NOW_US // HOUR_US
EXAMPLES = int(os.environ.get("TALLYBROOK_PROPERTY_EXAMPLES", "150"))


def touch(record_id: str = "a", **fields: Any) -> Touch:
    return Touch("acme", "items", record_id, record_id, **fields)


def test_the_previous_and_the_current_hour() -> None:
    """They are counted again whatever was touched, and are 154 buckets."""
    window = window_of([touch(new_us=NOW_US)], NOW_US)
    assert window.hours == (NOW_HOUR - 1, NOW_HOUR)
    tally = tally_window([], [], window)
    assert len(tally.counts) == 154
    assert {m: n for m, (n, _) in sizes_of(tally.counts).items()} == {1: 120, 5: 24, 15: 8, 60: 2}


def test_hours_of_both_images() -> None:
    """A record that moved makes the hour it left and the hour it came to be counted again."""
    old, new = us("2023-05-01T03:10:00Z"), us("2030-01-01T00:00:00Z")
    window = window_of([touch(old_us=old, new_us=new)], NOW_US)
    hours = (old // HOUR_US, NOW_HOUR - 1, NOW_HOUR, new // HOUR_US)
    assert (window.hours, window.beyond) == (hours, ())


def test_the_look_back() -> None:
    """Further back than configured is left out and told; the last two hours never are."""
    far, near = NOW_US - 49 * HOUR_US, NOW_US - 48 * HOUR_US
    window = window_of([touch(old_us=far, new_us=near)], NOW_US, look_back_h=48)
    assert window.hours == (NOW_HOUR - 48, NOW_HOUR - 1, NOW_HOUR)
    assert window.beyond == (NOW_HOUR - 49,)
    assert window_of([], NOW_US, look_back_h=0).hours == (NOW_HOUR - 1, NOW_HOUR)


def test_neighbours_are_one_interval() -> None:
    """Reading is by as few ranges as possible."""
    assert Window((1, 2, 3, 7, 9, 10)).intervals == [
        Interval(HOUR_US, 4 * HOUR_US), Interval(7 * HOUR_US, 8 * HOUR_US),
        Interval(9 * HOUR_US, 11 * HOUR_US),
    ]  # fmt: skip
    assert Window(()).intervals == []


@given(st.sets(st.integers(MIN_US // HOUR_US, MAX_US // HOUR_US), max_size=20))
def test_intervals_are_the_hours(hours: set[int]) -> None:
    """Disjoint, ascending, and exactly the hours."""
    found = [
        hour
        for start, end in Window(tuple(sorted(hours))).intervals
        for hour in range(start // HOUR_US, end // HOUR_US)
    ]
    assert found == sorted(hours)


def test_years_1_and_9999() -> None:
    """The ends of the calendar are hours like others."""
    window = window_of([touch(old_us=MIN_US, new_us=MAX_US)], NOW_US)
    tally = tally_window([RecordRow("a", MAX_US)], [], window)
    assert tally.counted == 1
    assert len(tally.counts) == 4 * 77


def test_distinct_records() -> None:
    """A record that is read twice is counted once."""
    window = window_of([], NOW_US)
    tally = tally_window([RecordRow("a", NOW_US), RecordRow("a", NOW_US - HOUR_US)], [], window)
    assert (tally.read, tally.counted) == (1, 1)


def test_what_is_not_counted_is_told() -> None:
    """Without a time, with an unreadable one, outside: each is counted as what it is, once."""
    far = NOW_US - 100 * HOUR_US
    touches = [
        touch("none", skipped="no_timestamp"),
        touch("bad", skipped="invalid_timestamp"),
        touch("bad", skipped="invalid_timestamp"),
        touch("far", new_us=far),
        touch("gone", skipped="no_timestamp"),
        touch("gone", old_us=NOW_US),
        touch("since", skipped="no_timestamp"),
    ]
    window = window_of(touches, NOW_US, look_back_h=1)
    rows = [RecordRow("since", NOW_US), RecordRow("beside", far)]
    tally = tally_window(rows, touches, window)
    assert (tally.counted, tally.out_of_window) == (1, 2)
    assert (tally.skipped_no_timestamp, tally.skipped_invalid_timestamp) == (1, 1)
    assert tally.read == 5


class Failing:
    """Reads one page and no more."""

    def read(self, account: str, _type: str, _intervals: Sequence[Interval]) -> Iterator[RecordRow]:
        yield RecordRow("a", NOW_US)
        if account == "acme":
            raise StorageError("page 2 of acme")


def test_a_page_that_fails() -> None:
    """Nothing of that pair is written and its changes are reported; the other pair is not held."""
    sink = Sink()
    touches = [touch("a", new_us=NOW_US), Touch("rival", "items", "b", "t2", new_us=NOW_US)]
    done = recount_touched(touches, Failing(), sink, clock=lambda: NOW_US)
    assert [failed.token for failed in done.failed] == ["a"]
    for write in sink.late:
        write()
    assert {key[0] for key in sink.rows} == {"rival"}
    lines = block(done)
    assert "[1/3] query   ✗ page 2 of acme, nothing written" in lines
    assert lines[-1].startswith("⚠ PARTIAL")


def test_a_sum_that_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    """The cross-check stops a recount before anything is written."""

    def disagree(_: object) -> None:
        raise CrossCheckError("5 min: 2 in buckets, 1 counted")

    monkeypatch.setattr("tallybrook.counters.window.require_agreement", disagree)
    sink = Sink()
    done = recount_touched([touch(new_us=NOW_US)], Source(Table()), sink, clock=lambda: NOW_US)
    assert len(done.failed) == 1
    assert sink.late == []
    assert "[2/3] count   ✗ 5 min: 2 in buckets, 1 counted, nothing written" in block(done)


def test_the_block() -> None:
    """Pairs, window, three steps, four sizes, the end; records without a time by name."""
    table = Table()
    table.change(put("1", NOW_US))
    table.change(put("2", None))
    done = recount(table, table.stream, Source(table), Sink())
    assert block(done) == [
        "recount       1 affected: acme/items",
        "acme/items: 2 hours: 2024-01-19T13:00:00Z to 2024-01-19T15:00:00Z",
        "[1/3] query   2 records in 1 ranges, 0 out_of_window, 1 without an instant",
        "              skipped_no_timestamp: 2",
        "[2/3] count   1 counted, every size adds up ✓",
        "               1 min  120 buckets, total 1",
        "               5 min  24 buckets, total 1",
        "              15 min  8 buckets, total 1",
        "              60 min  2 buckets, total 1",
        "[3/3] update  154 buckets written",
        "✓ SUCCESS",
    ]


ACCOUNTS, TYPES = st.sampled_from(["acme", "rival"]), st.sampled_from(["items", "tasks"])
IDS = st.integers(0, 11).map(str)
INSTANTS = (
    st.integers(-7200, 7200).map(lambda s: NOW_US + s * 1_000_000)
    | st.sampled_from([0, -1, MIN_US, MAX_US, NOW_US // HOUR_US * HOUR_US])
    | st.integers(MIN_US, MAX_US)
)
PUTS = st.builds(put, IDS, st.none() | INSTANTS, TYPES, ACCOUNTS)
CHANGES = st.one_of(PUTS, PUTS, st.builds(delete, IDS, TYPES, ACCOUNTS))
STEPS = st.lists(
    st.one_of(
        CHANGES,
        CHANGES,
        CHANGES,
        st.sampled_from(["deliver", "again", "let", "reading", "before", "after"]),
    ),
    max_size=40,
)


class Run:
    """Plays the steps: changes, deliveries of batches, changes during deliveries, late writes."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.table, self.sink, self.delta = Table(), Sink(), Delta()
        self.source = Source(self.table)
        self.hooks = {
            "reading": self.source.meanwhile,
            "before": self.sink.before_ticket,
            "after": self.sink.after_ticket,
        }
        self.at = 0

    def play(self, steps: list[Any]) -> None:
        steps = list(steps)
        while steps:
            step = steps.pop(0)
            if not isinstance(step, str):
                self.change(step)
            elif step == "let":
                self.let_go()
            elif step in self.hooks:
                inner, steps = steps[:5], steps[5:]
                self.hooks[step].append(partial(self.play, inner))
            else:
                self.deliver(again=step == "again")

    def change(self, change: Any) -> None:
        self.table.change(change)
        apply_records(self.delta, [change], 1, NOW_US)

    def deliver(self, *, again: bool = False) -> None:
        if again and self.at:
            start = self.random.randrange(self.at)
            batch = self.table.stream[start : start + 3]
        else:
            end = min(self.at + self.random.randint(1, 5), len(self.table.stream))
            batch, self.at = self.table.stream[self.at : end], end
        recount(self.table, batch, self.source, self.sink)

    def let_go(self) -> None:
        if self.sink.late:
            self.sink.late.pop(self.random.randrange(len(self.sink.late)))()

    def finish(self) -> None:
        while self.at < len(self.table.stream):
            self.deliver()
        while self.sink.late:
            self.let_go()


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(STEPS, st.integers(0, 1 << 32))
def test_recounts_agree_with_counting_from_scratch(steps: list[Any], seed: int) -> None:
    """Puts, moves and deletes; batches split anyhow, delivered twice, read while records move,
    written late and out of order: every bucket of every touched hour is what counting from
    scratch gives, zeros included, and the numbers are those of the embedded delta."""
    run = Run(seed)
    run.play(steps)
    run.finish()
    expected = brute_force({}, run.table.records)
    stored = {key: count for key, (count, _) in run.sink.rows.items()}
    assert {key: n for key, n in stored.items() if n} == expected
    assert {key: n for key, n in run.delta.counts.items() if n} == expected
    for pair, touches in affected(run.table.stream).items():
        window = window_of(touches, NOW_US)
        buckets = tally_window([], [], window).counts
        assert {(*key[3:],) for key in stored if (key[0], key[2]) == pair} == set(buckets)
