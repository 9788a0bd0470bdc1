"""Every real event goes through its handler: nothing is raised, nothing is lost."""

import logging
from collections.abc import Callable
from typing import Any

import pytest

from tallybrook.entrypoints.lambdas import bus, kinesis, s3, sqs
from tests.lambdas.samples import Sample, samples
from tests.lambdas.stack import Stack

HANDLERS: dict[str, Callable[[Any, object], Any]] = {
    "aws:kinesis": kinesis.handler,
    "aws:sqs": sqs.handler,
    "aws:s3": s3.handler,
    "eventbridge:event": bus.handler,
    "eventbridge:scheduled": bus.handler,
}
FAILED = {
    "kinesisStreamCloudWatchLogsEvent": ["unsupported-type", "unsupported-type"],
    "kinesisStreamEvent": ["malformed", "malformed"],
    "kinesisStreamEventOneRecord": ["invalid"],
    "kinesis__get-records": ["malformed"],
    "snsSqsEvent": ["invalid"],
    "snsSqsFifoEvent": ["invalid"],
    "sqsDlqTriggerEvent": ["malformed"],
    "sqsEvent": ["invalid", "malformed"],
    "sqs__receive-message": ["malformed"],
}
"""Samples that hold no event of ours, and what becomes of each of their records."""

STORED = {"eventBridgeEvent": ["6a7e8feb-b491-4cf7-a9f1-bf3703467718"]}
"""Samples that hold an event. All others tell of objects elsewhere, or of nothing new."""


@pytest.mark.parametrize("sample", samples(*HANDLERS), ids=lambda sample: sample.name)
def test_every_record_of_a_sample_is_accounted_for(
    here: Stack, sample: Sample, caplog: pytest.LogCaptureFixture
) -> None:
    """It is an event, a failed record, or a line in the log that says what was ignored."""
    caplog.set_level(logging.INFO, "tallybrook")
    for _ in range(2):  # the second delivery changes nothing
        answer = HANDLERS[sample.trigger](sample.read(), None)
        assert answer in (None, {"batchItemFailures": []})
        assert sorted(here.events()) == STORED.get(sample.name, [])
        failed = here.failed().values()
        assert sorted(record.reason for record in failed) == FAILED.get(sample.name, [])
    if sample.name not in FAILED | STORED:
        assert any(line.message.startswith("ignored: ") for line in caplog.records)


def test_the_message_of_a_topic_is_what_fails(here: Stack) -> None:
    """What SNS wraps around it is no part of what somebody has to edit and replay."""
    (sample,) = (s for s in samples("aws:sqs") if s.name == "snsSqsEvent")
    sqs.handler(sample.read(), None)
    (record,) = here.failed().values()
    assert record.body == '{"message": "hello world", "username": "lessa"}'
