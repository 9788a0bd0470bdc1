"""``ports.account`` on the emulated services: what is there, and what is not."""

import json
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.config import Config

from tallybrook.errors import RetryableError, TallybrookError
from tallybrook.ports.account.aws import AwsAccount
from tallybrook.ports.aws.clients import client
from tallybrook.ports.aws.tables import EVENTS, LOG
from tallybrook.ports.clock import system_clock
from tests.support import wait_for
from tests.support.emulator import make_tables

FUNCTION = {
    "Type": "AWS::Lambda::Function",
    "Properties": {
        "Runtime": "python3.11",
        "Handler": "index.handler",
        "Role": "arn:aws:iam::000000000000:role/test",
        "Code": {"ZipFile": "def handler(event, context):\n    return None\n"},
    },
}


def template(stack: str) -> str:
    """A queue, a function that reads it, one that reads nothing, and an output."""

    def named(name: str) -> dict[str, Any]:
        return {**FUNCTION, "Properties": {**FUNCTION["Properties"], "FunctionName": name}}  # type: ignore[dict-item]

    mapping = {
        "FunctionName": {"Ref": "Reader"},
        "EventSourceArn": {"Fn::GetAtt": ["Intake", "Arn"]},
        "Enabled": True,
    }
    queue = {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": f"{stack}-intake"}}
    return json.dumps(
        {
            "Resources": {
                "Reader": named(f"{stack}-sqs"),
                "Other": named(f"{stack}-http"),
                "Intake": queue,
                "Mapping": {"Type": "AWS::Lambda::EventSourceMapping", "Properties": mapping},
            },
            "Outputs": {"QueueUrl": {"Value": {"Ref": "Intake"}}},
        }
    )


@pytest.fixture
def deployed(stack: str) -> Iterator[str]:
    formation: Any = client("cloudformation")
    formation.create_stack(StackName=stack, TemplateBody=template(stack))
    wait_for(lambda: is_complete(AwsAccount(stack)), 30)
    yield stack
    formation.delete_stack(StackName=stack)


def is_complete(account: AwsAccount) -> bool:
    found = account.deployment()
    return found is not None and found.settled


def test_identity_and_clock(stack: str) -> None:
    """Who, where, and how far our clock is from the service's."""
    who = AwsAccount(stack).identity()
    assert (who.account_id, who.region) == ("000000000000", "us-east-1")
    assert who.arn.startswith("arn:aws:")
    assert abs(who.skew_s) < 5
    late = AwsAccount(stack, clock=lambda: system_clock() - 600_000_000).identity()
    assert -606 < late.skew_s < -594


def test_nothing_is_deployed(stack: str) -> None:
    """What does not exist is told as that, not as an error."""
    account = AwsAccount(stack, ["item"])
    assert account.deployment() is None
    assert account.functions() == []
    assert {queue.waiting for queue in account.queues()} == {None}
    tables = account.tables()
    assert {table.status for table in tables} == {None}
    assert {f"{stack}-events", f"{stack}-records-item"} <= {table.name for table in tables}


def test_a_stack_with_its_functions(deployed: str) -> None:
    """Status, outputs, functions with their event sources, queues with their depth."""
    account = AwsAccount(deployed)
    found = account.deployment()
    assert found is not None
    assert (found.status, found.settled, found.busy) == ("CREATE_COMPLETE", True, False)
    assert found.outputs["QueueUrl"].endswith(f"{deployed}-intake")
    http, sqs = account.functions()
    assert (http.name, list(http.mappings)) == (f"{deployed}-http", [])
    assert (sqs.name, sqs.state) == (f"{deployed}-sqs", "Active")
    (mapping,) = sqs.mappings
    assert (mapping.state, mapping.source.rpartition(":")[2]) == ("Enabled", f"{deployed}-intake")
    lambda_: Any = client("lambda")
    lambda_.update_event_source_mapping(UUID=mapping.uuid, Enabled=False)
    wait_for(lambda: account.functions()[1].mappings[0].state == "Disabled", 20)
    client("sqs").send_message(QueueUrl=found.outputs["QueueUrl"], MessageBody="x")
    assert account.queues()[0].waiting == 1


def test_tables_with_streams_and_ttl(stack: str) -> None:
    """As they are, beside what they should be."""
    make_tables(stack, (EVENTS, LOG))
    ttl = {"Enabled": True, "AttributeName": "ttl"}
    client("dynamodb").update_time_to_live(TableName=f"{stack}-log", TimeToLiveSpecification=ttl)
    tables = {table.name: table for table in AwsAccount(stack).tables()}
    events, log = tables[f"{stack}-events"], tables[f"{stack}-log"]
    assert (events.status, events.stream, events.ttl) == ("ACTIVE", "NEW_IMAGE", None)
    assert (events.stream_wanted, events.ttl_wanted) == ("NEW_IMAGE", "ttl")
    assert (log.stream, log.stream_wanted, log.ttl) == (None, None, "ttl")


def test_concurrency_is_a_quota(stack: str) -> None:
    """The account's, and what is left of it."""
    found = AwsAccount(stack).concurrency()
    assert 0 < found.unreserved <= found.limit


def test_a_service_that_is_away_may_come_back(stack: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Told as such, with the call that could not be made."""
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{nobody.getsockname()[1]}")
        once = Config(retries={"mode": "standard", "total_max_attempts": 1})
        monkeypatch.setattr("tallybrook.ports.aws.clients._CONFIG", once)
        client.cache_clear()
        try:
            with pytest.raises(RetryableError, match="who are we"):
                AwsAccount(stack).identity()
        finally:
            client.cache_clear()


@pytest.mark.parametrize("variable", ["AWS_ACCESS_KEY_ID", "AWS_REGION"])
def test_what_is_missing_in_our_configuration_is_told(
    stack: str, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Credentials or region: trying again will not help."""
    for name in (variable, "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name)
    client.cache_clear()
    try:
        with pytest.raises(TallybrookError) as caught:
            AwsAccount(stack).identity()
        assert not isinstance(caught.value, RetryableError)
    finally:
        client.cache_clear()
