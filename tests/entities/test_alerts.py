"""Alerts: on entering and on escalation, once each, re-armed by events and by time alone."""

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tallybrook.entities.catalog import Catalog
from tallybrook.entities.library import load
from tallybrook.entities.reading_alerts import ShownAlert, alerts, with_state
from tallybrook.entities.sweeping import sweep
from tallybrook.errors import StorageError
from tallybrook.events.instants import DAY_US, HOUR_US
from tallybrook.events.model import Event
from tests.entities.world import NOW_US, Listening, MemoryState, Moving, event, take

CATALOG = Catalog(load("tutoring"))


def health(score: float, days_ago: float, **more: Any) -> Event:
    at = NOW_US - int(days_ago * DAY_US)
    payload = {"student_id": more.pop("student", "s1"), "health_score": score, **more}
    return event("customer_health_update", payload, at, id=f"h-{payload['student_id']}-{days_ago}")


def call(n: int, at: int, student: str = "s1") -> Event:
    payload = {"student_id": student, "call_id": f"c{n}"}
    return event("ib_call_logged", payload, at, id=f"call-{n}")


class World:
    def __init__(self) -> None:
        self.clock = Moving()
        self.state, self.bus = MemoryState(self.clock), Listening()

    def take(self, *events: Event) -> list[tuple[str, str]]:
        """Take in; the (type, severity) that this told."""
        before = len(self.bus.notices)
        take(self.state, CATALOG, events, self.clock(), self.bus)
        return [(n.kind, n.data["severity"]) for n in self.bus.notices[before:]]

    def later(self, us: int) -> None:
        self.clock.us += us
        sweep(self.state, CATALOG, self.clock())

    def shown(self) -> list[ShownAlert]:
        found, _ = alerts(self.state, "acme", None, None, self.clock(), 99, None)
        return with_state(self.state, CATALOG, found, self.clock())


@pytest.fixture
def world() -> World:
    return World()


def test_enters_escalates_and_rearms(world: World) -> None:
    """Once on entering, once on escalation, nothing while it lasts, again after leaving."""
    assert world.take(health(80, 9)) == []
    assert world.take(health(69, 8)) == [("low_health_score", "warning")]
    assert world.take(health(65, 7)) == []
    assert world.take(health(49, 6)) == [("low_health_score", "critical")]
    assert world.take(health(60, 5)) == []
    assert world.take(health(40, 4)) == []
    assert world.take(health(70, 3)) == []
    assert world.take(health(30, 2)) == [("low_health_score", "critical")]


def test_falling_back_is_not_told(world: World) -> None:
    """Who went straight to critical is not warned of when it gets better, with one event at a
    time."""
    assert world.take(health(45, 9)) == [("low_health_score", "critical")]
    for days, score in enumerate([60, 65, 48, 55]):
        assert world.take(health(score, 8 - days)) == []


def test_shape(world: World) -> None:
    """An alert carries what the specification names, and is known by its id."""
    world.take(health(45, 0))
    (notice,) = world.bus.notices
    assert notice.notice_id == notice.data["alert_id"]
    assert set(notice.data) == {
        "alert_id", "alert_type", "severity", "entity_id", "entity_type", "details", "message",
        "timestamp",
    }  # fmt: skip
    assert notice.data["entity_id"] == "s1"
    assert notice.data["timestamp"] == "2026-01-15T12:00:00Z"
    assert notice.data["details"]["value"] == 45


def test_three_calls(world: World) -> None:
    """The third call within 14 days; one that is too old does not help."""
    recent = NOW_US - DAY_US
    old = recent + 1 - 14 * DAY_US
    assert world.take(call(1, old), call(2, recent), call(3, recent + 1)) == []
    assert world.take(call(3, recent + 1), call(4, NOW_US)) == [
        ("high_ib_call_frequency", "warning")
    ]
    assert world.take(call(5, NOW_US)) == []


def test_rearmed_by_time_alone(world: World) -> None:
    """After 14 days without a call the rule is armed again, with nothing having come in."""
    assert len(world.take(*(call(n, NOW_US) for n in range(3)))) == 1
    world.later(14 * DAY_US + 1)
    assert world.take(*(call(n, world.clock()) for n in range(3, 6))) == [
        ("high_ib_call_frequency", "warning")
    ]


def test_reported_calls_count_while_young(world: World) -> None:
    """The larger of computed and reported; what was reported 14 days ago is nothing."""
    assert world.take(health(90, 14, ib_calls_last_14_days=9, student="old")) == [
        ("high_ib_call_frequency", "warning")
    ]
    assert world.take(call(1, NOW_US, "old"), call(2, NOW_US, "old")) == []
    assert world.take(health(90, 0, ib_calls_last_14_days=3)) == [
        ("high_ib_call_frequency", "warning")
    ]


