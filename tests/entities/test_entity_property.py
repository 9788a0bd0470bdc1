"""Entities against a brute-force evaluator that knows every event and forgets nothing."""

import math
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tallybrook.entities.catalog import Catalog
from tallybrook.entities.library import load
from tallybrook.entities.places import Entity
from tallybrook.entities.reading import Order, one, page
from tallybrook.entities.sweeping import sweep
from tallybrook.events.instants import DAY_US
from tallybrook.ports.state import State
from tallybrook.ports.state.local import SqliteState
from tests.entities.world import NOW_US, MemoryState, Moving, event, take

CATALOG = Catalog(load("tutoring"))
STUDENTS, TUTORS, SESSIONS, CALLS = ("s1", "s2"), ("t1", "t2"), ("a", "b", "c"), ("c1", "c2", "c3")

# Times that lie on the edges of the windows, a microsecond beside them, and anywhere.
instants = st.one_of(
    st.tuples(st.sampled_from([0, 7, 14, 30]), st.integers(-1, 1)).map(
        lambda pair: NOW_US - pair[0] * DAY_US + pair[1]
    ),
    st.integers(NOW_US - 36 * DAY_US, NOW_US + 2 * DAY_US),
)
ratings = st.sampled_from([0, 5, 4.5, 3, 2.25])


def _events() -> st.SearchStrategy[dict[str, Any]]:
    ids = {
        "student_id": st.sampled_from(STUDENTS),
        "tutor_id": st.sampled_from(TUTORS),
        "session_id": st.sampled_from(SESSIONS),
    }
    started = st.fixed_dictionaries(ids)
    completed = st.fixed_dictionaries(
        ids, optional={"tutor_rating": ratings, "completed_successfully": st.booleans()}
    )
    without = st.fixed_dictionaries({name: ids[name] for name in ("student_id", "tutor_id")})
    called = st.fixed_dictionaries(
        {"student_id": ids["student_id"], "call_id": st.sampled_from(CALLS)}
    )
    health = st.fixed_dictionaries(
        {"student_id": ids["student_id"], "health_score": st.integers(0, 100)},
        optional={"ib_calls_last_14_days": st.integers(0, 5)},
    )
    return st.one_of(
        st.tuples(st.just("session_started"), started),
        st.tuples(st.just("session_completed"), completed),
        st.tuples(st.just("session_completed"), without),
        st.tuples(st.just("ib_call_logged"), called),
        st.tuples(st.just("customer_health_update"), health),
    ).map(lambda pair: {"type": pair[0], "payload": pair[1]})


streams = st.lists(st.tuples(_events(), instants), max_size=14).map(
    lambda found: [{**one, "at": at, "id": f"e{n}"} for n, (one, at) in enumerate(found)]
)


def brute_force(stream: Sequence[dict[str, Any]], who: Entity, x: int) -> dict[str, Any]:
    """The metrics, straight from the words of the specification."""
    mine = [e for e in stream if e["payload"].get(f"{who.entity_type}_id") == who.entity_id]

    def inside(at: int, days: int) -> bool:
        return x - days * DAY_US < at <= x

    times: dict[str, int] = {}
    for e in mine:
        if e["type"] in ("session_started", "session_completed"):
            name = e["payload"].get("session_id", "event " + e["id"])
            times[name] = min(times.get(name, e["at"]), e["at"])
    counts = {f"sessions_{n}d": sum(inside(at, n) for at in times.values()) for n in (7, 14, 30)}
    done = [e for e in mine if e["type"] == "session_completed" and inside(e["at"], 30)]
    known = [
        e["payload"]["completed_successfully"]
        for e in done
        if "completed_successfully" in e["payload"]
    ]
    found: dict[str, Any] = {
        **counts,
        "session_success_rate_30d": sum(known) / len(known) if known else None,
        "completions_30d": len(known),
        "session_velocity": counts["sessions_7d"] / 7 - counts["sessions_30d"] / 30,
    }
    if who.entity_type == "tutor":
        rated = [e["payload"]["tutor_rating"] for e in done if "tutor_rating" in e["payload"]]
        return found | {
            "avg_rating": math.fsum(rated) / len(rated) if rated else None,
            "rating_count": len(rated),
        }
    calls: dict[str, int] = {}
    for e in mine:
        if e["type"] == "ib_call_logged":
            name = e["payload"]["call_id"]
            calls[name] = min(calls.get(name, e["at"]), e["at"])
    for days in (7, 14):
        found[f"ib_calls_{days}d"] = sum(inside(at, days) for at in calls.values())
    told = [e for e in mine if e["type"] == "customer_health_update" and e["at"] <= x]
    newest = max((e["at"] for e in told), default=None)
    found["health_scores"] = {e["payload"]["health_score"] for e in told if e["at"] == newest} or {
        100
    }
    found["health_source"] = "reported" if told else "default"
    return found


