"""From the stream of the events table to entities and alerts: the function that keeps them."""

import json
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from tallybrook.entities.alerts import PUBLISHER
from tallybrook.entrypoints.lambdas import bus, entities, http, runtime, sequence, sqs, web
from tallybrook.errors import StorageError, TooLargeError
from tallybrook.events.instants import DAY_US, format_instant
from tallybrook.ports.aws.clients import client
from tallybrook.ports.aws.tables import EVENTS, physical
from tallybrook.ports.clock import system_clock
from tallybrook.ports.state import Change, Put
from tallybrook.ports.state.aws import DynamoState
from tests.lambdas import deliveries as d
from tests.lambdas.requests import v2
from tests.lambdas.stack import ADMIN_KEY, Stack
from tests.support.faults import FaultyServices, every_second, faulty_services
from tests.support.heard import Heard
from tests.support.streams import Batch, Pump

pytestmark = pytest.mark.usefixtures("heard")


class Time:
    """An invocation's context with so much time left."""

    def __init__(self, left_ms: int = 100_000) -> None:
        self.left_ms = left_ms

    def get_remaining_time_in_millis(self) -> int:
        return self.left_ms


@pytest.fixture
def heard(here: Stack) -> Heard:
    client("events").create_event_bus(Name=here.name)
    return Heard(here.name, PUBLISHER)


@pytest.fixture
def pump(here: Stack) -> Pump:
    """Delivers the stream of the events table to the function."""
    return Pump(physical(here.name, EVENTS), deliver)


@pytest.fixture(autouse=True)
def no_server_stays() -> Iterator[None]:
    yield
    web.forget()


def deliver(batch: Batch) -> None:
    """A batch that is taken in whole."""
    assert entities.handler({"Records": batch}, Time()) == {"batchItemFailures": []}


def get(path: str) -> Any:
    answer = http.handler(v2("GET", path, authorization=f"Bearer {ADMIN_KEY}"), None)
    assert answer["statusCode"] == 200, answer
    return json.loads(answer["body"])


def student(name: str = "s") -> Any:
    return get(f"/entities/student/{name}")["metrics"]


def told(kind: str, id: str, payload: Any, days: float = 0) -> dict[str, Any]:
    """An operation, so many days old."""
    at = format_instant(system_clock() - int(days * DAY_US) - 1_000_000)
    return {"event_id": id, "event_type": kind, "timestamp": at, "payload": payload,
            "source": "app"}  # fmt: skip


def session(n: int, name: str = "s", days: float = 0, **more: Any) -> dict[str, Any]:
    ids = {"session_id": f"x{n}", "student_id": name, "tutor_id": "t"}
    return told("session_completed", f"e{n}", ids | more, days)


def call(n: int, name: str = "s") -> dict[str, Any]:
    return told("ib_call_logged", f"c{n}", {"call_id": f"c{n}", "student_id": name})


def collect(*bodies: Any) -> None:
    assert not sqs.handler(d.sqs(*bodies), None)["batchItemFailures"]


def test_what_comes_in_is_counted_and_told(pump: Pump, heard: Heard) -> None:
    """Sessions, ratings and calls are in the answers over HTTP; the alert is on the bus in its
    own shape, and listed."""
    collect(*(session(n, days=n, tutor_rating=n % 3) for n in range(10)), *map(call, range(3)))
    pump.run()
    metrics = student()
    assert (metrics["sessions_7d"], metrics["sessions_14d"], metrics["ib_calls_7d"]) == (7, 10, 3)
    assert get("/entities/tutor/t")["metrics"]["rating_count"] == 10
    (event,) = heard.listen()
    (alert,) = get("/alerts")["alerts"]
    assert event["detail-type"] == alert["alert_type"] == "high_ib_call_frequency"
    shape = ("alert_id", "severity", "entity_id", "entity_type", "details", "message", "timestamp")
    assert {name: event["detail"][name] for name in shape} == {name: alert[name] for name in shape}
    assert event["detail"]["notice"]["account_id"] == "default"