def test_future_event_alerts_when_it_is_time(world: World) -> None:
    """An event ahead of its time alerts when its time has come, by time alone."""
    assert world.take(health(10, -1)) == []
    world.later(DAY_US - 1)
    assert world.bus.notices == []
    world.later(1)
    take(world.state, CATALOG, [], world.clock(), world.bus)
    assert world.bus.told() == [("low_health_score", "critical", "s1", -1)]


def test_supply_and_demand(world: World) -> None:
    """By subject and region, each for itself; names with a colon stay apart."""
    payload = {"subject": "a:b", "region": "c", "balance_status": "high_demand"}
    other = {"subject": "a", "region": "b:c", "balance_status": "balanced"}
    told = world.take(
        event("supply_demand_update", payload, id="1"), event("supply_demand_update", other, id="2")
    )
    assert told == [("supply_demand_imbalance", "info")]
    assert world.bus.notices[0].data["entity_id"] == "a%3Ab:c"


STREAM = [
    *(health(score, days) for score, days in [(80, 9), (60, 8), (45, 7), (90, 6), (65, 5)]),
    *(health(score, days, student="s2") for score, days in [(40, 9), (75, 8), (30, 7)]),
    *(call(n, NOW_US - 20 * DAY_US + n * HOUR_US) for n in range(3)),
    *(call(n, NOW_US - 2 * DAY_US + n * HOUR_US) for n in range(3, 6)),
]
EXPECTED = [
    ("high_ib_call_frequency", "warning", "s1", 1),
    ("high_ib_call_frequency", "warning", "s1", 19),
    ("low_health_score", "critical", "s1", 7),
    ("low_health_score", "critical", "s2", 7),
    ("low_health_score", "critical", "s2", 9),
    ("low_health_score", "warning", "s1", 5),
    ("low_health_score", "warning", "s1", 8),
]


@pytest.mark.parametrize("seed", range(30))
def test_same_alerts_in_any_order(seed: int, world: World) -> None:
    """Shuffled, twice, in any cut: the same alerts, once each."""
    chance = random.Random(seed)
    events = [*STREAM, *STREAM]
    chance.shuffle(events)
    while events:
        size = chance.randint(1, 4)
        world.take(*events[:size])
        events = events[size:]
    assert world.bus.told() == EXPECTED
    assert len({n.notice_id for n in world.bus.notices}) == len(EXPECTED)


def test_four_at_once() -> None:
    """Four that take in the same stream, each in its own order, tell each alert once."""
    world = World()

    def run(seed: int) -> None:
        events = [*STREAM, *STREAM]
        random.Random(seed).shuffle(events)
        for one in events:
            take(world.state, CATALOG, [one], NOW_US)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(run, range(4)))
    take(world.state, CATALOG, [], NOW_US, world.bus)
    assert world.bus.told() == EXPECTED


class Failing(Listening):
    """Takes notices and then cannot say so, some times."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.times = times

    def publish(self, notices: Any) -> None:
        super().publish(notices)
        if self.times:
            self.times -= 1
            raise StorageError("gone")


def test_publishing_is_made_good(world: World) -> None:
    """A bus that fails gets the alert again under the same id, and nothing after it took it."""
    bus = Failing(1)
    with pytest.raises(StorageError):
        take(world.state, CATALOG, [health(45, 0)], NOW_US, bus)
    take(world.state, CATALOG, [], NOW_US, bus)
    take(world.state, CATALOG, [health(45, 0)], NOW_US, bus)
    assert len(bus.notices) == 2
    assert len({notice.notice_id for notice in bus.notices}) == 1


class Crashing(MemoryState):
    """Fails at the n-th write, having stored nothing of it."""

    def __init__(self, clock: Moving, at: int) -> None:
        super().__init__(clock)
        self.left = at

    def write(self, changes: Any) -> list[int]:
        self.left -= 1
        if self.left == 0:
            raise StorageError("crash")
        return super().write(changes)


@pytest.mark.parametrize("at", range(1, 12))
def test_crash_at_any_write(at: int) -> None:
    """Whatever write fails, the same batch again leaves the same alerts, once each."""
    state, bus = Crashing(Moving(), at), Listening()
    for batch in (STREAM[:5], STREAM[5:]):
        _until_done(lambda batch=batch: take(state, CATALOG, batch, NOW_US, bus))  # type: ignore[misc]
    assert {n.notice_id for n in bus.notices} == {n.notice_id for n in _whole().notices}


def _whole() -> Listening:
    world = World()
    world.take(*STREAM)
    return world.bus


def _until_done(step: Callable[[], None]) -> None:
    for _ in range(3):
        try:
            step()
            return
        except StorageError:
            continue
    raise AssertionError("still failing")


def test_long_episode_is_told_once(world: World) -> None:
    """A state that outlasts what is remembered is not told again, however it is told of."""
    assert len(world.take(health(45, 0))) == 1
    for n in range(1, 20):
        world.later(7 * DAY_US)
        assert world.take(health(45 - n / 10, -7 * n)) == []
    world.later(100 * DAY_US)
    assert world.take(health(40, -240)) == []
    assert [shown.state for shown in world.shown()] == ["active"]
    assert world.state.items() < 25
