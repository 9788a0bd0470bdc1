"""What the page reads of entities: the types there are, and one entity's history."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tallybrook.events.instants import DAY_US, format_instant
from tallybrook.ports.clock import system_clock
from tests.server.operations import health, ingest, work
from tests.server.running import Running, assert_problem, serving


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    with serving(tmp_path) as found:
        yield found


def metric(known: dict[str, Any], name: str) -> dict[str, Any]:
    return next(dict(one) for one in known["metrics"] if one["name"] == name)


def test_types_are_described(running: Running) -> None:
    """Every type with the names that its metrics answer under, their windows, units and rules."""
    account = running.account("acme")
    described = account.get("/entities")
    assert described["looks_back_days"] == 15
    student, tutor, supply = described["types"]
    assert [one["type"] for one in described["types"]] == ["student", "tutor", "supply_demand"]
    assert student["sort"] == "health_score"
    assert supply["id"] == ["subject", "region"]
    ingest(account, "session_started", system_clock(), student_id="s")
    work(running)
    shown = account.get("/entities/student/s")["metrics"]
    assert [one["name"] for one in student["metrics"]] == list(shown)
    assert metric(student, "sessions_14d") == {
        "name": "sessions_14d", "group": "sessions_{days}d", "kind": "count", "unit": "facts",
        "type": "number", "of": "session", "days": [14], "source": "",
    }  # fmt: skip
    assert metric(student, "health_score")["source"] == "health_source"
    assert metric(student, "health_source")["kind"] == "source"
    assert metric(tutor, "session_success_rate_30d")["unit"] == "ratio"
    assert metric(tutor, "rating_count")["days"] == [30]
    assert metric(supply, "balance_status")["type"] == "text"
    low = next(rule for rule in student["rules"] if rule["name"] == "low_health_score")
    assert (low["metric"], low["op"]) == ("health_score", "<")
    assert {"severity": "critical", "value": 50} in low["levels"]


def test_another_set_of_types(tmp_path: Path) -> None:
    """Nothing of the answer is hard-wired: other definitions, other types."""
    with serving(tmp_path, entities="flights") as running:
        described = running.account("acme").get("/entities")
    assert [one["type"] for one in described["types"]] == ["airline", "airport"]


def test_history_sums_up_to_the_windows(running: Running) -> None:
    """The counts of the last 7, 14 and 30 days are what the windows say, to the microsecond."""
    account, now_us = running.account("acme"), system_clock()
    as_of = now_us - 3 * DAY_US
    # Two at each border but the end: what one end lets in by mistake, the other must not hide.
    borders = (0, 1, *(7, 14, 30, 45) * 2)
    edges = [n * DAY_US + off for n in borders for off in (-1, 0, 1)]
    for n, before in enumerate(edges):
        at = as_of - before
        ingest(account, "session_started", at, student_id="s", session_id=f"x{n}")
    work(running)
    found = account.get("/entities/student/s", as_of=format_instant(as_of), history=45)
    (sessions,) = [one for one in found["history"]["facts"] if one["name"] == "session"]
    assert len(sessions["counts"]) == 45
    for days in (7, 14, 30):
        assert sum(sessions["counts"][-days:]) == found["metrics"][f"sessions_{days}d"]
    assert found["history"]["start"] == format_instant(as_of - 45 * DAY_US)
    assert sum(sessions["counts"]) == len(edges) - 1 - 4  # one is later, four not after the start


def test_history_of_values_and_alerts(running: Running) -> None:
    """What was reported over time, from what held at the beginning on, and the alerts it made."""
    account, now_us = running.account("acme"), system_clock()
    for score, days in ((95, 20), (80, 12), (60, 5), (40, 3)):
        health(account, "s", score, now_us - days * DAY_US)
    health(account, "other", 10, now_us)
    work(running)
    history = account.get("/entities/student/s", history=10)["history"]
    (told,) = [one for one in history["told"] if one["metric"] == "health_score"]
    assert [step["value"] for step in told["steps"]] == [80, 60, 40]
    assert [alert["severity"] for alert in history["alerts"]] == ["critical", "warning"]
    mine = [one for one in account.get("/alerts")["alerts"] if one["entity_id"] == "s"]
    assert history["alerts"] == mine
    earlier = format_instant(now_us - 4 * DAY_US)
    history = account.get("/entities/student/s", history=10, as_of=earlier)["history"]
    assert [alert["severity"] for alert in history["alerts"]] == ["warning"]


def test_history_refused(running: Running) -> None:
    """Days out of bounds, an entity that is not there, and another account's."""
    account, other = running.account("acme"), running.account("other")
    health(account, "s", 60, system_clock())
    work(running)
    assert "history" not in account.get("/entities/student/s")
    for days in ("0", "367", "x", ""):
        assert_problem(account.http.get(f"/entities/student/s?history={days}"), 422)
    assert_problem(other.http.get("/entities/student/s?history=9"), 404)
    assert_problem(running.account("acme", scopes=["write"]).http.get("/entities"), 403)
