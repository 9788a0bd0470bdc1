"""Reading counters: ranges, rows, the current view (SPEC 1 and 2)."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tallybrook.counters import reading
from tallybrook.counters.buckets import SIZES
from tallybrook.errors import InvalidError
from tallybrook.events.instants import MAX_US, MIN_US, MINUTE_US
from tests.counters.world import NOW_US, World, event, us

HOUR = 60 * MINUTE_US
START = us("2024-01-19T12:00:00Z")


def test_range_of_two_hours_and_edges(world: World) -> None:
    """Only buckets wholly inside, the largest first, finer ones at the edges; it says which."""
    world.write(*(event(f"e{i}", START + i * MINUTE_US) for i in range(180)))
    found = reading.count_range(
        world.counters, "acme", "event", "view",
        us("2024-01-19T12:44:00Z"), us("2024-01-19T14:21:30Z"),
    )  # fmt: skip
    assert found.count == 97
    assert found.buckets_used == {"60": 1, "15": 2, "5": 1, "1": 2}
    assert found.end == "2024-01-19T14:21:30Z"
    assert found.counted_end == "2024-01-19T14:21:00Z"


_MINUTES = st.integers(-200, 200)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(-3 * HOUR, 3 * HOUR), max_size=40), st.data())
def test_range_reads_equal_brute_force(offsets: list[int], data: st.DataObject) -> None:
    """A count over whole minutes is the number of instants in the range."""
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder) / "log.db")
        try:
            world.write(*(event(f"e{i}", START + off) for i, off in enumerate(offsets)))
            for _ in range(8):
                low, high = sorted(data.draw(st.tuples(_MINUTES, _MINUTES)))
                start, end = START + low * MINUTE_US, START + high * MINUTE_US
                found = reading.count_range(world.counters, "acme", "event", "view", start, end)
                assert found.count == sum(start <= START + off < end for off in offsets)
                size = data.draw(st.sampled_from(SIZES))
                rows = reading.bucket_rows(
                    world.counters, "acme", "event", "view", size, start, end, NOW_US
                )
                expected = [
                    sum(s <= START + off < s + size * MINUTE_US for off in offsets)
                    for s in range(
                        start // (size * MINUTE_US) * size * MINUTE_US, end, size * MINUTE_US
                    )
                ]
                assert [row.count for row in rows] == expected
        finally:
            world.close()


def test_rows_have_the_names_of_the_schema(world: World) -> None:
    """Keys, composite key and times of a row as other software reads them; zeros filled in."""
    world.write(event("a", us("2024-01-19T14:37:23Z")))
    rows = reading.bucket_rows(
        world.counters, "acme", "event", "view", 5,
        us("2024-01-19T14:31:00Z"), us("2024-01-19T14:40:00Z"), NOW_US,
    )  # fmt: skip
    assert [(row.timeRangeStart, row.count) for row in rows] == [
        ("2024-01-19T14:30:00Z", 0), ("2024-01-19T14:35:00Z", 1),
    ]  # fmt: skip
    row = rows[1]
    assert row.compositeKey == "view#2024-01-19T14:35:00Z#5"
    assert (row.accountId, row.recordType, row.numberOfMinutes) == ("acme", "view", 5)
    assert row.timeRangeEnd == "2024-01-19T14:40:00Z"
    assert row.createdAt == row.updatedAt == "2024-01-19T14:37:23Z"
    assert rows[0].createdAt is None


def test_complete_is_decided_when_read(world: World) -> None:
    """The same stored bucket is not complete a microsecond before its end and is at its end."""
    world.write(event("a", us("2024-01-19T14:37:23Z")))
    end = us("2024-01-19T14:38:00Z")

    def complete(as_of: int) -> bool:
        (row,) = reading.bucket_rows(
            world.counters, "acme", "event", "view", 1, end - MINUTE_US, end, as_of
        )
        return row.complete

    assert [complete(end - 1), complete(end), complete(end + 1)] == [False, True, True]


def test_the_view_at_an_instant(world: World) -> None:
    """``as_of`` moves current and previous; the check counts the hour before at every size."""
    world.write(
        event("a", us("2024-01-19T13:59:59Z")), event("b", us("2024-01-19T14:36:59Z")),
        event("c", us("2024-01-19T14:37:00Z")), event("d", us("2024-01-19T14:37:59Z")),
    )  # fmt: skip
    found = reading.now(world.counters, "acme", us("2024-01-19T14:37:23Z"))
    (series,) = found.series
    assert (series.series, series.kind) == ("view", "event")
    counts = {m: (p.previous.count, p.current.count) for m, p in series.buckets.items()}
    assert counts == {"1": (1, 2), "5": (0, 3), "15": (0, 3), "60": (1, 3)}
    assert not series.buckets["1"].current.complete
    assert series.buckets["1"].previous.complete
    assert found.check.ok
    assert found.check.totals == {"1": 1, "5": 1, "15": 1, "60": 1}
    earlier = reading.now(world.counters, "acme", us("2024-01-19T13:59:59.5Z"))
    assert earlier.series[0].buckets["1"].current.count == 1
    assert reading.now(world.counters, "acme", us("2024-02-01")).series == []
    assert reading.now(world.counters, "rival", NOW_US).series == []


@pytest.mark.parametrize("as_of", [MIN_US, MAX_US, 0, -1])
def test_the_view_at_the_ends_of_the_calendar(world: World, as_of: int) -> None:
    """Any instant can be asked about."""
    world.write(event("a", as_of))
    assert reading.now(world.counters, "acme", as_of).check.ok


def test_the_check_sees_a_wrong_bucket(world: World) -> None:
    """A size that does not add up to the others is reported, with the totals."""
    world.write(event("a", us("2024-01-19T13:10:00Z")))
    world.counters.correct(
        {("acme", "event", "view", 5, us("2024-01-19T13:10:00Z") // 1_000_000): 1}, NOW_US
    )
    check = reading.now(world.counters, "acme", NOW_US).check
    assert not check.ok
    assert check.totals == {"1": 1, "5": 2, "15": 1, "60": 1}


def test_refused_ranges(world: World) -> None:
    """Start after end, a size that is not stored, too many buckets: refused by name."""
    with pytest.raises(InvalidError):
        reading.count_range(world.counters, "acme", "event", "view", 1, 0)
    for minutes, start, end in ((2, 0, 1), (1, 1, 0), (1, MIN_US, MAX_US)):
        with pytest.raises(InvalidError):
            reading.bucket_rows(world.counters, "acme", "event", "view", minutes, start, end, 0)


def test_series_totals(world: World) -> None:
    """Every series with its count and the span of its hours that hold anything."""
    world.write(event("a", us("2024-01-19T13:10:00Z")), event("b", us("2024-01-20"), "click"))
    found = {t.series: (t.kind, t.count, t.first_s) for t in world.counters.series("acme")}
    assert found["view"] == ("event", 1, us("2024-01-19T13:00:00Z") // 1_000_000)
    assert found["click"][1] == 1
    assert world.counters.series("rival") == []
