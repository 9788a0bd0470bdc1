"""Messages of two AIs worked off: each once, whatever comes twice, breaks or is killed."""

import json
import random
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tallybrook.assessments.dual_ai.envelope import with_account
from tallybrook.assessments.dual_ai.places import EVENTS, NOTICES
from tallybrook.assessments.dual_ai.processing import (
    Delivery,
    Ports,
    keep_dead_letters,
    process,
)
from tallybrook.assessments.dual_ai.reading import in_window, of_assessment
from tallybrook.assessments.dual_ai.working import work_once
from tallybrook.entities.catalog import Catalog
from tallybrook.entities.library import load
from tallybrook.entities.places import OUTBOX
from tallybrook.entities.reading_alerts import alerts, with_state
from tallybrook.errors import StorageError
from tallybrook.events.instants import DAY_US, MAX_US, MIN_US
from tallybrook.events.model import Event
from tallybrook.ports.bus import Notice
from tallybrook.ports.log import FailedRecord
from tallybrook.ports.queue.local import SqliteQueue
from tallybrook.ports.state import Change, State
from tallybrook.wiring.agreement import telling
from tests.assessments.dual import PRICES, drawn, worked
from tests.entities.world import NOW_US, Listening, MemoryState, Moving
from tests.support.states import two_states

CATALOG = Catalog(load("tutoring"))


class World:
    """Everything around ``process``, held in memory but for the state."""

    def __init__(self, state: State | None = None) -> None:
        self.clock = Moving()
        self.state = state or MemoryState(self.clock)
        self.bus = Listening()
        self.events: list[Event] = []
        self.failed: dict[str, FailedRecord] = {}

    def ports(self, state: State | None = None) -> Ports:
        return Ports(
            state or self.state, self.bus, self.events.extend, self.keep, PRICES,
            telling(self.clock),
        )  # fmt: skip

    def keep(self, record: FailedRecord) -> None:
        self.failed[record.failed_id] = record

    def take(self, *messages: dict[str, Any] | bytes, account: str = "acme") -> Any:
        return process(list(deliveries(*messages, account=account)), self.ports(), NOW_US)

    def seen(self) -> tuple[list[str], list[str], list[str]]:
        """Ids of what is stored, of the events (each once), of the notices (each once)."""
        held = in_window(self.state, "acme", MIN_US, MAX_US).measured
        return (
            sorted(one.measurement_id for one in held),
            sorted({event.event_id for event in self.events}),
            sorted({notice.notice_id for notice in self.bus.notices}),
        )

    def drifts(self) -> list[tuple[str, str]]:
        """Alerts of drift as ``GET /alerts`` shows them, and how many wait for the bus."""
        found, _ = alerts(self.state, "acme", None, None, MAX_US, 50, None)
        return [(one.alert_id, one.state) for one in with_state(self.state, CATALOG, found, MAX_US)]


def deliveries(*messages: dict[str, Any] | bytes, account: str = "acme") -> Iterator[Delivery]:
    for number, message in enumerate(messages):
        body = message if isinstance(message, bytes) else (
            with_account(json.dumps(message).encode(), account).encode()
        )  # fmt: skip
        yield Delivery(f"key{number}", f"origin{number}", body)


def far(number: int) -> dict[str, Any]:
    """A message of high disagreement."""
    return drawn(random.Random(number), number, shift=15.0)


