"""A queue behind a rule of a bus: what a subscriber hears."""

import json
from typing import Any

from tallybrook.ports.aws.clients import client


class Heard:
    """Everything from a source on a bus, from now on."""

    def __init__(self, bus: str, source: str) -> None:
        self._sqs: Any = client("sqs")
        events: Any = client("events")
        name = f"{bus}-heard"
        self._url = self._sqs.create_queue(QueueName=name)["QueueUrl"]
        wanted = ["QueueArn"]
        arn = self._sqs.get_queue_attributes(QueueUrl=self._url, AttributeNames=wanted)
        events.put_rule(Name=name, EventBusName=bus, EventPattern=json.dumps({"source": [source]}))
        target = {"Id": "heard", "Arn": arn["Attributes"]["QueueArn"]}
        events.put_targets(Rule=name, EventBusName=bus, Targets=[target])
        self.events: list[dict[str, Any]] = []

    def listen(self) -> list[dict[str, Any]]:
        """All events of the bus so far."""
        while found := self._sqs.receive_message(QueueUrl=self._url, MaxNumberOfMessages=10).get(
            "Messages"
        ):
            for message in found:
                self.events.append(json.loads(message["Body"]))
                self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"])
        return self.events

    def ids(self) -> list[str]:
        """The ids of the alerts among them, as often as they came."""
        return sorted(one["detail"]["alert_id"] for one in self.listen())
