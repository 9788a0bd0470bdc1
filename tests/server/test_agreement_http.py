"""Messages of two AIs over HTTP: taken in, measured by the worker, read; nothing is lost."""

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tallybrook.events.instants import DAY_US, format_instant
from tallybrook.ports.clock import system_clock
from tallybrook.settings import Settings
from tallybrook.wiring import open_failed
from tallybrook.wiring.agreement import agreement_queue, measuring
from tests.assessments.dual import drawn, worked
from tests.server.running import Account, Running, account_of, assert_problem, serving
from tests.support import wait_for


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with serving(tmp_path_factory.mktemp("agreement")) as found:
        yield found


@pytest.fixture(scope="module")
def working(running: Running) -> Iterator[None]:
    """The part of the worker that measures."""
    settings = Settings(data=str(running.data))
    failed = open_failed(settings)
    with measuring(settings, failed.keep):
        yield
    failed.close()


@pytest.fixture
def acme(running: Running, request: pytest.FixtureRequest) -> Iterator[Account]:
    yield from account_of(request, running)


def measured(account: Account, name: str) -> Any:
    def found() -> Any:
        reply = account.http.get(f"/agreement/{name}")
        return reply.json() if reply.status_code == 200 else None

    return wait_for(found)


def test_from_the_door_to_the_answer(acme: Account, working: None) -> None:
    """202 with what to follow, then the measurement, an event in the log that counts, and the
    same message again is a duplicate."""
    told = acme.taken_in("/agreement/messages", worked())
    assert told["status"] == "accepted"
    (one,) = measured(acme, "worked")["measurements"]
    assert one["measurement_id"] == told["measurement_id"]
    assert (one["timestamp"], one["quality"]) == ("2026-01-15T12:00:00Z", pytest.approx(0.916))
    wait_for(lambda: acme.total("ai_agreement_measured") == 1)
    event = acme.get(f"/events/{told['measurement_id']}")
    assert event["properties"]["assessment_id"] == "worked"
    assert acme.taken_in("/agreement/messages", worked() | {"extra": 1}) == told | {
        "status": "duplicate"
    }


def test_a_batch_answers_for_each(acme: Account, working: None) -> None:
    """Good ones are queued, bad ones are failed records that can be put right and replayed."""
    bad = worked() | {"assessmentId": "fixed"}
    del bad["timestamp"]
    told = acme.taken_in("/agreement/batch", {"messages": [worked(), bad, 7]})
    assert (told["accepted"], told["duplicate"], told["rejected"]) == (1, 0, 2)
    error = told["results"][1]["error"]
    assert [fault["pointer"] for fault in error["errors"]] == ["/timestamp"]
    assert measured(acme, "worked")
    path = f"/failed/{error['failed_id']}"
    assert acme.get(path)["source"] == "agreement"
    assert_problem(acme.http.post(f"{path}/replay"), 422)
    bad["timestamp"] = "2026-01-15T12:00:00Z"
    again = acme.http.post(f"{path}/replay", json=bad)
    assert again.status_code == 200, again.text
    (one,) = measured(acme, "fixed")["measurements"]
    assert again.json() == {"status": "accepted", "event_id": one["measurement_id"]}
    assert acme.get(path)["status"] == "replayed"
    assert_problem(acme.http.post(f"{path}/replay", json=bad), 409)
    lines = b"\n".join(json.dumps(one).encode() for one in (worked(), bad))
    reply = acme.http.post(
        "/agreement/batch", content=lines, headers={"Content-Type": "application/x-ndjson"}
    )
    assert [one["status"] for one in reply.json()["results"]] == ["duplicate", "duplicate"]


