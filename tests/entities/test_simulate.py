"""The simulated stream: the same for the same seed, and believable."""

from collections import Counter
from itertools import pairwise
from typing import Any

from tallybrook.entities.catalog import Catalog
from tallybrook.entities.library import load
from tallybrook.entities.reading_facts import read_facts
from tallybrook.entities.simulate import Plan, simulate
from tallybrook.events.instants import DAY_US, parse_instant
from tests.entities.world import NOW_US, event

PLAN = Plan(seed=7, start=NOW_US - 20 * DAY_US, end=NOW_US, students=60, tutors=12)
STREAM = list(simulate(PLAN))


def payloads(kind: str) -> list[dict[str, Any]]:
    return [one.envelope["payload"] for one in STREAM if one.envelope["event_type"] == kind]


def time_of(envelope: dict[str, Any]) -> int:
    found = parse_instant(envelope["timestamp"])
    assert found is not None
    return found


def test_seeded() -> None:
    """The same plan gives the same stream; another seed another one."""
    assert list(simulate(PLAN)) == STREAM
    other = Plan(8, PLAN.start, PLAN.end, PLAN.students, PLAN.tutors)
    assert list(simulate(other)) != STREAM


def test_times() -> None:
    """In the order of arrival, no event before it happened, all of them inside the plan."""
    assert [one.at for one in STREAM] == sorted(one.at for one in STREAM)
    assert all(one.at >= time_of(one.envelope) for one in STREAM)
    assert all(PLAN.start <= time_of(one.envelope) < PLAN.end for one in STREAM)


def test_has_what_streams_have() -> None:
    """Duplicates, disorder, late events; completions that belong to starts; lows."""
    texts = Counter(str(one.envelope) for one in STREAM)
    assert 0.005 < sum(n > 1 for n in texts.values()) / len(texts) < 0.05
    times = [time_of(one.envelope) for one in STREAM]
    assert any(a > b for a, b in pairwise(times))
    assert any(one.at - time_of(one.envelope) > DAY_US for one in STREAM)
    started = {p["session_id"] for p in payloads("session_started")}
    completed = {p["session_id"] for p in payloads("session_completed")}
    assert len(started & completed) > 0.9 * len(completed)
    assert 0 < len(started - completed) < 0.2 * len(started)
    scores = [p["health_score"] for p in payloads("customer_health_update")]
    assert min(scores) < 50 < 80 < max(scores)


def test_nothing_in_it_is_a_fault() -> None:
    """Every event is of the built-in definitions and reads without a fault."""
    catalog = Catalog(load("tutoring"))
    for number, one in enumerate(STREAM):
        made = event(one.envelope["event_type"], one.envelope["payload"], id=f"op-{number}")
        reading = read_facts(made, catalog)
        assert reading is not None
        assert reading.seen
        assert reading.faults == []
