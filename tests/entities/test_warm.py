"""Work for an event does not grow with what came before it, and a copy at hand is never old."""

import math
import random
import sys
from typing import Any

import pytest

from tallybrook.entities.catalog import Catalog
from tallybrook.entities.definitions import Definitions
from tallybrook.entities.library import load
from tallybrook.entities.places import Entity
from tallybrook.entities.reading import Order, page
from tallybrook.entities.steps import Steps
from tallybrook.entities.sweeping import sweep
from tallybrook.entities.warm import Warm
from tallybrook.errors import StorageError
from tallybrook.events.instants import DAY_US, MINUTE_US
from tallybrook.events.model import Event
from tests.entities.world import NOW_US, Counting, Listening, MemoryState, Moving, event, take

TUTORING, FLIGHTS = Catalog(load("tutoring")), Catalog(load("flights"))


def departure(n: int, at: int) -> Event:
    """One of an airline that is in its second level of delay for good."""
    payload = {"carrier": "UA", "origin": "EWR", "dep_delay": 50 + n % 7}
    return event("flight_departed", payload, at, id=f"f{n}", seen=at)


def calls_of(work: Any) -> int:
    """How many functions of the product are called."""
    count = 0

    def watch(frame: Any, kind: str, _: Any) -> None:
        nonlocal count
        count += kind == "call" and "tallybrook" in frame.f_code.co_filename

    sys.setprofile(watch)
    try:
        work()
    finally:
        sys.setprofile(None)
    return count


def test_constant_work() -> None:
    """With twenty times the past, in an alert that lasts through all of it, an event costs the same
    reads and the same steps."""
    clock = Moving(NOW_US)
    state, warm, number = Counting(clock), Warm(), 0

    def fly(count: int) -> None:
        nonlocal number
        events = [departure(number + n, clock.us + n * MINUTE_US) for n in range(count)]
        number += count
        clock.us += count * MINUTE_US
        take(state, FLIGHTS, events, clock(), warm=warm)

    costs: list[tuple[int, int]] = []
    for past in (100, 2000):
        while number < past:
            fly(50)
        before = state.read
        calls = calls_of(lambda: fly(20))
        costs.append((state.read - before, calls))
    (reads, calls), (later_reads, later_calls) = costs
    assert later_reads == reads
    assert later_calls < 1.3 * calls


def listed(state: MemoryState, x: int) -> dict[str, Any]:
    (shown,) = page(state, TUTORING, "acme", "student", Order("sessions_7d"), x, 9, None).entities
    return shown.metrics


def session(name: str, at: int) -> Event:
    return event("session_started", {"student_id": "s", "session_id": name}, at, id=name)


def test_a_fact_that_changes_nothing_yet_is_seen_by_others() -> None:
    """A second process takes in an event of which nothing shows yet; the first has it in time."""
    clock, tomorrow = Moving(), NOW_US + DAY_US
    state, mine, others = MemoryState(clock), Warm(), Warm()
    take(state, TUTORING, [session("a", tomorrow)], clock(), warm=mine)
    take(state, TUTORING, [session("b", tomorrow + MINUTE_US)], clock(), warm=others)
    for after_us, expected in ((0, 1), (MINUTE_US, 2), (7 * DAY_US, 1), (8 * DAY_US, 0)):
        clock.us = tomorrow + after_us
        sweep(state, TUTORING, clock(), warm=mine)
        assert listed(state, clock())["sessions_7d"] == expected


def test_given_up_after_an_error() -> None:
    """After a write of which nobody knows whether it was stored, all is read again."""
    state, warm = Counting(), Warm()
    take(state, TUTORING, [session("a", NOW_US)], NOW_US, warm=warm)
    student = Entity("acme", "student", "s")
    held = state.get(student.list, "s")
    assert held is not None
    assert warm.find(student, held.version, NOW_US, 45) is not None
    with pytest.raises(StorageError), warm.sure():
        raise StorageError("away")
    assert warm.find(student, held.version, NOW_US, 45) is None


def test_bounded_memory() -> None:
    """However many entities there are, so many facts are at hand, those last used."""
    state, warm = MemoryState(), Warm(10)
    entities = [Entity("acme", "student", f"s{n}") for n in range(40)]
    for n, one in enumerate(entities):
        payload = {"student_id": one.entity_id, "session_id": str(n)}
        take(state, TUTORING, [event("session_started", payload, id=str(n))], NOW_US, warm=warm)
    versions = [_version(state, one) for one in entities]
    pairs = zip(entities, versions, strict=True)
    kept = [warm.find(one, version, NOW_US, 45) is not None for one, version in pairs]
    assert kept == [False] * 30 + [True] * 10


def _version(state: MemoryState, entity: Entity) -> int:
    held = state.get(entity.list, entity.entity_id)
    return held.version if held else 0


def days_of_reports(state: MemoryState, clock: Moving, catalog: Catalog, warm: Warm) -> list[int]:
    """150 days of one report a day, most of them without a score; the items after each."""
    sizes = []
    for day in range(150):
        clock.us = NOW_US + day * DAY_US
        payload = {"student_id": "s", "sessions_last_7_days": day}
        score = {"health_score": 40} if day == 0 else {}
        one = event(
            "customer_health_update", payload | score, clock() - 1, seen=clock(), id=str(day)
        )
        take(state, catalog, [one], clock(), warm=warm)
        sizes.append(state.items())
    return sizes


@pytest.mark.parametrize("most_facts", [0, 1000])
def test_newest_value_is_kept_for_ever(most_facts: int) -> None:
    """Reports without a score do not make the last score forgotten; old ones go all the same."""
    clock = Moving()
    state = MemoryState(clock)
    sizes = days_of_reports(state, clock, TUTORING, Warm(most_facts))
    shown = listed(state, clock())
    assert (shown["health_score"], shown["health_source"]) == (40, "reported")
    assert max(sizes[60:]) <= max(sizes[50:60]) + 1


def test_edges_are_told_however_many() -> None:
    """A rule that is new tells all of its past, though it is more than one write takes."""
    state, bus = MemoryState(), Listening()
    silent = Catalog(Definitions(TUTORING.definitions.name, TUTORING.definitions.entities))
    reports = [
        event(
            "customer_health_update",
            {"student_id": "s", "health_score": 90 if n % 2 else 60},
            NOW_US - 10 * DAY_US + n * MINUTE_US,
            id=str(n),
        )
        for n in range(199)
    ]
    take(state, silent, reports, NOW_US, bus)
    assert bus.notices == []
    take(state, TUTORING, reports[-1:], NOW_US, bus)
    assert len({notice.notice_id for notice in bus.notices}) == len(bus.notices) == 100


def test_sums_are_exact() -> None:
    """The sum of any stretch is that of its values, rounded once, whatever came and went."""
    chance = random.Random(4)
    values = {(chance.randrange(5000), str(n)): chance.uniform(-1, 1) * 1e9 for n in range(2000)}
    steps = Steps((at, key, value) for (at, key), value in values.items())
    for round_ in range(60):
        gone = chance.choice(sorted(values))
        steps.take(*gone)
        del values[gone]
        fresh = (chance.randrange(5000), f"n{round_}")
        values[fresh] = chance.random()
        steps.put(*fresh, values[fresh])
        ordered = [values[one] for one in sorted(values)]
        first, end = sorted(chance.randrange(2001) for _ in range(2))
        assert steps.total(first, end) == math.fsum(ordered[first:end])
    assert steps.values == ordered
