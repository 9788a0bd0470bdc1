"""What every registry of sockets promises (``tallybrook.ports.sockets``)."""

import io
import json
import threading
import zipfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any, Protocol

import pytest
from botocore.exceptions import ClientError
from websockets.sync.client import ClientConnection
from websockets.sync.client import connect as open_socket

from tallybrook.errors import BacklogFullError, TooLargeError
from tallybrook.ports.aws.clients import client
from tallybrook.ports.aws.tables import SOCKETS
from tallybrook.ports.sockets import KEPT_S, MAX_MESSAGE_BYTES, Connection, Pushed, Sockets
from tallybrook.ports.sockets.aws import ApiGatewaySockets
from tallybrook.ports.sockets.local import LocalSockets
from tests.support import wait_for
from tests.support.emulator import Emulator, make_tables


class Clock:
    def __init__(self) -> None:
        self.now = 1_700_000_000_000_000

    def __call__(self) -> int:
        return self.now


class World(Protocol):
    """Something that connections are made to."""

    sockets: Sockets
    clock: Clock

    def dial(self) -> str:
        """Open a connection; its id. It is not registered."""

    def hear(self, connection_id: str) -> bytes:
        """The next message that the connection gets."""

    def hang_up(self, connection_id: str) -> None:
        """Cut the connection without telling the registry."""


class LocalWorld:
    def __init__(self) -> None:
        self.clock = Clock()
        self.open: dict[str, list[bytes]] = {}
        self.sockets: Sockets = LocalSockets(self._post, clock=self.clock)

    def _post(self, connection_id: str, message: bytes) -> bool:
        if connection_id not in self.open:
            return False
        self.open[connection_id].append(message)
        return True

    def dial(self) -> str:
        name = f"c{len(self.open)}"
        self.open[name] = []
        return name

    def hear(self, connection_id: str) -> bytes:
        return self.open[connection_id].pop(0)

    def hang_up(self, connection_id: str) -> None:
        del self.open[connection_id]


class AwsWorld:
    def __init__(self, stack: str, emulator: Emulator) -> None:
        make_tables(stack, (SOCKETS,))
        address = f"127.0.0.1:{emulator.port}/_aws/execute-api/{make_api(stack)}/live"
        self.clock = Clock()
        self.url = f"http://{address}"
        self.sockets: Sockets = ApiGatewaySockets(stack, self.url, clock=self.clock)
        self._address = f"ws://{address}"
        self._open: dict[str, ClientConnection] = {}
        self._until_the_end = ExitStack()

    def dial(self) -> str:
        opened = self._until_the_end.enter_context(
            open_socket(self._address, proxy=None, max_size=None)
        )
        opened.send("who am I?")
        name = str(opened.recv(30))
        self._open[name] = opened
        return name

    def hear(self, connection_id: str) -> bytes:
        message = self._open[connection_id].recv(10)
        return message.encode() if isinstance(message, str) else message

    def hang_up(self, connection_id: str) -> None:
        self._open.pop(connection_id).close()

    def close(self) -> None:
        self._until_the_end.close()


ECHO = b"""
def handler(event, context):
    return {"statusCode": 200, "body": event["requestContext"]["connectionId"]}
"""


def make_api(stack: str) -> str:
    """A WebSocket API that tells each connection its id; the API's id."""
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("echo.py", ECHO)
    made: Any = client("lambda").create_function(
        FunctionName=f"{stack}-echo", Runtime="python3.11", Handler="echo.handler",
        Role="arn:aws:iam::000000000000:role/echo", Code={"ZipFile": code.getvalue()},
    )  # fmt: skip
    gateway: Any = client("apigatewayv2")
    api: str = gateway.create_api(
        Name=stack, ProtocolType="WEBSOCKET", RouteSelectionExpression="$request.body.action"
    )["ApiId"]
    integration = gateway.create_integration(
        ApiId=api, IntegrationType="AWS_PROXY", IntegrationUri=made["FunctionArn"]
    )
    target = f"integrations/{integration['IntegrationId']}"
    gateway.create_route(ApiId=api, RouteKey="$default", Target=target)
    gateway.create_stage(ApiId=api, StageName="live", AutoDeploy=True)
    return api


@pytest.fixture(params=["local", "aws"])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    if request.param == "local":
        yield LocalWorld()
        return
    aws = AwsWorld(request.getfixturevalue("stack"), request.getfixturevalue("emulator"))
    yield aws
    aws.close()


def test_a_message_reaches_who_subscribed(world: World) -> None:
    """Connections of the account with the topic, each once, in order; nobody else."""
    both, metrics, other = world.dial(), world.dial(), world.dial()
    world.sockets.connect(both, "acme", ["metrics", "failed"])
    world.sockets.connect(metrics, "acme", ["metrics"])
    world.sockets.connect(other, "rival", ["metrics", "failed"])
    assert world.sockets.push("acme", "metrics", b'{"n":"\xc3\xa9"}') == Pushed(sent=2)
    assert world.sockets.push("acme", "failed", b"second") == Pushed(sent=1)
    assert world.sockets.push("rival", "metrics", b"own") == Pushed(sent=1)
    assert [world.hear(both), world.hear(both)] == ['{"n":"é"}'.encode(), b"second"]
    assert (world.hear(metrics), world.hear(other)) == ('{"n":"é"}'.encode(), b"own")


def test_absence(world: World) -> None:
    """Nobody is there: nothing is sent, nothing fails."""
    assert world.sockets.push("acme", "metrics", b"x") == Pushed()
    assert world.sockets.subscribe("none", ["metrics"]) is False
    assert world.sockets.connection("none") is None
    assert world.sockets.post("none", b"x") is False
    world.sockets.disconnect("none")


