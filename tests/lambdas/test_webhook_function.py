"""From a queue of alerts to somebody's webhook: the function that posts them."""

import hashlib
import hmac
import json
from typing import Any

import pytest

from tallybrook.entities.alerts import PUBLISHER
from tallybrook.entities.webhook import MAX_TRIES, pause_s
from tallybrook.entrypoints.lambdas import runtime, webhook
from tallybrook.errors import StorageError
from tallybrook.ports.aws.clients import client
from tests.entities.test_consumer_entities import receiving
from tests.lambdas import deliveries as d
from tests.lambdas.stack import Stack

SECRET = "the-secret-of-the-webhook"
NOTICE = {"id": "a1", "account_id": "acme", "at": d.STAMP}
ALERT = {"alert_id": "a1", "alert_type": "low_health_score", "severity": "warning"}


@pytest.fixture
def queue(here: Stack) -> str:
    """The stack's queue of alerts, with the secret beside it."""
    client("secretsmanager").create_secret(Name=f"{here.name}/alert-webhook", SecretString=SECRET)
    made = client("sqs").create_queue(
        QueueName=f"{here.name}-alerts", Attributes={"VisibilityTimeout": "180"}
    )
    return str(made["QueueUrl"])


def delivery(queue: str, tries: int) -> dict[str, Any]:
    """A message with an alert, in our hands for the so manieth time."""
    event = d.bus(ALERT | {"notice": NOTICE}, "low_health_score", PUBLISHER)
    client("sqs").send_message(QueueUrl=queue, MessageBody=json.dumps(event))
    (message,) = client("sqs").receive_message(QueueUrl=queue)["Messages"]
    (record,) = d.sqs(message["Body"])["Records"]
    attributes = record["attributes"] | {"ApproximateReceiveCount": str(tries)}
    return {
        "Records": [record | {"receiptHandle": message["ReceiptHandle"], "attributes": attributes}]
    }


@pytest.fixture
def post(monkeypatch: pytest.MonkeyPatch) -> Any:
    def post(url: str, event: dict[str, Any]) -> list[str]:
        monkeypatch.setenv("TALLYBROOK_ALERT_WEBHOOK", url)
        runtime.forget()
        answer = webhook.handler(event, None)
        return [one["itemIdentifier"] for one in answer["batchItemFailures"]]

    return post


def test_an_alert_is_posted_signed(queue: str, here: Stack, post: Any) -> None:
    """The alert as it is, signed with the stack's secret over time and body."""
    with receiving(0) as receiver:
        assert post(receiver.url, delivery(queue, 1)) == []
    ((headers, body),) = receiver.got
    at, digest = headers["Tallybrook-Signature"].removeprefix("t=").split(",v1=")
    assert digest == hmac.new(SECRET.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    assert json.loads(body) == ALERT
    assert headers["Tallybrook-Alert-Id"] == "a1"
    assert here.failed("acme") == {}


def test_a_receiver_that_is_away_gets_it_later(queue: str, post: Any) -> None:
    """The message comes again, after a pause that the queue keeps."""
    event = delivery(queue, 1)
    with receiving(1) as receiver:
        assert post(receiver.url, event) == ["m0"]
        (again,) = client("sqs").receive_message(QueueUrl=queue, WaitTimeSeconds=5)["Messages"]
        assert json.loads(again["Body"])["detail"]["alert_id"] == "a1"
        assert post(receiver.url, event) == []
    assert len(receiver.got) == 2


def test_after_ten_tries_it_is_a_failed_record(queue: str, here: Stack, post: Any) -> None:
    """With the reason; the message is done with."""
    with receiving(99) as receiver:
        assert post(receiver.url, delivery(queue, MAX_TRIES)) == []
    (record,) = here.failed("acme").values()
    assert (record.source, record.reason) == ("alerts/webhook", "not_delivered")
    assert record.detail == "the webhook answered 503 (after 10 tries)"
    assert json.loads(record.body) == ALERT
    assert 500 < sum(pause_s(n) for n in range(1, MAX_TRIES)) < 700


def test_what_is_no_alert_is_kept(queue: str, here: Stack, post: Any) -> None:
    """It is not posted and not tried again."""
    strange = d.sqs("no JSON", d.bus({"a": 1}), d.bus({"notice": {"id": "x"}}))
    with receiving(0) as receiver:
        assert post(receiver.url, strange) == []
    assert receiver.got == []
    assert len(here.failed()) == 3


def test_without_its_secret_nothing_is_posted(here: Stack, post: Any) -> None:
    """It is an error, and the message comes again."""
    with receiving(0) as receiver, pytest.raises(StorageError):
        post(receiver.url, d.sqs("x"))
    assert receiver.got == []
