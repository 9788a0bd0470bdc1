"""Entities against a brute-force evaluator that knows every event and forgets nothing."""

import math
import os
import random
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate, groupby, pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tallybrook.entities.catalog import Catalog
from tallybrook.entities.library import load
from tallybrook.entities.places import Entity
from tallybrook.entities.reading import Order, one, page
from tallybrook.entities.sending import publish_waiting
from tallybrook.entities.sweeping import sweep
from tallybrook.entities.warm import Warm
from tallybrook.errors import StorageError
from tallybrook.events.ids import content_id
from tallybrook.events.instants import DAY_US
from tallybrook.ports.state import Change, State
from tallybrook.ports.state.local import SqliteState
from tests.entities.world import NOW_US, Listening, MemoryState, Moving, event, take

EXAMPLES = int(os.environ.get("TALLYBROOK_PROPERTY_EXAMPLES", "150"))

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


def levels(stream: Sequence[dict[str, Any]], who: str, x: int) -> dict[str, int]:
    """How far each rule about a student is met: 0 not, 1 a warning, 2 critical."""
    metrics = brute_force(stream, Entity("acme", "student", who), x)
    reports = [
        e
        for e in stream
        if e["type"] == "customer_health_update" and e["payload"]["student_id"] == who
    ]
    newest = max((e for e in reports if e["at"] <= x), key=_newer, default=None)
    score = 100 if newest is None else newest["payload"]["health_score"]
    named = [e for e in reports if "ib_calls_last_14_days" in e["payload"] and e["at"] <= x]
    last = max(named, key=_newer, default=None)
    young = last is not None and last["at"] > x - 14 * DAY_US
    reported = last["payload"]["ib_calls_last_14_days"] if last and young else 0
    return {
        "low_health_score": (score < 70) + (score < 50),
        "high_ib_call_frequency": int(max(metrics["ib_calls_14d"], reported) >= 3),
    }


def _newer(one: dict[str, Any]) -> tuple[int, str]:
    """Of two at one instant the product has an order of its own, by the key of the fact."""
    return one["at"], content_id("event", content_id("acme", one["id"]))


def expected_edges(
    stream: Sequence[dict[str, Any]], until: int
) -> Iterator[tuple[str, str, list[tuple[int, int, int]]]]:
    """Of each student and rule: (from, to, level) of each time at one level, up to an instant."""
    for who in STUDENTS:
        mine = [e["at"] for e in stream if e["payload"]["student_id"] == who]
        times = {at + days * DAY_US for at in mine for days in (0, 14)}
        marks = [*sorted(x for x in times if x <= until), until + 1]
        for rule in ("low_health_score", "high_ib_call_frequency"):
            yield (
                who,
                rule,
                [(begin, end, levels(stream, who, begin)[rule]) for begin, end in pairwise(marks)],
            )


def tells_each_edge(bus: Listening, stream: Sequence[dict[str, Any]], until: int) -> None:
    """In each unbroken time that a rule held, each severity it rose to was told, under one id."""
    told = {(n.data["entity_id"], n.kind, n.data["severity"], n.at) for n in bus.notices}
    assert len(told) == len({n.notice_id for n in bus.notices})
    assert all(at <= until for _, _, _, at in told)
    for who, rule, parts in expected_edges(stream, until):
        mine = [(severity, at) for name, kind, severity, at in told if (name, kind) == (who, rule)]
        for episode in _episodes(parts):
            inside = [s for s, at in mine if episode[0][0] <= at < episode[-1][1]]
            assert set(inside) >= _risen(episode), (who, rule)


def _episodes(parts: list[tuple[int, int, int]]) -> list[list[tuple[int, int, int]]]:
    groups = groupby(parts, key=lambda part: part[2] > 0)
    return [list(group) for held, group in groups if held]


def _risen(episode: list[tuple[int, int, int]]) -> set[str]:
    """The severities at which a new height was reached."""
    heights = accumulate((level for _, _, level in episode), max)
    return {("", "warning", "critical")[height] for height in heights}


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


class Fragile(MemoryState):
    """A state that some writes of fail, before or after they are stored."""

    def __init__(self, clock: Moving, seed: int, share: float) -> None:
        super().__init__(clock)
        self._chance, self.share = random.Random(seed), share

    def write(self, changes: Sequence[Change]) -> list[int]:
        crash = self._chance.random() < self.share
        if crash and self._chance.random() < 0.5:
            raise StorageError("crash before")
        versions = super().write(changes)
        if crash:
            raise StorageError("crash after")
        return versions


def check(
    state: State, clock: Moving, stream: list[dict[str, Any]], seed: int, later: list[int]
) -> None:
    """Two at work in turn, each with a memory of its own, one of which is small."""
    bus, chance = Listening(), random.Random(seed)
    warm = [Warm(), Warm(chance.choice([0, 3, 20]))]

    def insist(step: Callable[[int], object]) -> None:
        for _ in range(200):
            try:
                step(chance.randrange(2))
                return
            except StorageError:
                if chance.random() < 0.3:  # a new process
                    warm[0] = Warm()
        raise AssertionError("still failing")

    for batch in deliveries(stream, seed):
        events = [event(**one) for one in batch]
        insist(lambda n, events=events: take(state, CATALOG, events, clock(), bus, warm=warm[n]))  # type: ignore[misc]
    insist(lambda n: publish_waiting(state, bus))
    agrees(state, stream, [NOW_US, *(NOW_US + step for step in later)])
    tells_each_edge(bus, stream, NOW_US)
    for step in later:  # time alone passes, and what is stored is brought up to it
        clock.us = NOW_US + step
        insist(lambda n: sweep(state, CATALOG, clock(), warm=warm[n]))
        insist(lambda n: publish_waiting(state, bus))
        agrees(state, stream, [clock()])
        tells_each_edge(bus, stream, clock())


later_instants = st.lists(
    st.one_of(
        st.sampled_from([1, 7 * DAY_US, 14 * DAY_US, 30 * DAY_US]), st.integers(0, 35 * DAY_US)
    ),
    max_size=2,
).map(sorted)


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(streams, st.integers(0, 2**32), later_instants)
def test_equals_brute_force(stream: list[dict[str, Any]], seed: int, later: list[int]) -> None:
    """Whatever order, repetition and cut, and whatever write fails: the numbers are those of the
    set of events, at once and later, and every alert that they give is told."""
    clock = Moving()
    check(Fragile(clock, seed, (0, 0, 0.1, 0.4)[seed % 4]), clock, stream, seed, later)


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