def test_any_repetition_leaves_the_same(here: Stack) -> None:
    """Halves of a batch, the batch again, in another order and from two shards: the numbers of
    one delivery, and each alert on the bus under one id."""
    heard = Heard(here.name, PUBLISHER)
    collect(*(session(n, days=n / 2) for n in range(10)), *map(call, range(3)))
    batches: list[Batch] = []
    Pump(physical(here.name, EVENTS), batches.append, shards=1).run()
    (batch,) = batches
    for part in (batch[:5], batch[5:9], batch[4:], batch, batch[::-1], batch[::2]):
        deliver(part)
    assert (student()["sessions_7d"], student()["ib_calls_7d"]) == (10, 3)
    assert len(set(heard.ids())) == len(get("/alerts")["alerts"]) == 1


@pytest.fixture
def faulty(here: Stack, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultyServices]:
    """The services behind a proxy, for all clients made from now on."""
    with faulty_services(client("dynamodb").meta.endpoint_url) as services:
        monkeypatch.setenv("AWS_ENDPOINT_URL", services.endpoint)
        client.cache_clear()
        runtime.forget()
        yield services
    client.cache_clear()


@pytest.mark.parametrize("verdict", ["lose", "drop", "ProvisionedThroughputExceededException"])
def test_faults_in_the_middle(
    faulty: FaultyServices, heard: Heard, here: Stack, verdict: str
) -> None:
    """Writes that are lost after they were made, cut off or throttled: tried again, everything
    counts once and is told under one id."""
    collect(*(session(n, days=n / 2) for n in range(10)), *map(call, range(3)))
    with faulty.failing(every_second(6, verdict, "TransactWriteItems")):
        Pump(physical(here.name, EVENTS), deliver, batch=4).run()
    assert faulty.spoiled == ["TransactWriteItems"] * 6
    assert (student()["sessions_7d"], student()["ib_calls_7d"]) == (10, 3)
    assert len(set(heard.ids())) == 1


def test_storage_that_is_away_raises(pump: Pump, monkeypatch: pytest.MonkeyPatch) -> None:
    """The batch is an error, so that it is halved, counted by the alarm and delivered again."""
    collect(session(1))

    def refuse(*_: Any) -> None:
        raise StorageError("on purpose")

    with monkeypatch.context() as patch:
        patch.setattr(DynamoState, "write", refuse)
        with pytest.raises(StorageError):
            pump.run()
    pump.run()
    assert student()["sessions_7d"] == 1


class Choosy(DynamoState):
    """Refuses one entity for good, and from a number of writes on everything."""

    writes = 1_000

    def write(self, changes: Any) -> list[int]:
        self.writes -= 1
        if self.writes < 0:
            raise StorageError("on purpose")
        if any(map(_is_bad, changes)):
            raise TooLargeError("on purpose")
        return super().write(changes)


def _is_bad(change: Change) -> bool:
    return isinstance(change, Put) and change.partition.endswith("#student#bad")


