"""The two ways to count agree: whatever comes in, in whatever order (SPEC 2, DESIGN 1.4)."""

import os
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tallybrook.events.instants import MAX_US, MIN_US
from tests.counters.world import World, brute_force, delete, event, put, us

BASE = us("2024-01-19T14:37:23Z")
ACCOUNTS = st.sampled_from(["acme", "rival", "a"])
IDS = st.integers(0, 12).map(str)
INSTANTS = (
    st.integers(-7200, 7200).map(lambda s: BASE + s * 1_000_000)
    | st.integers(-(10**9), 10**9).map(lambda off: BASE + off)
    | st.sampled_from([0, -1, MIN_US, MAX_US, BASE // 3_600_000_000 * 3_600_000_000])
    | st.integers(MIN_US, MAX_US)
)
_EVENTS = st.tuples(st.just("event"), ACCOUNTS, st.sampled_from(["view", "items"]), IDS, INSTANTS)
_PUTS = st.tuples(
    st.just("put"), ACCOUNTS, st.sampled_from(["items", "tasks"]), IDS, st.none() | INSTANTS
)
_DELETES = st.tuples(
    st.just("delete"), ACCOUNTS, st.sampled_from(["items", "tasks"]), IDS, st.none()
)
WRITES = st.lists(st.one_of(_EVENTS, _PUTS, _PUTS, _DELETES), max_size=8)
TOGETHER = st.lists(WRITES, min_size=1, max_size=3)
STEPS = st.lists(st.one_of(TOGETHER, TOGETHER, st.sampled_from(["reopen", "correct"])), max_size=8)

EXAMPLES = int(os.environ.get("TALLYBROOK_PROPERTY_EXAMPLES", "100"))


class Truth:
    """What is there, kept the simplest way."""

    def __init__(self) -> None:
        self.events: dict[tuple[str, str], tuple[str, int]] = {}
        self.records: dict[tuple[str, str, str], int | None] = {}

    def instants(self, account: str, series: str) -> list[int | None]:
        """What the records of one series have for an instant."""
        return [at for (a, s, _), at in self.records.items() if (a, s) == (account, series)]

    def take(self, step: tuple[Any, ...]) -> Any:
        """Apply one change; gives what the log should be told to do."""
        op, account, series, name, instant = step
        if op == "event":
            self.events.setdefault((account, name), (series, instant))
            return event(name, instant, series, account)
        if op == "put":
            self.records[account, series, name] = instant
            return put(name, instant, series, account)
        self.records.pop((account, series, name), None)
        return delete(name, series, account)


def take_all(world: World, truth: Truth, steps: list[Any]) -> None:
    """Apply the steps. Writes of one step are submitted at once, so that they share commits."""
    for step in steps:
        if step == "reopen":
            world.reopen()
        elif step == "correct":
            world.correct()
        else:
            world.write_together([[truth.take(change) for change in write] for write in step])


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(STEPS)
def test_stored_counters_are_what_counting_from_scratch_gives(steps: list[Any]) -> None:
    """Inserts, moves, deletes, duplicates, disorder, batches and restarts, for events and records
    of several accounts: the stored counters, the recount and plain counting are the same."""
    with tempfile.TemporaryDirectory(dir=_memory()) as folder:
        world, truth = World(Path(folder) / "log.db"), Truth()
        try:
            take_all(world, truth, steps)
            expected = brute_force(truth.events, truth.records)
            assert world.stored() == expected
            found = world.recount()
            assert found.differences == []
            recounted = {
                (*series, minutes, start): count
                for series, tally in found.tallies.items()
                for (minutes, start), count in tally.counts.items()
                if count
            }
            assert recounted == expected
            for (account, kind, series), tally in found.tallies.items():
                if kind == "record":
                    mine = truth.instants(account, series)
                    assert (tally.read, tally.counted) == (
                        len(mine), sum(at is not None for at in mine),
                    )  # fmt: skip
        finally:
            world.close()


def _memory() -> str | None:
    """A folder in memory where there is one: this test is about numbers, not about disks."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
