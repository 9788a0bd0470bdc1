"""Entities and alerts over HTTP, from the door to the answer."""

import json
import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tallybrook.events.instants import DAY_US, format_instant
from tallybrook.ports.clock import system_clock
from tallybrook.wiring import open_consumers
from tests.server.running import Account, Running, assert_problem, serving

JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One server; every test has accounts of its own."""
    with serving(tmp_path_factory.mktemp("entities")) as found:
        yield found


def work(running: Running) -> None:
    """Let the consumer take in what the log holds."""
    with open_consumers(running.data) as opened:
        consumer = next(one for one in opened.consumers if one.name == "entities")
        while chunks := opened.reader.chunks("events", consumer.position(), consumer.max_entries):
            consumer.handle(chunks)


def ingest(account: Account, envelope: dict[str, Any]) -> dict[str, Any]:
    reply = account.http.post("/ingest", json=envelope)
    assert reply.status_code == 202, reply.text
    return dict(reply.json())


def stream(now_us: int) -> list[dict[str, Any]]:
    """Sessions, calls and health of a few students over the last days."""
    made: list[tuple[str, dict[str, Any], int]] = []
    for n in range(40):
        at = now_us - n * DAY_US // 2
        ids = {"session_id": f"x{n}", "student_id": f"s{n % 3}", "tutor_id": f"t{n % 2}"}
        made.append(("session_started", ids, at - 3_600_000_000))
        made.append(("session_completed", ids | {"tutor_rating": n % 6}, at))
    made += [
        ("ib_call_logged", {"call_id": f"c{n}", "student_id": "s0"}, now_us - n) for n in range(6)
    ]
    for score, days in ((80, 5), (60, 4), (45, 3), (90, 2)):
        payload = {"student_id": "s1", "health_score": score}
        made.append(("customer_health_update", payload, now_us - days * DAY_US))
    return [
        {"event_type": kind, "timestamp": format_instant(at), "payload": payload}
        for kind, payload, at in made
    ]


def seen(account: Account, as_of: str) -> Any:
    """Everything there is to read, at an instant."""
    types = ("student", "tutor", "supply_demand")
    lists = [account.get(f"/entities/{kind}", as_of=as_of)["entities"] for kind in types]
    alerts = account.get("/alerts", as_of=as_of)["alerts"]
    told = sorted((a["alert_type"], a["severity"], a["entity_id"]) for a in alerts)
    assert len({alert["alert_id"] for alert in alerts}) == len(alerts)
    return lists, told


def test_same_from_four_clients(running: Running) -> None:
    """Twice, shuffled, from four clients at once: the same numbers and alerts as in order, once."""
    now_us = system_clock()
    sent, as_of = stream(now_us), format_instant(now_us)
    plain, mixed = running.account("plain"), running.account("mixed")
    for envelope in sent:
        ingest(plain, envelope)

    def run(seed: int) -> None:
        mine = list(sent)
        random.Random(seed).shuffle(mine)
        for envelope in mine[seed::2]:
            ingest(mixed, envelope)
        for envelope in mine:
            ingest(mixed, envelope)

    work(running)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(run, range(4)))
    work(running)
    assert seen(plain, as_of) == seen(mixed, as_of)
    assert seen(plain, as_of)[1] == [
        ("high_ib_call_frequency", "warning", "s0"),
        ("low_health_score", "critical", "s1"),
        ("low_health_score", "warning", "s1"),
    ]


def test_one_entity(running: Running) -> None:
    """The answer has the shape of the specification, at any instant."""
    account, now_us = running.account("one"), system_clock()
    for envelope in stream(now_us):
        ingest(account, envelope)
    work(running)
    found = account.get("/entities/student/s0", as_of=format_instant(now_us))
    assert set(found) == {"entity_type", "entity_id", "as_of", "metrics", "reported"}
    assert (found["entity_type"], found["entity_id"]) == ("student", "s0")
    assert found["as_of"] == format_instant(now_us)
    assert found["metrics"]["ib_calls_14d"] == 6
    assert found["metrics"]["health_score"] == 100
    assert found["metrics"]["health_source"] == "default"
    later = account.get("/entities/student/s0", as_of=format_instant(now_us + 40 * DAY_US))
    assert later["metrics"]["sessions_30d"] == 0
    assert account.get("/entities/student/s1")["reported"]["health_score"] == 90


def test_lists_and_alerts_page(running: Running) -> None:
    """Pages join, filters filter, and a cursor keeps to the instant it was given at."""
    account = running.account("lists")
    for envelope in stream(system_clock()):
        ingest(account, envelope)
    work(running)
    first = account.get("/entities/student", sort="-sessions_30d", limit=2)
    assert (first["total"], len(first["entities"])) == (3, 2)
    rest = account.get("/entities/student", sort="-sessions_30d", cursor=first["next_cursor"])
    assert rest["as_of"] == first["as_of"]
    ids = [e["entity_id"] for e in [*first["entities"], *rest["entities"]]]
    assert sorted(ids) == ["s0", "s1", "s2"]
    low = account.get("/entities/student", threshold=95)
    assert [e["entity_id"] for e in low["entities"]] == ["s1"]
    critical = account.get("/alerts", severity="critical")["alerts"]
    assert [a["alert_type"] for a in critical] == ["low_health_score"]
    states = {a["alert_type"]: a["state"] for a in account.get("/alerts")["alerts"]}
    assert states == {"high_ib_call_frequency": "active", "low_health_score": "over"}
    later = account.get("/alerts", as_of=format_instant(system_clock() + 20 * DAY_US))
    assert {a["state"] for a in later["alerts"]} == {"over"}
    newest = account.get("/alerts", limit=1)
    older = account.get("/alerts", limit=9, cursor=newest["next_cursor"])
    assert len(newest["alerts"] + older["alerts"]) == 3
    assert older["next_cursor"] is None
    since = newest["alerts"][0]["timestamp"]
    assert len(account.get("/alerts", since=since)["alerts"]) == 1


def test_refused(running: Running) -> None:
    """What cannot be answered says why; other accounts' entities are not there."""
    account, other = running.account("refused"), running.account("refused-other")
    for envelope in stream(system_clock()):
        ingest(account, envelope)
    work(running)
    assert_problem(other.http.get("/entities/student/s0"), 404)
    assert other.get("/entities/student")["total"] == 0
    assert other.get("/alerts")["alerts"] == []
    assert_problem(account.http.get("/entities/planet"), 404)
    assert_problem(account.http.get("/entities/student/nobody"), 404)
    for query in ("sort=nothing", "threshold=x", "limit=0", "cursor=x", "as_of=2001-01-01"):
        assert_problem(account.http.get(f"/entities/student?{query}"), 422)
    for query in ("severity=bad", "since=now", "cursor=x"):
        assert_problem(account.http.get(f"/alerts?{query}"), 422)
    writer = running.account("refused", scopes=["write"])
    assert_problem(writer.http.get("/alerts"), 403)


