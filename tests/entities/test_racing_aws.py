"""Two functions at work on one student over DynamoDB, and the conflicts that this makes."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tallybrook.entities.catalog import Catalog
from tallybrook.entities.library import load
from tallybrook.entities.places import Entity
from tallybrook.entities.reading import one
from tallybrook.entities.reading_alerts import alerts
from tallybrook.errors import ConflictError
from tallybrook.events.instants import HOUR_US
from tallybrook.events.model import Event
from tallybrook.ports.aws.tables import STATE
from tallybrook.ports.state import Change, Put, Stored
from tallybrook.ports.state.aws import DynamoState
from tests.entities.world import NOW_US, Listening, Moving, event, take
from tests.support.emulator import make_tables

CATALOG = Catalog(load("tutoring"))
STUDENT = Entity("acme", "student", "s")


class Met(DynamoState):
    """One of two whose first readings of some items both happen before either writes them.

    ``lost`` are the partitions in which this one found that the other had been faster.
    """

    def __init__(self, stack: str, meet: dict[str, threading.Barrier]) -> None:
        super().__init__(stack, Moving())
        self._meet = dict(meet)
        self.lost: list[str] = []

    def get(self, partition: str, key: str) -> Stored | None:
        found = super().get(partition, key)
        barrier = self._meet.pop(partition, None)
        if barrier is not None:
            barrier.wait(60)
        return found

    def write(self, changes: Any) -> list[int]:
        try:
            return super().write(changes)
        except ConflictError:
            self.lost += [partition for change in changes if (partition := _expects(change))]
            raise


def _expects(change: Change) -> str | None:
    return change.partition if isinstance(change, Put) and change.expect is not None else None


def call(n: int) -> Event:
    return event("ib_call_logged", {"student_id": "s", "call_id": f"c{n}"}, NOW_US - n, id=f"c{n}")


def test_who_comes_second_reads_again(stack: str) -> None:
    """The same fact told otherwise by both, and the same summary: each conflict happens, and the
    earliest start, every rating and every call are there in the end, with one alert."""
    make_tables(stack, (STATE,))
    meet = {place: threading.Barrier(2) for place in (STUDENT.facts, STUDENT.list)}
    states = [Met(stack, meet) for _ in range(2)]
    shared = {"student_id": "s", "tutor_id": "t", "session_id": "x"}
    rated = shared | {"tutor_rating": 4}
    # The completion is inside 7 days; the start, which is the session's time, is not.
    mine = [
        [event("session_started", shared, NOW_US - 200 * HOUR_US, id="a"), call(1), call(2)],
        [event("session_completed", rated, NOW_US - HOUR_US, id="b"), call(3)],
    ]

    def run(index: int) -> None:
        for found in mine[index]:
            take(states[index], CATALOG, [found], NOW_US)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(run, range(2)))
    lost = {partition for state in states for partition in state.lost}
    assert {STUDENT.facts, STUDENT.list} <= lost
    metrics = one(states[0], CATALOG, STUDENT, NOW_US).metrics
    assert (metrics["sessions_7d"], metrics["sessions_14d"], metrics["ib_calls_7d"]) == (0, 1, 3)
    bus = Listening()
    take(states[1], CATALOG, [], NOW_US, bus)
    found, _ = alerts(states[0], "acme", None, None, NOW_US, 50, None)
    assert [n.notice_id for n in bus.notices] == [kept.alert.alert_id for kept in found]
    assert len(found) == 1
