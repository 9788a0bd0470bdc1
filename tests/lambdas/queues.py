"""Real queues in the emulator, worked off by handlers as Lambda would have them do it."""

from collections.abc import Callable
from typing import Any

import msgspec

from tallybrook.ports.aws.clients import client
from tests.lambdas import deliveries as d

Handler = Callable[[Any, Any], Any]


class Worked(msgspec.Struct):
    """``<stack>-<name>`` with its dead letters, made when this is."""

    stack: str
    name: str
    handler: Handler
    url: str = ""

    def __post_init__(self) -> None:
        sqs: Any = client("sqs")
        dead = sqs.create_queue(QueueName=f"{self.stack}-{self.name}-dlq")["QueueUrl"]
        redrive = msgspec.json.encode(
            {"deadLetterTargetArn": arn_of(dead), "maxReceiveCount": "1"}
        ).decode()
        made = sqs.create_queue(
            QueueName=f"{self.stack}-{self.name}",
            Attributes={"RedrivePolicy": redrive, "VisibilityTimeout": "60"},
        )
        self.url = made["QueueUrl"]

    def send(self, *bodies: str) -> None:
        for body in bodies:
            client("sqs").send_message(QueueUrl=self.url, MessageBody=body)

    def receive(self) -> list[dict[str, Any]]:
        """What is in it, in the form in which Lambda hands it over; nobody else gets it."""
        found: list[dict[str, Any]] = []
        while some := self._receive():
            found += some
        (form,) = d.sqs("")["Records"]
        return [
            form | {
                "messageId": one["MessageId"], "receiptHandle": one["ReceiptHandle"],
                "body": one["Body"],
            }
            for one in found
        ]  # fmt: skip

    def _receive(self) -> list[dict[str, Any]]:
        answer = client("sqs").receive_message(QueueUrl=self.url, MaxNumberOfMessages=10)
        return list(answer.get("Messages", ()))

    def settle(self, records: list[dict[str, Any]], answer: Any) -> list[str]:
        """Delete what was done; the bodies of what has to come again."""
        again = {one["itemIdentifier"] for one in answer["batchItemFailures"]}
        for one in records:
            if one["messageId"] not in again:
                client("sqs").delete_message(QueueUrl=self.url, ReceiptHandle=one["receiptHandle"])
        return [one["body"] for one in records if one["messageId"] in again]

    def run(self) -> list[str]:
        """Receive, handle, settle."""
        records = self.receive()
        return self.settle(records, self.handler({"Records": records}, None)) if records else []

    def bury(self, records: list[dict[str, Any]]) -> None:
        """Give these up for the last time: dead letters by the next look."""
        for one in records:
            client("sqs").change_message_visibility(
                QueueUrl=self.url, ReceiptHandle=one["receiptHandle"], VisibilityTimeout=0
            )
        assert self.receive() == []


def arn_of(url: str) -> str:
    found: Any = client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    return str(found["Attributes"]["QueueArn"])
