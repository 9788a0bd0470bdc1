"""The synthesised stack, deployed by CloudFormation into the emulator: every trigger reaches its
function. The functions are stand-ins that keep what they were called with."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.sync.client import connect

from infra.bundling import host
from infra.settings import StackSettings
from infra.synth import synthesize
from tallybrook.ports.aws.clients import client
from tests.support import wait_for
from tests.support.deploy import deploy
from tests.support.emulator import Emulator, new_stack

ECHO = Path(__file__).parent / "echo"


class Deployed:
    """A deployed stack and what its functions saw."""

    def __init__(self, name: str, assembly: Path, outputs: dict[str, str]) -> None:
        self.name = name
        self.assembly = assembly
        self.outputs = outputs

    def saw(self, function: str, says: str = "") -> dict[str, Any]:
        """The first call of a function with this text in its event, once there is one."""
        return wait_for(lambda: self._first(function, says), 30, f"{function} is called")

    def _first(self, function: str, says: str) -> dict[str, Any] | None:
        s3, bucket = client("s3"), self.outputs["Bucket"]
        found = s3.list_objects_v2(Bucket=bucket, Prefix=f"seen/{function}/").get("Contents", [])
        for item in found:
            seen = json.loads(s3.get_object(Bucket=bucket, Key=item["Key"])["Body"].read())
            if says in json.dumps(seen["event"]):
                return dict(seen)
        return None


@pytest.fixture(scope="module")
def deployed(emulator: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Deployed:
    name, out = new_stack(), tmp_path_factory.mktemp("echo")
    target = host()
    settings = StackSettings(
        stack=name, mrr_usd=10000, arch=target.arch, python=target.python, keep_data=False,
        bundles=ECHO,
    )  # fmt: skip
    synthesize(settings, out, checked=False)
    return Deployed(name, out, deploy(emulator, out, name))


@pytest.mark.parametrize(
    ("method", "path", "function"),
    [
        ("POST", "/events", "http"),
        ("GET", "/health", "http"),
        ("PUT", "/records/items/1", "http"),
        ("POST", "/query", "query"),
        ("POST", "/api/analytics/query", "query"),
        ("GET", "/analytics?metric=page_views", "query"),
    ],
)
def test_requests_reach_the_right_function(
    deployed: Deployed, method: str, path: str, function: str
) -> None:
    """Whatever may run SQL goes to the large function, everything else to the small one."""
    answer = httpx.request(method, deployed.outputs["ApiUrl"] + path)
    assert answer.json() == {"function": function, "path": path.partition("?")[0]}


def test_graphql_fields_reach_the_resolver(deployed: Deployed) -> None:
    """A field is answered by the function, as it is and with its arguments."""
    api = deployed.outputs["GraphqlApiId"]
    key = client("appsync").list_api_keys(apiId=api)["apiKeys"][0]["id"]
    query = '{ getAggregatedMetrics(compositeKey: "a#b#1") { recordType count } }'
    answer = httpx.post(
        deployed.outputs["GraphqlUrl"], json={"query": query}, headers={"x-api-key": key}
    )
    assert answer.json()["data"] == {"getAggregatedMetrics": {"recordType": "echo", "count": 1}}
    event = deployed.saw("resolve")["event"]
    assert event["arguments"] == {"compositeKey": "a#b#1"}
    assert event["info"]["fieldName"] == "getAggregatedMetrics"


def test_sockets_are_opened_heard_and_closed(deployed: Deployed) -> None:
    """All three routes of the WebSocket API call the function, which knows where to push."""
    with connect(deployed.outputs["SocketsUrl"]) as socket:
        socket.send('{"action": "subscribe"}')
        deployed.saw("sockets", "subscribe")
    seen = deployed.saw("sockets", "DISCONNECT")
    assert deployed.saw("sockets", '"CONNECT"')
    url = deployed.outputs["SocketsManagementUrl"]
    assert seen["environment"]["TALLYBROOK_SOCKETS_URL"] == url


def _message(d: Deployed) -> None:
    client("sqs").send_message(QueueUrl=d.outputs["QueueUrl"], MessageBody="over the queue")


def _stream(d: Deployed) -> None:
    client("kinesis").put_record(StreamName=d.outputs["StreamName"], Data=b"1", PartitionKey="kin")


def _bus(d: Deployed) -> None:
    entry = {"Source": "a", "DetailType": "over the bus", "Detail": "{}"}
    client("events").put_events(Entries=[{**entry, "EventBusName": d.outputs["BusName"]}])


def _file(d: Deployed) -> None:
    for key in ("elsewhere/not this.json", "raw/events/this one.json"):
        client("s3").put_object(Bucket=d.outputs["Bucket"], Key=key, Body=b"{}")


def _event(d: Deployed) -> None:
    client("dynamodb").put_item(TableName=f"{d.name}-events", Item={"pk": {"S": "an event"}})


def _record(d: Deployed) -> None:
    item = {"pk": {"S": "a#1"}, "record_id": {"S": "a record"}}
    client("dynamodb").put_item(TableName=f"{d.name}-records-tasks", Item=item)


@pytest.mark.parametrize(
    ("send", "function", "says"),
    [
        (_message, "sqs", "over the queue"),
        (_stream, "kinesis", "kin"),
        (_bus, "bus", "over the bus"),
        (_file, "s3", "this+one.json"),
        (_event, "sequence", "an event"),
        (_record, "recount", "a record"),
    ],
)
def test_every_trigger_calls_its_function(
    deployed: Deployed, send: Callable[[Deployed], None], function: str, says: str
) -> None:
    """What is put into a channel is handed to the function that reads it."""
    send(deployed)
    assert deployed.saw(function, says)
    assert deployed._first("s3", "not+this") is None


def test_deploying_the_same_again_changes_nothing(deployed: Deployed, emulator: Emulator) -> None:
    """The command may be given again at any time; it ends well and says the same."""
    assert deploy(emulator, deployed.assembly, deployed.name) == deployed.outputs


def test_the_schedules_are_there(deployed: Deployed) -> None:
    """The lake every five minutes, the chores every hour."""
    scheduler = client("scheduler")
    found = scheduler.list_schedules(GroupName=deployed.name)["Schedules"]
    when = {
        made["Name"]: scheduler.get_schedule(Name=made["Name"], GroupName=deployed.name)[
            "ScheduleExpression"
        ]
        for made in found
    }
    assert when == {"lake": "rate(5 minutes)", "schedule": "cron(5 * * * ? *)"}