def agrees(state: State, stream: Sequence[dict[str, Any]], instants_us: Sequence[int]) -> None:
    """Every entity, read alone and in the list, at every instant."""
    touched = {
        Entity("acme", kind, e["payload"][f"{kind}_id"])
        for e in stream
        for kind in ("student", "tutor")
        if f"{kind}_id" in e["payload"]
    }
    for x in instants_us:
        listed = {
            (shown.entity_type, shown.entity_id): shown
            for kind in ("student", "tutor")
            for shown in page(
                state, CATALOG, "acme", kind, Order("sessions_7d"), x, 99, None
            ).entities
        }
        assert len(listed) == len(touched)
        for who in touched:
            shown = one(state, CATALOG, who, x)
            assert listed[who.entity_type, who.entity_id] == shown
            expected = brute_force(stream, who, x)
            scores = expected.pop("health_scores", None)
            metrics = dict(shown.metrics)
            if scores is not None:
                assert metrics.pop("health_score") in scores
            assert metrics == expected


def deliveries(stream: Sequence[dict[str, Any]], seed: int) -> Iterator[list[dict[str, Any]]]:
    """All of it twice, shuffled, in batches that split and overlap."""
    chance = random.Random(seed)
    twice = [*stream, *stream]
    chance.shuffle(twice)
    while twice:
        size = chance.randint(1, 5)
        batch, twice = twice[:size], twice[size - (chance.random() < 0.3 and size > 1) :]
        yield batch


def check(
    state: State, clock: Moving, stream: list[dict[str, Any]], seed: int, later: list[int]
) -> None:
    for batch in deliveries(stream, seed):
        take(state, CATALOG, [event(**one) for one in batch], clock())
    agrees(state, stream, [NOW_US, *(NOW_US + step for step in later)])
    for step in later:  # time alone passes, and what is stored is brought up to it
        clock.us = NOW_US + step
        sweep(state, CATALOG, clock())
        agrees(state, stream, [clock()])


later_instants = st.lists(
    st.one_of(
        st.sampled_from([1, 7 * DAY_US, 14 * DAY_US, 30 * DAY_US]), st.integers(0, 35 * DAY_US)
    ),
    max_size=2,
).map(sorted)


@settings(max_examples=1000, deadline=None, suppress_health_check=list(HealthCheck))
@given(streams, st.integers(0, 2**32), later_instants)
def test_equals_brute_force(stream: list[dict[str, Any]], seed: int, later: list[int]) -> None:
    """Whatever order, repetition and cut: the numbers are those of the set of events, at once and
    later, with and without the housekeeping."""
    clock = Moving()
    check(MemoryState(clock), clock, stream, seed, later)


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(streams, st.integers(0, 2**32), later_instants)
def test_equals_brute_force_on_disk(
    tmp_path_factory: pytest.TempPathFactory,
    stream: list[dict[str, Any]],
    seed: int,
    later: list[int],
) -> None:
    """The same over the real store."""
    clock = Moving()
    folder: Path = tmp_path_factory.mktemp("state")
    state = SqliteState(folder / "state.db", clock)
    check(state, clock, stream, seed, later)
    state.close()
