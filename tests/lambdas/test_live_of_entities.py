"""Entities and alerts on the open WebSockets of a stack."""

import logging

import msgspec
import pytest

from tallybrook.entities.consumer import take_in
from tallybrook.entities.sending import publish_waiting
from tallybrook.entrypoints.lambdas import runtime
from tallybrook.entrypoints.lambdas.live_entities import Announcing, push_changed
from tallybrook.errors import StorageError
from tallybrook.events.model import Event
from tallybrook.ports.clock import system_clock
from tallybrook.ports.sockets import MAX_MESSAGE_BYTES
from tests.entities.world import Listening
from tests.lambdas.test_live import Hall, connect, hall, new_key, say

__all__ = ["hall"]


def tell(hall: Hall, *students: str, account: str = "default", score: int = 60) -> None:
    """What the function of entities does with reports of these students' health."""
    opened = runtime.opened()
    known, now_us = opened.stores.entities(), opened.now_us()
    events = [_report(student, account, score) for student in students]
    touched = take_in(events, known.state, known.catalog, opened.stores.failed.keep, now_us)
    push_changed(touched, opened, hall.sockets)
    publish_waiting(known.state, Announcing(Listening(), opened, hall.sockets))


def _report(student: str, account: str, score: int) -> Event:
    payload = msgspec.json.encode({"student_id": student, "health_score": score})
    now_us = system_clock() - 1_000_000
    return Event(
        1, f"e-{student}-{score}", "customer_health_update", now_us, now_us, account, "operation",
        properties=msgspec.Raw(payload),
    )  # fmt: skip


def joined(connection_id: str, account: str = "default") -> str:
    """A connection that follows both topics, and has its snapshots."""
    key = new_key(account)
    assert connect(connection_id, headers={"Authorization": f"Bearer {key}"})["statusCode"] == 200
    assert say({"subscribe": ["alerts", "entities"]}, connection_id) == 200
    return connection_id


def test_snapshot_then_deltas(hall: Hall) -> None:
    """The same messages as the server's: what there is, then what changed, to its account alone."""
    tell(hall, "before")
    mine, other = joined("c1"), joined("c2", "other")
    types, alerts = hall.heard[mine]
    assert (types["type"], types["topic"]) == ("snapshot", "entities")
    assert types["data"]["types"] == ["student", "tutor", "supply_demand"]
    assert (alerts["type"], alerts["topic"]) == ("snapshot", "alerts")
    assert [alert["entity_id"] for alert in alerts["data"]["alerts"]] == ["before"]
    tell(hall, "after")
    changed, told = hall.heard[mine][2:]
    assert (changed["topic"], changed["data"]["types"]) == ("entities", ["student"])
    assert (told["type"], told["topic"]) == ("delta", "alerts")
    (alert,) = told["data"]["alerts"]
    assert (alert["entity_id"], alert["severity"], alert["state"]) == ("after", "warning", "active")
    assert len(hall.heard[other]) == 2
    assert hall.heard[other][1]["data"]["alerts"] == []


def test_long_names_fit(hall: Hall) -> None:
    """Fifty alerts of entities with the longest names are told in messages that may be sent."""
    joined("c1")
    tell(hall, *(f"{n:02}" + "€" * 126 for n in range(50)))
    told = [m for m in hall.heard["c1"] if (m["topic"], m["type"]) == ("alerts", "delta")]
    assert len({alert["entity_id"] for m in told for alert in m["data"]["alerts"]}) == 50
    assert all(len(msgspec.json.encode(message)) <= MAX_MESSAGE_BYTES for message in told)
    joined("c2")
    assert hall.heard["c2"][1]["data"]["alerts"]


def test_a_broken_socket_stops_nothing(hall: Hall, caplog: pytest.LogCaptureFixture) -> None:
    """Alerts are published and taken off the outbox, whoever cannot be told."""

    class Away:
        def push(self, *_: object) -> None:
            raise StorageError("the registry is away")

    joined("c1")
    tell(hall, "one")
    opened, bus = runtime.opened(), Listening()
    known = opened.stores.entities()
    take_in([_report("two", "default", 60)], known.state, known.catalog, print, opened.now_us())
    away: object = Away()
    with caplog.at_level(logging.WARNING):
        sent = publish_waiting(known.state, Announcing(bus, opened, away))  # type: ignore[arg-type]
    assert (sent, len(bus.notices)) == (1, 1)
    assert "not told" in caplog.text
    assert publish_waiting(known.state, bus) == 0