BAD: list[tuple[dict[str, Any], str]] = [
    ({"timestamp": "yesterday"}, "/timestamp"),
    ({"timestamp": 1_700_000_000}, "/timestamp"),
    ({"timestamp": None, "payload": {"timestamp": "soon"}}, "/payload/timestamp"),
    ({"payload": None}, "/payload"),
    ({"payload": [1]}, "/properties"),
    ({"event_type": "session_paused"}, "/event_type"),
    ({"event_type": ""}, "/event_type"),
    *(
        ({"payload": {"session_id": f"r{n}", "tutor_id": "t", "tutor_rating": bad}},
         "/payload/tutor_rating")
        for n, bad in enumerate(["5", 7, -1, True, None])
    ),
]  # fmt: skip


def test_bad_input_is_kept_and_replayed_once(running: Running) -> None:
    """Among good ones each bad one becomes a failed record with its reason; posted again it is the
    same; replayed after the fix it counts, once."""
    account, now_us = running.account("bad-input"), system_clock()

    def completed(name: str) -> dict[str, Any]:
        """A session of its own with a rating of 4, second by second."""
        payload = {"session_id": name, "tutor_id": "t", "tutor_rating": 4}
        at = now_us - 3_600_000_000 + len(name) * 1_000_000
        kind = "session_completed"
        return {"event_type": kind, "timestamp": format_instant(at), "payload": payload}

    for _ in range(2):
        for n, (bad, _pointer) in enumerate(BAD):
            ingest(account, completed(f"good{n}"))
            assert account.http.post("/ingest", json=completed(f"bad{n}") | bad).status_code in (
                202, 422,
            )  # fmt: skip
    assert account.http.post("/ingest", content=b"{", headers=JSON).json()["failed_id"]
    work(running)
    sessions = len(BAD) + 5  # what is right in one with a bad rating counts
    metrics = account.get("/entities/tutor/t")["metrics"]
    assert (metrics["sessions_7d"], metrics["rating_count"]) == (sessions, len(BAD))
    failed = account.get("/failed")["failed"]
    wanted = sorted(pointer for _, pointer in BAD)
    assert sorted(f["detail"].partition(": ")[0] for f in failed if f["reason"] != "malformed") == (
        wanted
    )
    for n, one in enumerate(failed):
        payload = {"session_id": f"mended{n}", "tutor_id": "t", "tutor_rating": 4}
        if "rating" in one["detail"]:
            payload |= {"session_id": json.loads(one["body"])["payload"]["session_id"]}
        mended = completed("x") | {"payload": payload}
        path = f"/failed/{one['failed_id']}/replay"
        assert account.http.post(path, json=mended).status_code == 200
        assert account.http.post(path, json=mended).status_code == 409
    work(running)
    metrics = account.get("/entities/tutor/t")["metrics"]
    assert (metrics["sessions_7d"], metrics["rating_count"]) == (2 * len(BAD) + 1,) * 2
    assert account.get("/failed")["failed"] == []
