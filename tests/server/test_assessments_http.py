"""Assessments over HTTP: taken in, scored by the worker, read; nothing is lost or told."""

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tallybrook.assessments.library import inventory
from tallybrook.assessments.scoring import score
from tallybrook.ports.objects.local import LocalObjects
from tallybrook.settings import Settings
from tallybrook.wiring import open_failed
from tallybrook.wiring.assessments import assessment_queue, scoring
from tests.assessments.raw import PLANTED, assessment, forms, plant
from tests.server.running import Account, Running, account_of, assert_problem, serving
from tests.support import wait_for


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with serving(tmp_path_factory.mktemp("assessments")) as found:
        yield found


@pytest.fixture(scope="module")
def working(running: Running) -> Iterator[None]:
    """The part of the worker that anonymises and scores."""
    settings = Settings(data=str(running.data))
    failed = open_failed(settings)
    with scoring(settings, failed.keep):
        yield
    failed.close()


@pytest.fixture
def acme(running: Running, request: pytest.FixtureRequest) -> Iterator[Account]:
    yield from account_of(request, running)


def finished(account: Account, told: Any) -> Any:
    """The assessment's standing once it is no longer ``received``."""

    def found() -> Any:
        standing = account.get(told["location"])
        return standing if standing["status"] != "received" else None

    return wait_for(found)


def test_from_the_door_to_the_score(acme: Account, working: None) -> None:
    """202 with what to follow, then the scores of the formulas, by any of its names; an event in
    the log; the same again is a duplicate."""
    raw = assessment()
    told = acme.taken_in("/assessments", raw)
    assert told["status"] == "accepted"
    standing = finished(acme, told)
    assert (standing["status"], standing["assessment_id"]) == ("scored", told["assessment_id"])
    result = standing["result"]
    expected = msgspec.to_builtins(score(raw, inventory("ocean-120")))
    for name in ("scores", "validity", "scoring_version", "scale"):
        assert result[name] == expected[name]
    assert (result["norm_set"], result["norms"]) == (None, None)
    assert "gender" in result["reasons"]["norms"]
    assert (result["age_range"], result["region"]) == ("31-40", "europe")
    assert acme.get("/assessments/a-1", user_id="user-17") == standing
    assert acme.get("/users/user-17/ocean") == result
    assert acme.get(f"/users/{result['anonymous_user_id']}/ocean") == result
    wait_for(lambda: acme.total("assessment_scored") == 1)
    (event,) = acme.get(f"/users/{result['anonymous_user_id']}/events")["events"]
    assert event["properties"]["scores"] == result["scores"]
    assert event["timestamp"] == "2026-03-01T10:00:00Z"
    again = acme.taken_in("/assessments", raw | {"email": "other@mail.example.com"})
    assert again == told | {"status": "duplicate"}


BAD: dict[str, Any] = {
    "an unknown item": {"responses": [{"questionId": "121", "answer": 3}]},
    "off the scale": {"responses": [{"questionId": "1", "answer": 6}]},
    "mixed scales": {
        "responses": [{"questionId": "1", "answer": 3}, {"questionId": "2", "answer": "agree"}]
    },
    "twice": {"responses": [{"questionId": "1", "answer": 3}] * 2},
    "130 answers": {"responses": [{"questionId": n % 120 + 1, "answer": 3} for n in range(130)]},
    "none": {"responses": []},
    "nobody's": {"userId": None},
    "unnamed": {"assessmentId": " "},
    "of another kind": {"assessmentType": "ocean-1"},
    "a text": {"demographics": "34"},
}


@pytest.mark.parametrize("what", BAD)
def test_a_bad_one_is_refused(acme: Account, what: str) -> None:
    """422 with pointers to what is wrong, never quoting it, and nothing is stored."""
    document = assert_problem(acme.http.post("/assessments", json=assessment(**BAD[what])), 422)
    assert document["errors"]
    assert "user-17" not in json.dumps(document)
    assert acme.get("/failed", status="all")["failed"] == []
    assert_problem(acme.http.get("/users/user-17/ocean"), 404)