def test_a_window_and_a_drift(acme: Account, working: None) -> None:
    """The report is of the messages in the window; a fall of agreement is an alert, active."""
    draw, now = random.Random(1), system_clock()
    messages = [
        drawn(draw, n, now - DAY_US + n * 1_000_000, spread=3 if n < 100 else 12)
        for n in range(150)
    ]
    acme.taken_in("/agreement/batch", {"messages": messages})
    wait_for(lambda: acme.get("/agreement")["report"]["messages"] == 150)
    found = acme.get("/agreement", group_by="1h")
    assert found["complete"]
    assert found["report"]["overall"]["pairs"] == 750
    low, high = found["report"]["overall"]["intervals"]["icc"]
    assert low < found["report"]["overall"]["statistics"]["icc"] < high
    assert sum(one["messages"] for one in found["periods"]) == 150
    assert found["report"]["cost_usd"]["value"] == pytest.approx(150 * 0.0068)
    half = acme.get(
        "/agreement", start=format_instant(now - DAY_US),
        end=format_instant(now - DAY_US + 50_000_000),
    )  # fmt: skip
    assert half["report"]["messages"] == 50
    (alert,) = wait_for(lambda: acme.get("/alerts")["alerts"])
    assert (alert["alert_type"], alert["state"]) == ("agreement_drift", "active")
    assert alert["details"]["recent"]["n"] == 50


def test_an_empty_window(acme: Account) -> None:
    """Nulls with reasons, never an error."""
    for query in ({}, {"start": "1900-01-01", "end": "1900-01-02"}, {"group_by": "1d"}):
        found = acme.get("/agreement", **query)
        assert found["report"]["messages"] == 0
        assert set(found["report"]["overall"]["statistics"].values()) == {None}
        assert found["report"]["overall"]["reasons"]["icc"]
        assert found["report"]["means"]["agreement"]["reason"]
    assert found["periods"] == []


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/agreement?start=2026-01-02&end=2026-01-01", 422), ("/agreement?start=soon", 422),
        ("/agreement?start=9990-01-01", 422), ("/agreement?group_by=1y", 422),
        ("/agreement/nobody", 404), ("/agreement/" + "x" * 3000, 404),
    ],
)  # fmt: skip
def test_bad_questions(acme: Account, path: str, status: int) -> None:
    """A problem document each."""
    assert_problem(acme.http.get(path), status)


def test_bad_messages_at_the_door(acme: Account, running: Running) -> None:
    """They are refused with pointers and queue nothing; scopes are asked for."""
    message = worked()
    message["a1Response"]["oceanScores"]["openness"] = -1
    document = assert_problem(acme.http.post("/agreement/messages", json=message), 422)
    assert [f["pointer"] for f in document["errors"]] == ["/a1Response/oceanScores/openness"]
    for body, status in ((b"{", 400), (b"[]", 422), (b"x" * 300_000, 413)):
        assert_problem(acme.http.post("/agreement/messages", content=body), status)
    batch = "/agreement/batch"
    assert_problem(acme.http.post(batch, json={"messages": 5}), 422)
    assert_problem(acme.http.post(batch, json={"messages": [1] * 501}), 413)
    assert_problem(acme.http.post(batch, content=b"a", headers={"Content-Type": "text/csv"}), 415)
    assert acme.taken_in(batch, {"messages": []})["results"] == []
    reader = running.account(acme.account_id, scopes=frozenset({"read"}))
    assert_problem(reader.http.post("/agreement/messages", json=worked()), 403)
    reader.close()


def test_another_account_is_not_reached(running: Running, working: None) -> None:
    """The account is the key's, whatever the message names."""
    mine, theirs = running.account("mine"), running.account("theirs")
    mine.taken_in(
        "/agreement/messages", worked() | {"account_id": "theirs", "assessmentId": "whose"}
    )
    assert measured(mine, "whose")
    assert_problem(theirs.http.get("/agreement/whose"), 404)
    mine.close()
    theirs.close()


def test_what_was_acknowledged_survives(tmp_path: Path) -> None:
    """After 202 the message is in the queue's file, also when the server is gone."""
    with serving(tmp_path) as running:
        account = running.account("acme")
        account.taken_in("/agreement/messages", worked())
        account.close()
    queue = agreement_queue(Settings(data=str(tmp_path)))
    (message,) = queue.receive()
    assert json.loads(message.body)["account_id"] == "acme"
    queue.close()