@pytest.fixture(params=["local", "aws"])
def states(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[list[State]]:
    """The same store, opened by each of two."""
    yield from two_states(request, tmp_path, Moving())


def test_one_message_leaves_one_of_each() -> None:
    """A measurement, an event, and a notice only where the disagreement is high; twice is once."""
    world = World()
    first = world.take(worked(), far(1), worked())
    assert (first.measured, first.duplicate, first.failed, first.again) == (2, 1, 0, [])
    assert world.take(far(1)).duplicate == 1
    stored, events, notices = world.seen()
    assert stored == events
    assert len(stored) == 2
    assert len(world.events) == 2
    (notice,) = world.bus.notices
    assert (notice.kind, notice.account_id) == ("HighDisagreementDetected", "acme")
    assert notice.data["disagreement_rate"] > 0.15
    assert notices == [f"{notice.data['measurement_id']}-high"]
    (event,) = [one for one in world.events if b'"worked"' in bytes(one.properties)]  # type: ignore[arg-type]
    assert (event.event_type, event.timestamp) == ("ai_agreement_measured", NOW_US)
    assert json.loads(bytes(event.properties))["agreement"] == pytest.approx(0.93)  # type: ignore[arg-type]


def test_accounts_are_apart() -> None:
    """The same message of two accounts is two; without one it is the default account's."""
    world = World()
    world.take(worked())
    world.take(worked(), account="rival")
    world.take(json.dumps(worked()).encode())
    found = [of_assessment(world.state, name, "worked") for name in ("acme", "rival", "default")]
    assert [len(one) for one in found] == [1, 1, 1]
    assert len({one[0].measurement_id for one in found}) == 3


BAD: list[bytes] = [
    b"", b"{", b"null", b"[]", b"\xff\xfe", b"{}", b'{"account_id": "No Account"}',
    b'{"account_id": 7}', json.dumps(worked() | {"timestamp": "never"}).encode(),
    json.dumps(worked() | {"account_id": "acme", "a1Response": {"oceanScores": {}}}).encode(),
    b'{"assessmentId": 1e999}', b"[" * 3000,
]  # fmt: skip


def test_bad_messages_spoil_only_themselves() -> None:
    """Each is a failed record with a reason and its bytes, under a name that stays; the good ones
    of the batch are done."""
    world = World()
    for _ in range(2):
        found = world.take(*BAD, worked())
        assert (found.measured + found.duplicate, found.failed, found.again) == (1, len(BAD), [])
    assert len(world.failed) == len(BAD)
    for number in range(len(BAD)):
        record = world.failed[f"agreement-origin{number}"]
        assert (record.source, record.status) == ("agreement", "open")
        assert record.detail
    accounts = [world.failed[f"agreement-origin{n}"].account_id for n in range(len(BAD))]
    assert accounts == ["acme" if n == 9 else "default" for n in range(len(BAD))]
    assert "/a1Response/oceanScores/openness" not in world.failed["agreement-origin8"].detail
    assert "a1Response/oceanScores/openness" in world.failed["agreement-origin9"].detail


class Crash(BaseException):
    """The end of the process."""


class Dying:
    """Calls pass through until one is the last; that one is made or not before the end."""

    def __init__(self, calls: int, *, done: bool) -> None:
        self.left, self._done = calls, done

    def __call__(self, call: Callable[[], Any]) -> Any:
        self.left -= 1
        if self.left:
            return call()
        if self._done:
            call()
        raise Crash


class DyingState:
    """A state whose process dies at one of its writes."""

    def __init__(self, state: State, dying: Dying) -> None:
        self._state, self._dying = state, dying
        self.get, self.query = state.get, state.query

    def write(self, changes: Sequence[Change]) -> list[int]:
        found: list[int] = self._dying(lambda: self._state.write(changes))
        return found

    def __getattr__(self, name: str) -> Any:
        return getattr(self._state, name)


@pytest.mark.parametrize("done", [False, True])
def test_killed_between_any_two_steps(done: bool) -> None:
    """Wherever the process dies, delivered again there is one result, event, notice and alert."""
    draw = random.Random(4)
    messages = [drawn(draw, n, NOW_US + n, spread=3 if n < 100 else 12) for n in range(150)]
    whole = World()
    whole.take(*messages)
    expected, alerts_expected = whole.seen(), whole.drifts()
    assert len(alerts_expected) == 1
    for last in range(1, 100):
        world, dying = World(), Dying(last, done=done)
        ports = world.ports(DyingState(world.state, dying))  # type: ignore[arg-type]
        bus, events = world.bus.publish, world.events.extend
        world.bus.publish = lambda n, go=dying, to=bus: go(lambda: to(n))  # type: ignore[method-assign, misc]
        ports.append = lambda e, go=dying, to=events: go(lambda: to(e))  # type: ignore[misc]
        try:
            process(list(deliveries(*messages)), ports, NOW_US)
        except Crash:
            world.bus.publish = bus  # type: ignore[method-assign]
            again = world.take(*messages)
            assert again.measured + again.duplicate == 150
            assert world.seen() == expected
            assert world.drifts() == alerts_expected
            assert [world.state.query(name) for name in (EVENTS, NOTICES)] == [[], []]
            assert len(world.state.query(OUTBOX)) == 1
        else:
            assert last > 10
            return
    pytest.fail("it never came through")


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_any_deliveries_leave_the_same(data: st.DataObject) -> None:
    """In any order, cut and repetition, the same messages leave the same set."""
    messages = [worked(), *(drawn(random.Random(n), n) for n in range(4)), far(9)]
    places = data.draw(st.lists(st.integers(0, 5), max_size=15)) + data.draw(
        st.permutations(range(6))
    )
    world, at = World(), 0
    while at < len(places):
        size = data.draw(st.integers(1, 5))
        world.take(*(messages[place] for place in places[at : at + size]))
        at += size
    whole = World()
    whole.take(*messages)
    assert world.seen() == whole.seen()
    assert len(world.events) == 6


def test_both_backends_and_two_at_once(states: list[State]) -> None:
    """Two that work off the same messages leave each once: windows, assessments, drift and its
    end are the same on every backend."""
    draw = random.Random(6)
    messages = [
        drawn(draw, n, NOW_US - DAY_US + n, spread=12 if 100 <= n < 150 else 3) for n in range(200)
    ]
    worlds = [World(state) for state in states]

    def run(index: int) -> None:
        for at in range(0, 200, 100):
            worlds[index].take(*messages[at : at + 100])

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(run, range(2)))
    for world in worlds:
        world.take()
        assert len(world.seen()[0]) == 200
    told = [event for world in worlds for event in world.events]
    assert len({event.event_id for event in told}) == 200
    notices = [notice for world in worlds for notice in world.bus.notices]
    assert {one.notice_id for one in notices}
    ((alert_id, standing),) = worlds[0].drifts()
    assert standing == "over"
    start, end = NOW_US - DAY_US + 20, NOW_US - DAY_US + 120
    held = in_window(states[1], "acme", start, end)
    assert [one.at for one in held.measured] == list(range(start, end))
    assert held.complete
    some = in_window(states[0], "acme", start, end, most=10)
    assert [one.at for one in some.measured] == list(range(end - 10, end))
    assert not some.complete
    assert len(of_assessment(states[0], "acme", "m7")) == 1
    assert of_assessment(states[0], "acme", "nobody") == []
    (waiting,) = states[0].query(OUTBOX)
    assert waiting.key == alert_id


