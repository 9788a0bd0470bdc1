"""Whatever comes in and whatever dies: the log and the counters on AWS are what was told."""

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tallybrook.events.instants import MAX_US, MIN_US
from tests.counters.world import event, us
from tests.log.sequencing import World
from tests.support.calls import dying_after
from tests.support.emulator import Emulator, new_stack

BASE = us("2024-01-19T14:37:23Z")
INSTANTS = st.integers(-20, 20).map(lambda hour: BASE + hour * 3_600_000_000) | st.sampled_from(
    [0, -1, MIN_US, MAX_US, BASE]
)
EVENTS = st.tuples(
    st.integers(0, 60).map(str), INSTANTS, st.sampled_from(["view", "a#b"]),
    st.sampled_from(["acme", "rival"]),
)  # fmt: skip
WRITES = st.lists(EVENTS, min_size=1, max_size=40)
DELIVERIES = st.tuples(st.integers(0, 1), st.integers(1, 60), st.integers(0, 3))
STEPS = st.lists(st.one_of(WRITES, DELIVERIES, DELIVERIES), max_size=14)


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=STEPS)
def test_counters_are_what_counting_from_scratch_gives(emulator: Emulator, steps: Any) -> None:
    """Writes with duplicates, deliveries of any length from two shards, and deaths right after a
    transaction, in any order: every event has one dense number and is counted once."""
    world = World(new_stack(), shards=2)
    for step in steps:
        if isinstance(step, list):
            world.write(event(name, at, series, account) for name, at, series, account in step)
            continue
        shard, size, killed = step
        world.pump.read()
        with dying_after("TransactWriteItems", killed):
            world.deliver_once(world.pump.shards[shard], size)
    world.deliver()
    world.check()
    world.close()
