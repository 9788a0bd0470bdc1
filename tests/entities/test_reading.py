"""Entities as they are read: windows to the second, lists, and what bad input leaves."""

from typing import Any

import pytest

from tallybrook.entities.catalog import Catalog
from tallybrook.entities.library import load
from tallybrook.entities.places import Entity
from tallybrook.entities.reading import Order, one, order_of, page, require_known
from tallybrook.entities.reading_facts import read_facts
from tallybrook.errors import InvalidError, NotFoundError
from tallybrook.events.instants import DAY_US
from tallybrook.events.model import Event
from tallybrook.ports.log import FailedRecord
from tests.entities.world import NOW_US, MemoryState, Moving, event, take

CATALOG = Catalog(load("tutoring"))
SECOND_US = 1_000_000


def session(n: int, at: int = NOW_US, type: str = "session_completed", **more: Any) -> Event:
    payload = {"session_id": f"x{n}", "student_id": "s1", "tutor_id": "t1", **more}
    return event(type, payload, at, id=f"{type}-{n}")


def metrics(state: MemoryState, kind: str, entity_id: str, x: int = NOW_US) -> dict[str, Any]:
    return one(state, CATALOG, Entity("acme", kind, entity_id), x).metrics


@pytest.mark.parametrize("days", [7, 14, 30])
def test_ages_out_to_the_second(days: int) -> None:
    """Inside until the last microsecond, outside from then on, with no new event."""
    state = MemoryState()
    take(state, CATALOG, [session(1)], NOW_US)
    end = NOW_US + days * DAY_US
    name = f"sessions_{days}d"
    for listed in (False, True):
        for x, expected in [
            (NOW_US - 1, 0),
            (NOW_US, 1),
            (end - SECOND_US, 1),
            (end - 1, 1),
            (end, 0),
        ]:
            if listed:
                (shown,) = page(state, CATALOG, "acme", "student", Order(name), x, 9, None).entities
                assert shown.metrics[name] == expected
            else:
                assert metrics(state, "student", "s1", x)[name] == expected


def test_earliest_time_counts() -> None:
    """A session started before the window and completed inside it is outside."""
    state = MemoryState()
    take(state, CATALOG, [session(1, NOW_US)], NOW_US)
    assert metrics(state, "student", "s1")["sessions_7d"] == 1
    take(state, CATALOG, [session(1, NOW_US - 8 * DAY_US, "session_started")], NOW_US)
    assert metrics(state, "student", "s1")["sessions_7d"] == 0
    assert metrics(state, "student", "s1")["sessions_14d"] == 1


def test_without_session_id() -> None:
    """Each event is then a session of its own, and still counts once."""
    state = MemoryState()
    events = [
        event("session_started", {"student_id": "s1"}, id="a"),
        event("session_completed", {"student_id": "s1"}, id="b"),
    ]
    take(state, CATALOG, [*events, *events], NOW_US)
    assert metrics(state, "student", "s1")["sessions_7d"] == 2


def test_reported_beside_computed() -> None:
    """What is reported overwrites nothing; of health the newest by its own time counts."""
    state = MemoryState()
    assert_default = session(1)
    take(state, CATALOG, [assert_default], NOW_US)
    assert metrics(state, "student", "s1")["health_score"] == 100
    assert metrics(state, "student", "s1")["health_source"] == "default"
    report = {"student_id": "s1", "health_score": 0, "sessions_last_7_days": 40}
    late = {"student_id": "s1", "health_score": 77}
    take(
        state, CATALOG,
        [
            event("customer_health_update", report, NOW_US, id="r1"),
            event("customer_health_update", late, NOW_US - DAY_US, id="r2"),
        ],
        NOW_US,
    )  # fmt: skip
    found = one(state, CATALOG, Entity("acme", "student", "s1"), NOW_US)
    assert found.metrics["health_score"] == 0
    assert found.metrics["health_source"] == "reported"
    assert found.metrics["sessions_7d"] == 1
    assert found.reported == {
        "health_score": 0, "sessions_last_7_days": 40, "reported_at": "2026-01-15T12:00:00Z",
    }  # fmt: skip


@pytest.mark.parametrize("rating", ["5", 7, -1, True, None, [5], {"a": 1}, 5.0000001])
def test_bad_rating(rating: Any) -> None:
    """It is no rating and has a reason; the session counts; after the fix the rating does, once."""
    state, failed = MemoryState(), list[FailedRecord]()
    events = [
        session(1, tutor_rating=4),
        session(2, tutor_rating=rating),
        session(3, tutor_rating=5),
    ]
    for _ in range(2):
        take(state, CATALOG, events, NOW_US, failed=failed)
    assert metrics(state, "tutor", "t1")["avg_rating"] == 4.5
    assert metrics(state, "tutor", "t1")["sessions_7d"] == 3
    assert {one.failed_id for one in failed} == {failed[0].failed_id}
    assert failed[0].detail == "/payload/tutor_rating: must be a number from 0 to 5"
    mended = session(2, tutor_rating=0)
    mended.event_id = failed[0].failed_id
    for _ in range(2):
        take(state, CATALOG, [mended], NOW_US)
    assert metrics(state, "tutor", "t1")["avg_rating"] == 3
    assert metrics(state, "tutor", "t1")["rating_count"] == 3
    assert metrics(state, "tutor", "t1")["completions_30d"] == 0