def test_an_event_that_is_refused_spoils_only_itself(
    here: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It becomes a failed record, once, and the others count; replayed after the mending it
    counts once."""
    choosy = Choosy(here.name)
    known = msgspec.structs.replace(runtime.entities(), state=choosy)
    collect(session(1), session(2, "bad"), session(3))
    pump = Pump(physical(here.name, EVENTS), deliver, shards=1)
    with monkeypatch.context() as patch:
        patch.setattr(runtime, "entities", lambda: known)
        pump.run()
    (record,) = here.failed().values()
    assert (record.source, record.detail) == ("entities", ": on purpose")
    assert student()["sessions_7d"] == 2
    path = f"/failed/{record.failed_id}/replay"
    answer = http.handler(v2("POST", path, "", authorization=f"Bearer {ADMIN_KEY}"), None)
    assert answer["statusCode"] == 200, answer
    pump.run()
    assert student("bad")["sessions_7d"] == 1
    assert get("/entities/tutor/t")["metrics"]["rating_count"] == 0


def test_what_is_behind_a_refused_one_is_named(
    here: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the storage goes away while the refused event is looked for, the first record that is
    not taken in is named."""
    choosy = Choosy(here.name)
    known = msgspec.structs.replace(runtime.entities(), state=choosy)
    monkeypatch.setattr(runtime, "entities", lambda: known)
    collect(session(1), session(2, "bad"), session(3))
    batches: list[Batch] = []
    Pump(physical(here.name, EVENTS), batches.append, shards=1).run()
    (batch,) = batches
    names = {json.loads(r["dynamodb"]["NewImage"]["line"]["S"])["event_id"]: r for r in batch}
    ordered = [names["e1"], names["e2"], names["e3"]]
    choosy.writes = 4  # all three; facts and summary of the first; the second
    answer = entities.handler({"Records": ordered}, Time())
    number = names["e3"]["dynamodb"]["SequenceNumber"]
    assert answer == {"batchItemFailures": [{"itemIdentifier": number}]}


def test_what_is_no_event_is_kept_once(here: Stack, pump: Pump) -> None:
    """A row that cannot be read is one failed record, though two functions read it; the batch goes
    on. So is what is no stream record at all."""
    table = physical(here.name, EVENTS)
    client("dynamodb").put_item(TableName=table, Item={"pk": {"S": "acme#x"}, "line": {"S": "{"}})
    collect(session(1))
    pump.run()
    Pump(table, lambda batch: sequence.handler({"Records": batch}, None)).run()
    (record,) = here.failed("acme").values()
    assert record.reason == "malformed"
    assert student()["sessions_7d"] == 1
    for _ in range(2):
        deliver([{"odd": 1}])
    assert [record.source for record in here.failed().values()] == ["entities"]


def test_a_bad_operation_counts_when_it_is_mended(here: Stack, pump: Pump) -> None:
    """A rating of 7 is a failed record, its session counts; replayed with a 4 the rating counts."""
    collect(session(1, tutor_rating=7))
    pump.run()
    assert student()["sessions_7d"] == 1
    (record,) = here.failed().values()
    assert record.detail.startswith("/payload/tutor_rating")
    body = json.loads(record.body)
    body["payload"]["tutor_rating"] = 4
    for status in (200, 409):
        path = f"/failed/{record.failed_id}/replay"
        text = json.dumps(body)
        answer = http.handler(v2("POST", path, text, authorization=f"Bearer {ADMIN_KEY}"), None)
        assert answer["statusCode"] == status, answer
        pump.run()
    metrics = get("/entities/tutor/t")["metrics"]
    assert (metrics["avg_rating"], metrics["rating_count"]) == (4, 1)
    assert student()["sessions_7d"] == 1


def test_the_clock_publishes_what_was_left(
    pump: Pump, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Alerts that the bus did not take wait; whoever is called next publishes them."""
    collect(*map(call, range(3)))

    class Away:
        def publish(self, _notices: Any) -> None:
            raise StorageError("on purpose")

    with monkeypatch.context() as patch:
        patch.setattr(runtime, "alert_bus", Away)
        with pytest.raises(StorageError):
            pump.run()
    assert heard.ids() == []
    assert entities.handler({"source": "aws.scheduler"}, Time()) == {"swept": 0, "published": 1}
    assert len(heard.ids()) == 1
    pump.run()
    assert len(heard.ids()) == 1


def test_the_clock_looks_after_what_time_changes(
    pump: Pump, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Entities whose windows have moved on are looked after while there is time."""
    collect(session(1), session(2, "other"))
    pump.run()
    later = msgspec.structs.replace(runtime.opened(), clock=lambda: system_clock() + 8 * DAY_US)
    monkeypatch.setattr(runtime, "opened", lambda: later)
    assert entities.handler({}, Time(1_000))["swept"] == 0
    assert entities.handler({}, Time())["swept"] >= 2
    assert entities.handler({}, Time())["swept"] == 0


def test_alerts_do_not_come_in_again(here: Stack) -> None:
    """What the product tells on the bus is no event of somebody, whatever way it comes."""
    said = d.bus({"alert_id": "a", "event_type": "x"}, "low_health_score", PUBLISHER)
    bus.handler(said, None)
    collect(said)
    assert (here.events(), here.failed()) == ({}, {})


def test_built_in_definitions_are_chosen_by_name(
    here: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """TALLYBROOK_ENTITIES reaches the function and the answers alike."""
    monkeypatch.setenv("TALLYBROOK_ENTITIES", "flights")
    runtime.forget()
    assert "airline" in runtime.entities().catalog.types