def test_topics_change(world: World) -> None:
    """From the next push on; none is a choice, too."""
    name = world.dial()
    world.sockets.connect(name, "acme")
    assert world.sockets.push("acme", "metrics", b"1") == Pushed()
    assert world.sockets.subscribe(name, ["metrics"])
    assert world.sockets.connection(name) == Connection(name, "acme", frozenset({"metrics"}))
    assert world.sockets.push("acme", "metrics", b"2") == Pushed(sent=1)
    assert world.sockets.subscribe(name, [])
    assert world.sockets.push("acme", "metrics", b"3") == Pushed()
    assert world.hear(name) == b"2"


def test_gone_connections_leave_the_registry(world: World) -> None:
    """The first push that finds them says so; the others get theirs."""
    stays, goes = world.dial(), world.dial()
    for name in (stays, goes):
        world.sockets.connect(name, "acme", ["metrics"])
    world.hang_up(goes)
    found = wait_for(lambda: (p := world.sockets.push("acme", "metrics", b"x")).gone and p)
    assert found == Pushed(sent=1, gone=1)
    assert world.sockets.connection(goes) is None
    assert world.sockets.push("acme", "metrics", b"x") == Pushed(sent=1)


def test_connecting_and_disconnecting_twice_is_as_once(world: World) -> None:
    """The triggers of a gateway come at least once."""
    name = world.dial()
    world.sockets.connect(name, "acme", ["metrics"])
    world.sockets.connect(name, "acme", ["metrics"])
    assert world.sockets.push("acme", "metrics", b"x") == Pushed(sent=1)
    world.sockets.disconnect(name)
    world.sockets.disconnect(name)
    assert world.sockets.push("acme", "metrics", b"x") == Pushed()


def test_a_connection_that_nobody_ended_is_forgotten(world: World) -> None:
    """Later than any connection can live."""
    name = world.dial()
    world.sockets.connect(name, "acme", ["metrics"])
    world.clock.now += (KEPT_S - 1) * 1_000_000
    assert world.sockets.connection(name) is not None
    world.clock.now += 1_000_000
    assert world.sockets.connection(name) is None
    assert world.sockets.subscribe(name, ["failed"]) is False
    assert world.sockets.push("acme", "metrics", b"x") == Pushed()


def test_messages_have_a_limit(world: World) -> None:
    """The largest goes through; a larger one is refused before anybody gets it."""
    name = world.dial()
    world.sockets.connect(name, "acme", ["metrics"])
    with pytest.raises(TooLargeError):
        world.sockets.push("acme", "metrics", b"x" * (MAX_MESSAGE_BYTES + 1))
    assert world.sockets.push("acme", "metrics", b"x" * MAX_MESSAGE_BYTES) == Pushed(sent=1)
    assert len(world.hear(name)) == MAX_MESSAGE_BYTES


def test_one_that_cannot_be_reached_costs_its_own_message_alone() -> None:
    """It stays registered: the next message may get through (local)."""
    got: dict[str, list[bytes]] = defaultdict(list)

    def post(connection_id: str, message: bytes) -> bool:
        if connection_id == "slow":
            raise BacklogFullError
        got[connection_id].append(message)
        return True

    sockets = LocalSockets(post)
    for name in ("a", "slow", "b"):
        sockets.connect(name, "acme", ["metrics"])
    assert sockets.push("acme", "metrics", b"x") == Pushed(sent=2, failed=1)
    assert (dict(got), sockets.connection("slow") is not None) == ({"a": [b"x"], "b": [b"x"]}, True)


class Throttled:
    """A management endpoint that refuses one connection for now."""

    def __init__(self, slow: str) -> None:
        self._slow, self._lock = slow, threading.Lock()
        self.sent: list[str] = []

    def post_to_connection(self, ConnectionId: str, Data: bytes) -> None:  # noqa: N803
        if ConnectionId == self._slow:
            raise error("LimitExceededException", 429)
        with self._lock:
            self.sent.append(ConnectionId)


def error(code: str, status: int) -> Exception:
    answer: Any = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(answer, "PostToConnection")


def test_a_throttled_connection_costs_its_own_message_alone(stack: str) -> None:
    """Many more than are posted to at a time; the one stays registered (AWS)."""
    make_tables(stack, (SOCKETS,))
    management = Throttled("c7")
    sockets = ApiGatewaySockets(stack, "http://127.0.0.1:9", management=management)
    names = [f"c{n}" for n in range(120)]
    for name in names:
        sockets.connect(name, "acme", ["metrics"])
    assert sockets.push("acme", "metrics", b"x") == Pushed(sent=119, failed=1)
    assert sorted(management.sent) == sorted({*names} - {"c7"})
    assert sockets.connection("c7") is not None


def test_the_registry_holds_no_more_than_it_says(stack: str) -> None:
    """The row in the table, as the stack's functions and its TTL know it."""
    make_tables(stack, (SOCKETS,))
    clock: Callable[[], int] = Clock()
    sockets = ApiGatewaySockets(stack, "http://127.0.0.1:9", clock=clock)
    sockets.connect("c", "acme", ["metrics"])
    (item,) = client("dynamodb").scan(TableName=f"{stack}-sockets")["Items"]
    assert json.loads(json.dumps(item)) == {
        "connection_id": {"S": "c"},
        "account_id": {"S": "acme"},
        "topics": {"L": [{"S": "metrics"}]},
        "ttl": {"N": str(clock() // 1_000_000 + KEPT_S)},
    }