def test_replay_that_is_still_wrong() -> None:
    """It is a failed record of its own, and what is the same event stays the same event."""
    state, failed = MemoryState(), list[FailedRecord]()
    first = event("session_started", {"student_id": "s1", "tutor_id": []}, id="a")
    take(state, CATALOG, [first], NOW_US, failed=failed)
    again = event("session_started", {"student_id": "s1", "tutor_id": {}}, id=failed[0].failed_id)
    take(state, CATALOG, [again], NOW_US, failed=failed)
    assert failed[1].failed_id == failed[0].failed_id + "-1"
    mended = event("session_started", {"student_id": "s1", "tutor_id": "t"}, id=failed[1].failed_id)
    take(state, CATALOG, [mended], NOW_US)
    assert metrics(state, "student", "s1")["sessions_7d"] == 1
    assert metrics(state, "tutor", "t")["sessions_7d"] == 1


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (event("session_started", id="x"), "no_payload"),
        (event("session_started", {"subject": "Math"}, id="x"), "no_payload"),
        (event("session_started", {"student_id": True}, id="x"), "invalid_field"),
        (event("supply_demand_update", {"subject": "Math"}, id="x"), "invalid_field"),
        (event("what_is_this", {"student_id": "s1"}, id="op-x"), "unknown_event_type"),
    ],
)
def test_bad_record_in_the_middle(bad: Event, reason: str) -> None:
    """The good ones around it count, and it is kept with its reason."""
    state, failed = MemoryState(), list[FailedRecord]()
    take(state, CATALOG, [session(1), bad, session(2)], NOW_US, failed=failed)
    assert metrics(state, "student", "s1")["sessions_7d"] == 2
    assert [one.reason for one in failed] == [reason]


def test_none_of_ours() -> None:
    """Product events and types that are known to mean nothing leave nothing."""
    assert read_facts(event("page_view", {"student_id": "s1"}, id="p"), CATALOG) is None
    assert read_facts(event("tutor_availability_updated", {}, id="op-1"), CATALOG) is None


def test_accounts_apart() -> None:
    """One account's entities are nothing to another's."""
    state = MemoryState()
    take(state, CATALOG, [session(1)], NOW_US)
    with pytest.raises(NotFoundError):
        one(state, CATALOG, Entity("other", "student", "s1"), NOW_US)
    assert (
        page(state, CATALOG, "other", "student", Order("sessions_7d"), NOW_US, 9, None).total == 0
    )


def test_list_in_order() -> None:
    """By any metric, both ways, nothing measured last, in pages that join; a threshold cuts."""
    state = MemoryState()
    for n in range(9):
        rating = {} if n % 3 == 2 else {"tutor_rating": n % 5}
        payload = {"tutor_id": f"t{n}", "student_id": "s", "session_id": f"x{n}", **rating}
        take(state, CATALOG, [event("session_completed", payload, id=f"e{n}")], NOW_US)
    for sort in ("avg_rating", "-avg_rating"):
        order = order_of(CATALOG.entity("tutor"), sort, None)
        found, after = [], None
        while True:
            part = page(state, CATALOG, "acme", "tutor", order, NOW_US, 2, after)
            found += [shown.metrics["avg_rating"] for shown in part.entities]
            after = part.after
            if after is None:
                break
        known = sorted((n % 5 for n in range(9) if n % 3 != 2), reverse=sort[0] == "-")
        assert found == [*known, None, None, None]
    low = page(state, CATALOG, "acme", "tutor", Order("avg_rating", threshold=2), NOW_US, 9, None)
    assert [shown.metrics["avg_rating"] for shown in low.entities] == [0, 1, 1]
    high = Order("avg_rating", descending=True, threshold=2)
    assert page(state, CATALOG, "acme", "tutor", high, NOW_US, 9, None).total == 3


def test_too_long_ago() -> None:
    """An instant of which facts were forgotten is refused, not answered wrongly."""
    require_known(CATALOG, NOW_US - 15 * DAY_US, NOW_US)
    with pytest.raises(InvalidError, match="must not be before"):
        require_known(CATALOG, NOW_US - 15 * DAY_US - 1, NOW_US)


def test_state_is_bounded() -> None:
    """However long a stream runs, an entity keeps what is younger than is remembered."""
    clock = Moving()
    state = MemoryState(clock)
    sizes = []
    for day in range(300):
        clock.us = NOW_US + day * DAY_US
        at = clock.us - 1
        report = {"student_id": "s1", "health_score": 90}
        take(
            state, CATALOG,
            [
                event("session_started", {"student_id": "s1", "session_id": f"{day}"}, at, seen=at,
                      id=f"s{day}"),
                event("customer_health_update", report, at, seen=at, id=f"h{day}"),
            ],
            clock.us,
        )  # fmt: skip
        sizes.append(state.items())
    assert max(sizes[60:]) <= max(sizes[50:60]) + 3
    assert metrics(state, "student", "s1", clock.us)["sessions_30d"] == 30
