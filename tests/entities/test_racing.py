"""Two consumers at work on one student over storage that others write to: nothing is lost."""

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tallybrook.entities.catalog import Catalog
from tallybrook.entities.library import load
from tallybrook.entities.places import Entity
from tallybrook.entities.reading import one
from tallybrook.entities.reading_alerts import alerts
from tallybrook.events.instants import HOUR_US
from tallybrook.ports.state import State
from tests.entities.world import NOW_US, Listening, Moving, event, take
from tests.support.states import two_states

CATALOG = Catalog(load("tutoring"))


@pytest.fixture(params=["local", "aws"])
def states(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[list[State]]:
    """The same store, opened by each of two."""
    yield from two_states(request, tmp_path, Moving())


def test_nothing_is_lost(states: list[State]) -> None:
    """Both take in all events, each in its own order and cut: numbers and alerts are exact."""
    events = [
        *(
            event("session_completed", {"student_id": "s", "tutor_id": "t", "session_id": str(n),
                                        "tutor_rating": n % 6}, NOW_US - n * HOUR_US, id=f"s{n}")
            for n in range(24)
        ),
        *(
            event("ib_call_logged", {"student_id": "s", "call_id": str(n)}, NOW_US - n * HOUR_US,
                  id=f"c{n}")
            for n in range(3)
        ),
    ]  # fmt: skip

    def run(index: int) -> None:
        mine = list(events)
        random.Random(index).shuffle(mine)
        for at in range(0, len(mine), 4 + index):
            take(states[index], CATALOG, mine[at : at + 4 + index], NOW_US)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(run, range(2)))
    student = one(states[0], CATALOG, Entity("acme", "student", "s"), NOW_US).metrics
    assert (student["sessions_7d"], student["ib_calls_14d"]) == (24, 3)
    tutor = one(states[1], CATALOG, Entity("acme", "tutor", "t"), NOW_US).metrics
    assert (tutor["avg_rating"], tutor["rating_count"]) == (2.5, 24)
    bus = Listening()
    take(states[0], CATALOG, [], NOW_US, bus)
    assert [n.kind for n in bus.notices] == ["high_ib_call_frequency"]
    found, after = alerts(states[1], "acme", None, None, NOW_US, 50, None)
    assert [kept.alert.alert_id for kept in found] == [bus.notices[0].notice_id]
    assert after is None
