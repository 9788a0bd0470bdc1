"""Recounted buckets in DynamoDB when calls fail or their answers are lost."""

import os
from unittest.mock import patch

import boto3
import pytest
from botocore.config import Config

from tallybrook.errors import StorageError
from tallybrook.ports.aws.tables import COUNTERS, SERIES, STATE
from tallybrook.ports.metrics.aws import DynamoMetrics
from tests.counters.world import NOW_US
from tests.support.emulator import make_tables
from tests.support.faults import faulty_services, first

BUCKETS = {(1, 60 * i): i for i in range(6)}


@pytest.fixture
def sink(stack: str) -> DynamoMetrics:
    make_tables(stack, (COUNTERS, SERIES, STATE))
    return DynamoMetrics(stack)


@pytest.mark.parametrize("verdict", ["lose", "drop", "ThrottlingException"])
def test_what_the_sdk_sends_again(sink: DynamoMetrics, verdict: str) -> None:
    """Answers lost, connections broken, throttles: every bucket is written, none is taken for
    one that a newer recount wrote."""
    version = sink.ticket("acme", "items")
    with faulty_services(os.environ["AWS_ENDPOINT_URL"]) as services:
        dynamo = boto3.client(
            "dynamodb", endpoint_url=services.endpoint, config=Config(retries={"mode": "standard"})
        )
        with (
            services.failing(first(2, verdict, "UpdateItem")),
            patch("tallybrook.ports.metrics.aws.client", lambda _service: dynamo),
        ):
            done = sink.write("acme", "items", BUCKETS, version, NOW_US)
    assert (done.written, done.superseded) == (6, 0)
    assert services.spoiled == ["UpdateItem"] * 2
    assert [m.count for m in sink.stored("acme", "items", 1, 0, 360)] == list(range(6))


def test_a_table_that_is_away(sink: DynamoMetrics) -> None:
    """It is told as something to try again; doing so under a new version brings the numbers."""
    once = Config(retries={"total_max_attempts": 1, "mode": "standard"})
    with faulty_services(os.environ["AWS_ENDPOINT_URL"]) as services:
        dynamo = boto3.client("dynamodb", endpoint_url=services.endpoint, config=once)
        with (
            services.failing(first(3, "InternalServerError", "UpdateItem")),
            patch("tallybrook.ports.metrics.aws.client", lambda _service: dynamo),
            pytest.raises(StorageError),
        ):
            sink.write("acme", "items", BUCKETS, 1, NOW_US)
    done = sink.write("acme", "items", BUCKETS, 2, NOW_US)
    assert done.written == 6
    assert [m.count for m in sink.stored("acme", "items", 1, 0, 360)] == list(range(6))