def test_a_batch_answers_for_each(acme: Account, running: Running, working: None) -> None:
    """Good ones are scored, bad ones are failed records that hold nothing personal: who may replay
    sees what failed, others do not; edited and replayed it is scored once."""
    bad = assessment(assessmentId="a-2", responses=[{"questionId": "1", "answer": 9}])
    told = acme.taken_in("/assessments/batch", {"assessments": [assessment(), bad, 7]})
    assert (told["accepted"], told["duplicate"], told["rejected"]) == (1, 0, 2)
    assert finished(acme, told["results"][0])["status"] == "scored"
    error = told["results"][1]["error"]
    assert [fault["pointer"] for fault in error["errors"]] == ["/responses/0/answer"]
    path = f"/failed/{error['failed_id']}"
    assert json.loads(acme.get(path)["body"]) == bad
    assert "user-17" in str(acme.get("/failed"))
    reader = running.account(acme.account_id, scopes=frozenset({"read"}))
    for shown in (reader.get(path), *reader.get("/failed")["failed"]):
        assert shown["detail"]
        assert "withheld" in shown["body"]
    reader.close()
    assert_problem(acme.http.post(f"{path}/replay"), 422)
    again = acme.http.post(f"{path}/replay", json=assessment(assessmentId="a-2"))
    assert again.status_code == 200, again.text
    assert again.json()["status"] == "accepted"
    name = again.json()["event_id"]
    assert finished(acme, {"location": f"/assessments/{name}"})["status"] == "scored"
    assert acme.get(path)["status"] == "replayed"
    assert_problem(acme.http.post(f"{path}/replay", json=assessment()), 409)
    lines = b"\n".join(json.dumps(one).encode() for one in (assessment(), bad))
    reply = acme.http.post(
        "/assessments/batch", content=lines, headers={"Content-Type": "application/x-ndjson"}
    )
    assert [one["status"] for one in reply.json()["results"]] == ["duplicate", "rejected"]
    wait_for(lambda: acme.total("assessment_scored") == 2)


def test_an_object_put_by_others_fails_visibly(
    acme: Account, running: Running, working: None
) -> None:
    """What cannot be used of it is a failed record; replayed edited it is scored."""
    settings = Settings(data=str(running.data))
    folder = running.data / "objects/raw/assessments" / acme.account_id
    folder.mkdir(parents=True)
    (folder / "one.json").write_text(json.dumps(assessment(scale="1-9")))
    queue = assessment_queue(settings)
    queue.send([json.dumps({"object": f"raw/assessments/{acme.account_id}/one.json"})])
    queue.close()
    (record,) = wait_for(lambda: acme.get("/failed")["failed"])
    assert (record["source"], record["reason"]) == ("assessments", "invalid")
    assert record["detail"].startswith("/scale: must be one of")
    assert_problem(acme.http.post(f"/failed/{record['failed_id']}/replay"), 422)
    again = acme.http.post(f"/failed/{record['failed_id']}/replay", json=assessment())
    told = {"location": f"/assessments/{again.json()['event_id']}"}
    assert finished(acme, told)["status"] == "scored"


def test_a_failed_calculation_is_replayed(acme: Account, running: Running, working: None) -> None:
    """What failed when it was anonymised already is calculated again, once the cause is gone."""
    queue = assessment_queue(Settings(data=str(running.data)))
    done = finished(acme, acme.taken_in("/assessments", assessment()))
    (held,) = (running.data / "objects/anonymised").rglob(f"*{done['assessment_id']}*")
    name = done["assessment_id"].replace("_", "_0", 1)[:42]
    other = held.with_name(held.name.replace(done["assessment_id"], name))
    key = str(other.relative_to(running.data / "objects"))
    queue.send([json.dumps({"object": key, "assessment_id": name})])
    (record,) = wait_for(lambda: acme.get("/failed")["failed"])
    assert acme.get(f"/assessments/{name}")["status"] == "failed"
    body = held.read_bytes().replace(done["assessment_id"].encode(), name.encode())
    LocalObjects(running.data / "objects").put(key, body)
    again = acme.http.post(f"/failed/{record['failed_id']}/replay")
    assert again.json() == {"status": "accepted", "event_id": name}
    assert finished(acme, {"location": f"/assessments/{name}"})["status"] == "scored"
    assert acme.get("/failed")["failed"] == []
    queue.close()


def test_nothing_personal_is_anywhere_else(tmp_path: Path) -> None:
    """Whatever is planted where: but for the raw objects no file of the data folder holds it, nor
    any answer to a key that may only read."""
    with serving(tmp_path / "data") as running:
        account = running.account("acme", scopes=frozenset({"write"}))
        raws = list(planted())
        told = account.taken_in("/assessments/batch", {"assessments": raws})
        assert told["accepted"] > 5
        assert told["rejected"] > 5
        settings = Settings(data=str(running.data))
        failed = open_failed(settings)
        reader = running.account("acme", scopes=frozenset({"read"}))
        with scoring(settings, failed.keep):
            for one in told["results"]:
                if one["status"] == "accepted":
                    assert finished(reader, one)["status"] == "scored"
            wait_for(lambda: reader.total("assessment_scored") == told["accepted"])
        failed.close()
        answers = [json.dumps(told)]
        answers += [reader.http.get(one["location"]).text for one in told["results"][:3]]
        answers += [
            reader.http.get(path).text for path in ("/failed", "/assessments/distributions")
        ]
        account.close()
        reader.close()
        files = [path for path in running.data.rglob("*") if path.is_file()]
    held = {
        str(path.relative_to(tmp_path)): path.read_bytes()
        for path in files
        if path.exists() and not path.is_relative_to(tmp_path / "data/objects/received")
    }
    assert {"data/log.db", "data/state.db", "data/queue.db"} <= set(held)
    assert sum("anonymised" in name for name in held) == told["accepted"]
    personal = [form.encode() for token in PLANTED for form in forms(token) | {token}]
    personal += [b"u17@mail", b"7.1.3-beta", b"person-", b"Quandt"]
    for name, body in [
        *held.items(),
        *((f"answer {n}", a.encode()) for n, a in enumerate(answers)),
    ]:
        for token in personal:
            assert token not in body, f"{token!r} in {name}"
            assert token.decode() not in name


