"""Counting from scratch, and finding what is wrong (SPEC 2)."""

import numpy as np
import pytest

from tallybrook.counters.recount import CrossCheckError, corrections, require_agreement, tally
from tallybrook.events.instants import HOUR_US, MINUTE_US
from tests.counters.world import NOW_US, World, delete, event, put, us

START = us("2024-01-19T12:00:00Z")


def test_two_full_hours_are_154_buckets() -> None:
    """120 + 24 + 8 + 2, zeros included, and each size sums to what was counted."""
    instants = np.array([START + 1, START + HOUR_US + 1], dtype=np.int64)
    found = tally(instants, [START // HOUR_US, START // HOUR_US + 1])
    sizes = [minutes for minutes, _ in found.counts]
    assert {m: sizes.count(m) for m in set(sizes)} == {1: 120, 5: 24, 15: 8, 60: 2}
    for size in (1, 5, 15, 60):
        assert sum(n for (m, _), n in found.counts.items() if m == size) == found.counted == 2


def test_everything_read_is_accounted_for() -> None:
    """counted + skipped + out_of_window is what was read."""
    instants = np.array([START, START + HOUR_US, START - 1], dtype=np.int64)
    found = tally(instants, [START // HOUR_US], no_timestamp=2, invalid_timestamp=3)
    assert (found.counted, found.out_of_window, found.read) == (1, 2, 8)
    assert (found.skipped_no_timestamp, found.skipped_invalid_timestamp) == (2, 3)


def test_hours_without_any_are_zeros() -> None:
    """An hour that was touched and is empty now is written as zeros."""
    found = tally(np.empty(0, np.int64), [5])
    assert len(found.counts) == 77
    assert set(found.counts.values()) == {0}


@pytest.mark.parametrize("spoil", ["bucket", "read"])
def test_a_mismatch_is_an_error(spoil: str) -> None:
    """Sums that do not agree stop everything."""
    found = tally(np.array([START], dtype=np.int64))
    if spoil == "bucket":
        found.counts[15, START // 1_000_000] += 1
    else:
        found.read += 1
    with pytest.raises(CrossCheckError):
        require_agreement(found)


def fill(world: World) -> None:
    world.write(*(event(f"e{i}", START + i * MINUTE_US) for i in range(100)))
    world.write(put("a", START), put("b", START), put("c", None), put("d", START, "tasks", "rival"))
    world.write(put("a", START + HOUR_US), delete("b"))


def test_the_fast_way_leaves_nothing_to_correct(world: World) -> None:
    """After inserts, moves and deletes a recount finds no difference."""
    fill(world)
    found = world.recount()
    assert found.differences == []
    items = found.tallies["acme", "record", "items"]
    assert (items.read, items.counted, items.skipped_no_timestamp) == (2, 1, 1)
    assert found.tallies["acme", "event", "view"].counted == 100


@pytest.mark.parametrize("by", [1, -1, 1_000])
@pytest.mark.parametrize("size", [1, 5, 15, 60])
def test_planted_errors_are_found_and_mended(world: World, size: int, by: int) -> None:
    """A bucket that is wrong by any number, of any size, is named with both counts; correcting
    mends exactly that, and nothing is left to find."""
    fill(world)
    before = world.stored()
    key = ("acme", "event", "view", size, START // 1_000_000)
    world.counters.correct({key: by}, NOW_US)
    (found,) = world.recount().differences
    assert found.key == key
    assert found.stored - found.recounted == by
    world.correct()
    assert world.recount().differences == []
    assert world.stored() == before


def test_counts_of_nothing_are_found(world: World) -> None:
    """A count in a series, an account or a year that has no record is found and set to 0."""
    fill(world)
    ghosts = {
        ("acme", "event", "ghost", 1, 0): 3, ("ghost", "record", "items", 60, -3600): 1,
        ("acme", "event", "view", 60, us("9999-12-31") // 1_000_000): 2,
    }  # fmt: skip
    world.counters.correct(ghosts, NOW_US)
    assert {d.key: d.stored for d in world.recount().differences} == ghosts
    world.correct()
    assert world.recount().differences == []


def test_zeros_are_written(world: World) -> None:
    """After correcting every bucket of every touched hour is stored, zeros included."""
    world.write(event("a", START), event("b", START + HOUR_US))
    world.correct()
    assert len(list(world.counters.everything(None))) == 154
    assert world.recount().missing_zeros == []


def test_since_leaves_out_what_is_before(world: World) -> None:
    """With a look-back only the hours from there on are compared; the rest is out of window."""
    fill(world)
    world.counters.correct({("acme", "event", "view", 60, START // 1_000_000): 5}, NOW_US)
    found = world.recount(START + HOUR_US)
    assert found.differences == []
    view = found.tallies["acme", "event", "view"]
    assert (view.counted, view.out_of_window) == (40, 60)
    assert len(world.recount(START).differences) == 1


def test_correcting_commutes_with_commits(world: World) -> None:
    """Corrections add: what is committed between the recount and the correction stays counted."""
    fill(world)
    world.counters.correct({("acme", "event", "view", 60, START // 1_000_000): 5}, NOW_US)
    changes = corrections(world.recount())
    world.write(event("late", START))
    world.counters.correct(changes, NOW_US)
    assert world.recount().differences == []
