"""Rosters: the same pages as from reading the whole list, at a fraction of the work."""

import random
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from tallybrook.entities import roster
from tallybrook.entities.catalog import Catalog
from tallybrook.entities.consumer import take_in
from tallybrook.entities.feed import KEPT_S, feed, read_feed
from tallybrook.entities.library import load
from tallybrook.entities.places import Entity
from tallybrook.entities.reading import Order, Page, page
from tallybrook.entities.roster import Rosters
from tallybrook.entities.sweeping import sweep
from tallybrook.events.instants import DAY_US, HOUR_US
from tallybrook.events.model import Event
from tallybrook.ports.state import Change
from tests.entities.world import NOW_US, Counting, MemoryState, Moving, event

CATALOG = Catalog(load("tutoring"))
ORDERS = [
    Order("health_score"), Order("sessions_7d", descending=True), Order("health_score", False, 60),
    Order("sessions_30d", True, 2), Order("session_success_rate_30d"),
    Order("health_source", descending=True),
]  # fmt: skip


@pytest.fixture(autouse=True)
def _short_lists(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(roster, "FEWEST", 0)


def take(state: MemoryState, clock: Moving, events: Sequence[Event]) -> None:
    """As the consumer does."""
    changed = take_in(events, state, CATALOG, print, clock())
    feed(state, (one.entity for one in changed), clock())


def some(chance: random.Random, clock: Moving, number: int) -> Event:
    """Something of one of 30 students, mostly of now."""
    at = clock() - int(chance.choice([0, 0, 0.1, 3, 8, -1]) * DAY_US * chance.random())
    who: dict[str, Any] = {"student_id": f"s{chance.randrange(30)}"}
    if chance.random() < 0.5:
        who |= {"health_score": chance.randrange(0, 101, 10)}
        return event("customer_health_update", who, at, id=f"h{number}", seen=clock())
    who |= {"session_id": f"x{chance.randrange(200)}", "completed_successfully": number % 3 > 0}
    return event("session_completed", who, at, id=f"c{number}", seen=clock())


def pages(rosters: Rosters, state: MemoryState, order: Order, as_of: int) -> Iterator[Page]:
    """Page by page; each is what reading the whole list gives."""
    after = None
    while True:
        found = rosters.page("acme", "student", order, as_of, 7, after)
        assert found == page(state, CATALOG, "acme", "student", order, as_of, 7, after)
        yield found
        after = found.after
        if after is None:
            return


@pytest.mark.parametrize("seed", range(6))
def test_same_pages(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """While events come and time passes, now, a while ago and with a cursor of before."""
    monkeypatch.setattr(roster, "ORDERS", 2 + seed)
    chance, clock = random.Random(seed), Moving()
    state = MemoryState(clock)
    rosters, number = Rosters(state, CATALOG), 0
    for _ in range(30):
        clock.us += chance.choice([1, HOUR_US, DAY_US, 9 * DAY_US])
        take(state, clock, [some(chance, clock, number + n) for n in range(chance.randrange(6))])
        number += 6
        if chance.random() < 0.5:
            sweep(state, CATALOG, clock())
        as_of = clock() - chance.choice([0, 0, 1, HOUR_US])
        for order in chance.sample(ORDERS, 2):
            assert list(pages(rosters, state, order, as_of))


def test_forgotten_entities_leave() -> None:
    """With its last fact an entity leaves the list."""
    clock = Moving()
    state = MemoryState(clock)
    rosters = Rosters(state, CATALOG)
    sessions = [
        event("session_started", {"student_id": f"s{n}", "session_id": "x"}, id=str(n))
        for n in range(3)
    ]
    take(state, clock, sessions)
    assert rosters.page("acme", "student", ORDERS[0], clock(), 9, None).total == 3
    clock.us += 50 * DAY_US
    assert rosters.page("acme", "student", ORDERS[0], clock(), 9, None).total == 0


def test_reads_what_changed() -> None:
    """A page of a long list takes as many reads as it shows and as changed, and one list is not
    kept for another account's."""
    clock = Moving()
    state = Counting(clock)
    rosters = Rosters(state, CATALOG)
    reports = [
        event("customer_health_update", {"student_id": f"s{n}", "health_score": n % 100}, id=str(n))
        for n in range(500)
    ]
    take(state, clock, reports)
    order = ORDERS[0]
    rosters.page("acme", "student", order, clock(), 10, None)
    take(state, clock, reports[:20])
    before = state.read
    assert rosters.page("acme", "student", order, clock(), 10, None).total == 500
    assert state.read - before < 40
    assert rosters.page("other", "student", order, clock(), 10, None).total == 0


def test_feed_in_order() -> None:
    """Every id that was told, whoever else tells, until it is too long ago: then there is a gap."""
    clock = Moving()
    state = MemoryState(clock)
    entities = [Entity("acme", "student", f"s{n}") for n in range(1000)]
    assert read_feed(state, "acme", "student", 0).ids == set()
    feed(state, entities, clock())
    feed(state, [Entity("acme", "tutor", "t")], clock())
    first = read_feed(state, "acme", "student", 0)
    assert first.ids == {one.entity_id for one in entities}
    clock.us += KEPT_S * 500_000
    feed(state, entities[:3], clock())
    assert read_feed(state, "acme", "student", first.number).ids == {"s0", "s1", "s2"}
    clock.us += KEPT_S * 600_000
    assert read_feed(state, "acme", "student", 0).ids is None
    assert read_feed(state, "acme", "student", first.number).ids == {"s0", "s1", "s2"}
    assert read_feed(state, "acme", "student", 99).ids is None


class Overtaken(MemoryState):
    """Somebody else tells something just before the first write."""

    overtaken = False

    def write(self, changes: Sequence[Change]) -> list[int]:
        if not self.overtaken:
            self.overtaken = True
            feed(self, [Entity("acme", "student", "other")], NOW_US)
        return super().write(changes)


def test_feed_beside_others() -> None:
    """Two that tell at once lose nothing."""
    state = Overtaken()
    feed(state, [Entity("acme", "student", "mine")], NOW_US)
    found = read_feed(state, "acme", "student", 0)
    assert (found.number, found.ids) == (2, {"mine", "other"})
