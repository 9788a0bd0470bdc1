"""The live topics ``entities`` and ``alerts``: a worker writes, the server tells."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tallybrook.events.instants import DAY_US
from tallybrook.ports.bus.local import LocalBus
from tallybrook.ports.clock import system_clock
from tests.server.operations import health, ingest, work
from tests.server.running import Account, Running, serving
from tests.server.test_live import streaming, told, watching
from tests.support import wait_for


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    with serving(tmp_path) as found:
        yield found


@pytest.fixture
def acme(running: Running) -> Account:
    return running.account("acme")


def test_alerts_come_live(running: Running, acme: Account) -> None:
    """First the newest alerts as ``GET /alerts`` shows them, then each new one, whenever it was."""
    now_us = system_clock()
    health(acme, "before", 60, now_us - DAY_US)
    work(running)
    with watching(running, acme.key, "alerts") as live:
        first = told(live)
        assert (first["type"], first["topic"]) == ("snapshot", "alerts")
        assert first["data"]["alerts"] == acme.get("/alerts")["alerts"]
        assert [alert["entity_id"] for alert in first["data"]["alerts"]] == ["before"]
        health(acme, "longer ago", 60, now_us - 9 * DAY_US)
        work(running)
        delta = told(live, "delta")
        assert delta["topic"] == "alerts"
        assert delta["seq"] == running.context.log.head
        assert delta["data"]["alerts"] == acme.get("/alerts")["alerts"][1:]
        assert delta["data"]["alerts"][0]["state"] == "active"


def test_changes_come_live(running: Running, acme: Account) -> None:
    """First all types, then those that something was told of; for nothing else a message."""
    with watching(running, acme.key, "entities") as live:
        types = told(live, "snapshot")["data"]["types"]
        assert types == ["student", "tutor", "supply_demand"]
        acme.send({"event_type": "page_view", "user_id": "u"})
        work(running)
        health(acme, "s1", 90, system_clock())
        work(running)
        delta = told(live, "delta")
        assert (delta["topic"], delta["data"]["types"]) == ("entities", ["student"])
        ingest(acme, "session_started", system_clock(), student_id="s1", tutor_id="t1")
        work(running)
        assert told(live, "delta")["data"]["types"] == ["student", "tutor"]


def test_no_alert_is_missed(running: Running, acme: Account) -> None:
    """Whoever subscribes while alerts are made finds each of them in the snapshot or a delta."""
    made = [f"s{n}" for n in range(20)]
    missing: dict[int, set[str]] = {}

    def listen(number: int) -> None:
        with watching(running, acme.key, "alerts") as live:
            missing[number] = set(made)
            while missing[number]:
                alerts = told(live)["data"]["alerts"]
                missing[number] -= {alert["entity_id"] for alert in alerts}

    listeners = [threading.Thread(target=listen, args=(n,)) for n in range(10)]
    for number, student in enumerate(made):
        health(acme, student, 60, system_clock())
        work(running)
        if number % 2:
            listeners[number // 2].start()
    for listener in listeners:
        listener.join(30)
    assert list(missing.values()) == [set()] * 10


def test_accounts_are_apart(running: Running, acme: Account) -> None:
    """A subscriber hears neither of another account's alerts nor that anything changed there."""
    rival = running.account("rival")
    with watching(running, acme.key, "alerts", "entities") as live:
        seen = [told(live), told(live)]
        health(rival, "rival-secret", 60, system_clock())
        work(running)
        ingest(acme, "session_started", system_clock(), tutor_id="mine")
        health(acme, "mine", 60, system_clock())
        work(running)
        while (seen[-1]["type"], seen[-1]["topic"]) != ("delta", "entities"):
            seen.append(told(live))
    assert "rival-secret" not in str(seen)
    assert sum(message["topic"] == "entities" for message in seen) == 2
    with watching(running, rival.key, "alerts") as live:
        (alert,) = told(live)["data"]["alerts"]
        assert alert["entity_id"] == "rival-secret"


def test_coming_back_is_a_snapshot(running: Running, acme: Account) -> None:
    """Nobody looks while nobody listens, so that ``since`` cannot resume these topics."""
    with watching(running, acme.key, "alerts") as live:
        last = told(live)["seq"]
    health(acme, "meanwhile", 60, system_clock())
    work(running)
    with watching(running, acme.key, "alerts", since=last) as live:
        first = told(live)
    assert first["type"] == "snapshot"
    assert [alert["entity_id"] for alert in first["data"]["alerts"]] == ["meanwhile"]


def test_nothing_is_read_for_nobody(
    running: Running, acme: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bus is looked at while somebody is subscribed to alerts, and at no other time."""
    looks: list[int] = []
    real: Callable[[LocalBus, int, int], object] = LocalBus.published

    def counted(self: LocalBus, after: int, limit: int = 1000) -> object:
        looks.append(after)
        return real(self, after, limit)

    monkeypatch.setattr(LocalBus, "published", counted)
    with watching(running, acme.key, "metrics") as live:
        told(live)
        assert looks == []
    with watching(running, acme.key, "alerts") as live:
        told(live)
        wait_for(lambda: len(looks) > 2, what="looks")
    wait_for(lambda: not running.server.hub.accounts("alerts"), what="the client to be gone")
    with watching(running, acme.key, "entities") as live:
        told(live)
        health(acme, "s1", 60, system_clock())
        work(running)
        seen = len(looks)
        told(live, "delta")
        assert len(looks) <= seen + 1


def test_plain_streams(running: Running, acme: Account) -> None:
    """The same messages as server-sent events."""
    with streaming(acme, topics="alerts,entities") as stream:
        assert {next(stream)[1]["topic"], next(stream)[1]["topic"]} == {"alerts", "entities"}
        health(acme, "s1", 60, system_clock())
        work(running)
        assert {next(stream)[1]["type"], next(stream)[1]["type"]} == {"delta"}
