"""Assessments, agreement and forwarding in the deployed stack, each from its real triggers."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tallybrook.assessments.anonymised import Anonymizer
from tallybrook.assessments.flow.places import OUT_PREFIX, scores_partition
from tallybrook.assessments.flow.processing import score_object
from tallybrook.assessments.flow.telling import SCORED_KIND
from tallybrook.assessments.library import find_inventory
from tallybrook.forwarding.delivering import BUS_SOURCE
from tallybrook.ports.aws.clients import client
from tallybrook.ports.clock import system_clock
from tallybrook.ports.objects.local import LocalObjects
from tallybrook.ports.state.aws import DynamoState
from tallybrook.ports.state.local import SqliteState
from tallybrook.privacy.keys import PrivacyKeys
from tallybrook.privacy.library import built_in
from tests.assessments.dual import worked
from tests.assessments.raw import assessment
from tests.aws_e2e.conftest import Deployed
from tests.entities.test_consumer_entities import receiving
from tests.support import tallybrook
from tests.support.heard import Heard
from tests.support.waiting import wait_for_stack

WITHIN_S = 60


def invoke(deployed: Deployed, function: str) -> Any:
    """The clock's call."""
    name = f"{deployed.stack}-{function}"
    answer: Any = client("lambda").invoke(FunctionName=name, Payload=b"{}")
    body = json.loads(answer["Payload"].read())
    assert "FunctionError" not in answer, body
    return body


def ocean(deployed: Deployed, user: str) -> bytes | None:
    """The latest score of a user, in the bytes that the API gives."""
    reply = deployed.http.get(f"/users/{user}/ocean")
    return reply.content if reply.status_code == 200 else None


def embedded(deployed: Deployed, folder: Path, score: bytes) -> bytes:
    """The score that the embedded product makes of the anonymised object of this one."""
    shown = json.loads(score)
    day = shown["timestamp"][:10].replace("-", "/")
    name = f"{shown['assessment_id']}-{shown['content']}.json"
    key = f"{OUT_PREFIX}default/{day}/{name}"
    found: Any = client("s3").get_object(Bucket=deployed.outputs["Bucket"], Key=key)
    objects, state = LocalObjects(folder / "objects"), SqliteState(folder / "state.db")
    objects.put(key, found["Body"].read())
    using = Anonymizer(objects, state, PrivacyKeys(()), built_in(), find_inventory)
    assert score_object(key, "default", using, system_clock())
    (kept,) = state.query(scores_partition("default"))
    state.close()
    return kept.value


def test_an_assessment_over_http_and_as_an_object(deployed: Deployed, tmp_path: Path) -> None:
    """Each is scored once however often it comes, in the bytes of the embedded product; the event
    is counted, and the bus is told."""
    heard = Heard(deployed.outputs["BusName"], "tallybrook")
    posted, put = assessment(userId="posted"), assessment(userId="put", completionTime=9000)
    for _ in range(2):
        reply = deployed.http.post("/assessments", json=posted)
        assert reply.status_code == 202, reply.text
        client("s3").put_object(
            Bucket=deployed.outputs["Bucket"], Key="raw/assessments/Anna B+C.json",
            Body=json.dumps(put).encode(),
        )  # fmt: skip
    location = reply.json()["location"]
    for user in ("posted", "put"):
        score = wait_for_stack(lambda u=user: ocean(deployed, u), WITHIN_S, f"{user} is scored")
        assert embedded(deployed, tmp_path / user, score) == score
    wait_for_stack(
        lambda: deployed.counted("assessment_scored") == 2, WITHIN_S, "both events are counted"
    )
    assert deployed.get(location)["status"] == "scored"
    assert deployed.http.post("/assessments", json=posted).json()["status"] == "duplicate"
    scores = DynamoState(deployed.stack).query(scores_partition("default"))
    assert len(scores) == 2
    told = [one for one in heard.listen() if one["detail-type"] == SCORED_KIND]
    assert len({one["detail"]["notice"]["id"] for one in told}) == 2


@pytest.fixture
def one_try(deployed: Deployed) -> Iterator[None]:
    """A message of two AIs that fails is a dead letter at once."""
    sqs: Any = client("sqs")
    url = deployed.outputs["AgreementQueueUrl"]
    known = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["RedrivePolicy"])
    before = known["Attributes"]["RedrivePolicy"]
    once = json.dumps(json.loads(before) | {"maxReceiveCount": 1})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"RedrivePolicy": once})
    yield
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"RedrivePolicy": before})


def test_a_poisoned_message_comes_back(deployed: Deployed, one_try: None) -> None:
    """What the function cannot store becomes a dead letter, and by the clock a failed record; when
    that is mended ``failed replay`` brings it back, and it is measured once."""
    poison = worked() | {"assessmentId": "poison"}
    faults = deployed.services

    def judge(operation: str, body: bytes) -> str | None:
        return "InternalServerError" if operation == "TransactWriteItems" else None

    with (
        deployed.with_environment("dual_ai", AWS_ENDPOINT_URL=faults.endpoint),
        faults.failing(judge),
    ):
        assert deployed.http.post("/agreement/messages", json=poison).status_code == 202
        wait_for_stack(lambda: invoke(deployed, "dual_ai")["dead_letters"], WITHIN_S, "it is dead")
    found = deployed.get("/failed", limit=500)["failed"]
    (record,) = [one for one in found if one["source"] == "agreement"]
    assert (record["reason"], json.loads(record["body"])["assessmentId"]) == (
        "dead_letter", "poison",
    )  # fmt: skip
    assert deployed.http.get("/agreement/poison").status_code == 404
    url = deployed.outputs["ApiUrl"]
    ran = tallybrook("failed", "replay", record["failed_id"], "--url", url, "--key", deployed.key)
    assert (ran.code, ran.out.split()[1]) == (0, "accepted"), ran.err
    window = {"start": "2026-01-15T12:00:00Z", "end": "2026-01-15T12:00:01Z"}
    found = wait_for_stack(
        lambda: deployed.get("/agreement", **window)["report"]["messages"], WITHIN_S, "measured"
    )
    assert found == 1
    (shown,) = deployed.get("/agreement/poison")["measurements"]
    assert shown["agreement"] == pytest.approx(0.93)


def test_events_are_forwarded(deployed: Deployed) -> None:
    """The log when the clock calls, and at once what the bus is told for forwarding alone; scores
    of people stay."""
    with (
        receiving(0) as receiver,
        deployed.with_environment("forward", TALLYBROOK_FORWARD_TO=receiver.url),
    ):
        invoke(deployed, "forward")  # a new target begins with what comes now
        deployed.send([{"event_type": "user.upgraded", "user_id": "f", "event_id": "up"}])
        wait_for_stack(lambda: deployed.counted("user.upgraded") == 1, WITHIN_S, "it is in the log")
        invoke(deployed, "forward")
        entry = {
            "EventBusName": deployed.outputs["BusName"], "Source": BUS_SOURCE,
            "DetailType": "report.generated", "Detail": json.dumps({"user_id": "f", "score": 0}),
        }  # fmt: skip
        client("events").put_events(Entries=[entry])
        wait_for_stack(
            lambda: b"report.generated" in arrived(receiver), WITHIN_S, "it is forwarded"
        )
    assert arrived(receiver).count(b"user.upgraded") == 1
    assert b"assessment_scored" not in arrived(receiver)
    assert all("Tallybrook-Signature" in headers for headers, _ in receiver.got)
    assert deployed.counted("report.generated") == 0


def arrived(receiver: Any) -> bytes:
    return b"\n".join(body for _, body in receiver.got)
