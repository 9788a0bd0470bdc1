"""The same operations, however cut and repeated: both backends know the same of entities."""

import os
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tallybrook.entities.catalog import Catalog
from tallybrook.entities.consumer import take_in
from tallybrook.entities.library import load
from tallybrook.entities.reading import order_of, page
from tallybrook.entities.reading_alerts import alerts
from tallybrook.entities.simulate import Plan, simulate
from tallybrook.entities.sweeping import sweep
from tallybrook.events.instants import DAY_US, HOUR_US
from tallybrook.events.model import Event
from tallybrook.events.operations import read_operation
from tallybrook.ports.aws.tables import STATE
from tallybrook.ports.log import FailedRecord
from tallybrook.ports.state import State
from tallybrook.ports.state.aws import DynamoState
from tallybrook.ports.state.local import SqliteState
from tests.entities.world import NOW_US, Moving
from tests.support.emulator import make_tables

SEEDS = range(int(os.environ.get("TALLYBROOK_ENTITY_SEEDS", "3")))
CATALOG = Catalog(load("tutoring"))
BAD: tuple[dict[str, Any], ...] = (
    {"event_type": "unheard_of", "payload": {}},
    {"event_type": "session_completed", "payload": {"tutor_id": "t", "tutor_rating": "5"}},
    {"event_type": "ib_call_logged"},
)


def stream(seed: int) -> list[Event]:
    """Two lively students over a month, bad events among them."""
    plan = Plan(seed, NOW_US - 33 * DAY_US, NOW_US, students=2, tutors=2)
    draw = random.Random(seed)
    bodies = [
        one.envelope
        for one in simulate(plan)
        if one.envelope["event_type"] != "supply_demand_update" or draw.random() < 0.01
    ]
    for bad in BAD:
        stamp = {"timestamp": "2026-01-10T00:00:00Z", "source": "app"}
        bodies.insert(draw.randrange(len(bodies)), bad | stamp)
    return [read_operation(msgspec.json.encode(body), "acme", NOW_US) for body in bodies]


class Taken:
    """What one backend knows."""

    def __init__(self, state: State, clock: Moving) -> None:
        self.state, self.clock = state, clock
        self.failed: dict[str, FailedRecord] = {}

    def take(self, events: Sequence[Event]) -> None:
        def keep(record: FailedRecord) -> None:
            self.failed[record.failed_id] = record

        take_in(events, self.state, CATALOG, keep, self.clock())

    def known(self) -> Any:
        """Every answer there is, and every failed record."""
        lists = {}
        for name, known in CATALOG.types.items():
            order = order_of(known, None, None)
            lists[name] = page(self.state, CATALOG, "acme", name, order, self.clock(), 500, None)
        told = alerts(self.state, "acme", None, None, self.clock(), 500, None)
        return lists, told, sorted(self.failed.values(), key=lambda record: record.failed_id)


def cuts(events: Sequence[Event], draw: random.Random, most: int) -> list[Sequence[Event]]:
    """The events in pieces, some of which come again, whole or in part."""
    pieces: list[Sequence[Event]] = []
    at = 0
    while at < len(events):
        size = draw.randint(1, most)
        pieces.append(events[at : at + size])
        at += size
        while draw.random() < 0.3:
            start = draw.randrange(max(1, at))
            pieces.append(events[start : min(at, start + draw.randint(1, most))])
    return pieces


@pytest.fixture
def both(stack: str, tmp_path: Path) -> Any:
    make_tables(stack, (STATE,))
    clock = Moving()
    local = SqliteState(tmp_path / "state.db", clock)
    yield Taken(local, clock), Taken(DynamoState(stack, clock), clock), clock
    local.close()


@pytest.mark.parametrize("seed", SEEDS)
def test_disorder_and_repetition(both: Any, seed: int) -> None:
    """Shuffled, cut anywhere and repeated in the same way: the same entities, alerts and failed
    records, and the same again when time alone has changed them."""
    local, aws, clock = both
    draw = random.Random(seed)
    events = stream(seed)
    draw.shuffle(events)
    for piece in cuts(events, draw, 60):
        local.take(piece)
        aws.take(piece)
    assert aws.known() == local.known()
    assert len(local.failed) == len(BAD)
    assert local.known()[1][0], "no alert: the stream is too quiet to show anything"
    clock.us += 6 * DAY_US + HOUR_US
    for one in (local, aws):
        sweep(one.state, CATALOG, clock())
    assert aws.known() == local.known()


@pytest.mark.parametrize("seed", SEEDS)
def test_deliveries_of_ones_own(both: Any, seed: int) -> None:
    """In order, but each cut and repeated in its own way, as a stream and a log do it: the same."""
    local, aws, _ = both
    events = stream(seed)
    for taken, most in ((local, 400), (aws, 50)):
        for piece in cuts(events, random.Random(seed + most), most):
            taken.take(piece)
    assert aws.known() == local.known()