def test_the_future_does_not_end_drift() -> None:
    """Messages dated beyond tomorrow are stored, and in no block: later ones are looked at."""
    world, draw = World(), random.Random(4)
    world.take(*(drawn(draw, 900 + n, NOW_US + 99 * DAY_US + n) for n in range(50)))
    world.take(*(drawn(draw, n, NOW_US + n, spread=3 if n < 100 else 12) for n in range(150)))
    assert len(world.drifts()) == 1


class Queued(World):
    """The same behind a queue in a file."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.queue = SqliteQueue(folder / "queue.db", "agreement", max_receives=3, clock=self.clock)

    def work(self, ports: Ports | None = None) -> int:
        return work_once(self.queue, ports or self.ports(), self.clock)


def test_from_the_queue(tmp_path: Path) -> None:
    """What is done leaves the queue, failed ones too."""
    world = Queued(tmp_path)
    world.queue.send([json.dumps(worked()), "no message", json.dumps(worked())])
    assert (world.work(), world.work()) == (3, 0)
    assert world.queue.depth().waiting == world.queue.depth().in_flight == 0
    assert len(world.events) == len(world.failed) == 1
    world.queue.close()


def test_poison_becomes_a_failed_record(tmp_path: Path) -> None:
    """A message that can never be finished comes again later each time, and is at last a failed
    record with its body; the queue is empty then."""
    world = Queued(tmp_path)
    body = with_account(json.dumps(worked()).encode(), "acme")
    world.queue.send([body])

    def refuse(_events: Sequence[Event]) -> None:
        raise StorageError("full")

    ports = world.ports()
    ports.append = refuse
    for _ in range(3):
        with pytest.raises(StorageError):
            world.work(ports)
        assert world.work(ports) == 0
        world.clock.us += 3600 * 1_000_000
    assert world.work(ports) == 0
    assert world.work(ports) == 0
    (record,) = world.failed.values()
    assert (record.reason, record.account_id, record.tries) == ("dead_letter", "acme", 3)
    assert record.body == body
    assert world.queue.depth().dead == 0
    assert keep_dead_letters(world.queue, world.keep, NOW_US) == 0
    # What was stored all the same is told as soon as that can be done.
    world.take()
    assert len(world.events) == 1
    world.queue.close()


def test_a_fault_of_ours_spoils_one_message(tmp_path: Path) -> None:
    """A message at which reading itself breaks is delivered again; the others are done."""
    world = Queued(tmp_path)
    world.queue.send([json.dumps(worked()), "no message"])

    def broken(_record: FailedRecord) -> None:
        raise ZeroDivisionError

    ports = world.ports()
    ports.keep_failed = broken
    assert world.work(ports) == 2
    assert len(world.events) == 1
    assert world.queue.depth().in_flight == 1
    world.queue.close()


def test_notice_fits_every_bus() -> None:
    """However long its facets' names are."""
    message = far(1)
    for side, score in (("a1Response", 0), ("b1Validation", 100)):
        message[side]["oceanScores"]["facets"] = {
            f"{n:03}" + "\uffff" * 125: {"score": score} for n in range(100)
        }
    world = World()
    world.take(message)
    (notice,) = world.bus.notices
    assert isinstance(notice, Notice)
    assert len(notice.data["high_facets"]) == 50