def planted() -> Iterator[dict[str, Any]]:
    """Assessments full of personal data, good ones and bad ones."""
    spots: list[tuple[str | int, ...]] = [
        ("name",), ("demographics", "role"), ("demographics", "country"), ("metadata", "platform"),
        ("metadata", "userAgent"), ("version",), ("metadata", "sessionId"), ("responses", 7),
        ("scale",), ("timestamp",), ("assessmentType",), ("responses", 3, "questionId"),
        ("responses", 3, "answer"), ("demographics",),
    ]  # fmt: skip
    for number, spot in enumerate(spots):
        for as_key in (False, True):
            token = PLANTED[number % len(PLANTED)]
            name = f"{number} {as_key} {PLANTED[0]}"
            raw = assessment(userId=f"person-{token}", assessmentId=name, email=token)
            what = {token: json.dumps({"is": token})} if number % 3 else token
            plant(raw, spot, what, as_key=as_key)
            yield raw


def test_distributions(acme: Account, working: None) -> None:
    """By group, each person once with their latest; small groups are withheld and cannot be
    worked out."""
    draw = random.Random(5)
    industries = ["Technology"] * 25 + ["Healthcare"] * 12 + ["Education"] * 4
    raws = [
        assessment(
            userId=f"p{number}", assessmentId=f"a{number}",
            responses=[{"questionId": n, "answer": draw.randint(1, 5)} for n in range(1, 121)],
            demographics={"industry": industry},
        )
        for number, industry in enumerate(industries)
    ]  # fmt: skip
    raws += [
        raws[0] | {"assessmentId": "later", "timestamp": "2026-05-01T00:00:00Z"},
        raws[1] | {"assessmentId": "earlier", "timestamp": "2025-05-01T00:00:00Z"},
    ]
    told = acme.taken_in("/assessments/batch", {"assessments": raws})
    for one in told["results"]:
        finished(acme, one)
    found = acme.get("/assessments/distributions", group_by="industry")
    assert (found["k"], found["complete"], found["withheld"]) == (10, True, 2)
    (group,) = found["groups"]
    assert (group["value"], group["people"]) == ("technology", 25)
    openness = group["domains"]["openness"]
    assert openness["people"] == 25
    assert 0 < openness["quantiles"]["p50"] < 100
    assert openness["quantiles"]["p10"] is None
    assert len(group["facets"]) == 30
    (nothing_said,) = acme.get("/assessments/distributions", group_by="region")["groups"]
    assert (nothing_said["value"], nothing_said["people"]) == (None, 41)
    assert acme.get("/assessments/distributions", assessment_type="ocean-300")["groups"] == []
    assert_problem(acme.http.get("/assessments/distributions?group_by=gender"), 422)


@pytest.mark.parametrize(
    "path", ["/assessments/nobody", "/assessments/a?user_id=b", "/users/nobody/ocean",
             "/assessments/k00000000_" + "0" * 32, "/users/k00000000_" + "0" * 32 + "/ocean",
             "/assessments/" + "x" * 5000],
)  # fmt: skip
def test_what_is_not_there(acme: Account, path: str) -> None:
    """404, also for another account's."""
    assert_problem(acme.http.get(path), 404)


def test_scopes(running: Running, acme: Account) -> None:
    """Taking in needs write, reading needs read; a body that is none is refused."""
    reader = running.account(acme.account_id, scopes=frozenset({"read"}))
    writer = running.account(acme.account_id, scopes=frozenset({"write"}))
    assert_problem(reader.http.post("/assessments", json=assessment()), 403)
    assert_problem(writer.http.get("/users/user-17/ocean"), 403)
    surrogate = json.dumps(assessment(userId="\ud800")).encode()
    for body in (b"{", b"[]", b"7", b"\xff", b"[" * 5000, b'{"assessments": 7}', surrogate):
        json_type = {"Content-Type": "application/json"}
        reply = writer.http.post("/assessments/batch", content=body, headers=json_type)
        assert reply.status_code in (400, 422), body
        reply = writer.http.post("/assessments", content=body, headers=json_type)
        assert reply.status_code in (400, 422), body
    too_long = assessment(notes="x" * 300_000)
    assert_problem(writer.http.post("/assessments", json=too_long), 413)
    reader.close()
    writer.close()
