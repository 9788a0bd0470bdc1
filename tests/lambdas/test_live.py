"""From an accepted event to the open WebSockets: the functions of the stream and the sockets."""

import json
from collections import defaultdict
from typing import Any

import pytest

from tallybrook.entrypoints.lambdas import live, runtime, sequence, sockets, sqs
from tallybrook.errors import StorageError
from tallybrook.events.instants import format_instant
from tallybrook.ports.aws.tables import EVENTS, physical
from tallybrook.ports.log import Commit
from tallybrook.ports.sockets import MAX_MESSAGE_BYTES, Connection
from tallybrook.ports.sockets.local import LocalSockets
from tests.lambdas import deliveries as d
from tests.lambdas.requests import socket_event
from tests.lambdas.samples import Sample, samples
from tests.lambdas.stack import Stack
from tests.support.streams import Pump


class Hall:
    """The connections of a stack, and what was posted to them."""

    def __init__(self) -> None:
        self.heard: dict[str, list[Any]] = defaultdict(list)
        self.broken: set[str] = set()
        self.sockets = LocalSockets(self._post)

    def _post(self, connection_id: str, message: bytes) -> bool:
        if connection_id in self.broken:
            raise StorageError("no answer")
        self.heard[connection_id].append(json.loads(message))
        return True


@pytest.fixture
def hall(here: Stack, monkeypatch: pytest.MonkeyPatch) -> Hall:
    monkeypatch.setenv("TALLYBROOK_SOCKETS_URL", "http://127.0.0.1:1/prod")
    runtime.forget()
    sockets.gate.cache_clear()
    hall = Hall()
    monkeypatch.setattr(runtime, "sockets", lambda: hall.sockets)
    return hall


@pytest.fixture
def pump(here: Stack) -> Pump:
    """Delivers the stream of the events table to its function."""
    table = physical(here.name, EVENTS)
    return Pump(table, lambda batch: sequence.handler({"Records": batch}, None), shards=2, batch=7)


def new_key(account: str = "default", *scopes: Any) -> str:
    return runtime.opened().stores.keys.create(account, scopes or ("read",))[1]


def connect(connection_id: str = "c1", **more: Any) -> dict[str, Any]:
    return sockets.handler(socket_event("CONNECT", connection_id, **more), None)


def say(message: Any, connection_id: str = "c1") -> int:
    body = message if isinstance(message, str) else json.dumps(message)
    answer = sockets.handler(socket_event("MESSAGE", connection_id, body=body), None)
    return int(answer["statusCode"])


@pytest.mark.parametrize(
    "give",
    [
        lambda key: {"headers": {"Authorization": f"Bearer {key}"}},
        lambda key: {"headers": {"X-API-Key": key}},
        lambda key: {"headers": {"Sec-WebSocket-Protocol": f"tallybrook, key.{key}"}},
        lambda key: {"headers": None, "queryStringParameters": {"key": key}},
    ],
    ids=["bearer", "header", "subprotocol", "query"],
)
def test_a_key_opens_a_connection(hall: Hall, give: Any) -> None:
    """In whichever way a client can send it; the connection is the account's of the key."""
    answer = connect(**give(new_key("acme")))
    assert answer["statusCode"] == 200
    assert hall.sockets.connection("c1") == Connection("c1", "acme")
    chosen = "tallybrook" if "Protocol" in str(give("k")) else None
    assert answer.get("headers", {}).get("Sec-WebSocket-Protocol") == chosen


def test_without_a_key_nothing_opens(hall: Hall) -> None:
    """No key, an unknown one, and one without the scope are refused before there is a socket."""
    assert connect()["statusCode"] == 401
    assert connect(queryStringParameters={"key": "tb_unknown"})["statusCode"] == 401
    assert connect(queryStringParameters={"key": new_key("a", "write")})["statusCode"] == 403
    assert hall.sockets.connection("c1") is None


def test_a_subscription_is_answered_with_a_snapshot(hall: Hall, here: Stack, pump: Pump) -> None:
    """Of each topic, with the log's number; the topics hold from then on."""
    connect(queryStringParameters={"key": new_key()})
    sqs_deliver(d.event("a", timestamp=now_text()))
    pump.run()
    assert say({"subscribe": ["metrics", "failed"]}) == 200
    metrics, failed = hall.heard["c1"]
    assert (metrics["type"], metrics["topic"], metrics["seq"]) == ("snapshot", "metrics", 1)
    assert metrics["data"]["series"][0]["series"] == "view"
    assert (failed["topic"], failed["data"]) == ("failed", {"failed": []})
    assert hall.sockets.connection("c1") == Connection(
        "c1", "default", frozenset({"metrics", "failed"})
    )


def test_commits_are_told_to_the_subscribers_of_their_account(
    hall: Hall, here: Stack, pump: Pump
) -> None:
    """Once: what is delivered again commits nothing and tells nothing."""
    for name, account in (("c1", "default"), ("c2", "acme")):
        connect(name, queryStringParameters={"key": new_key(account)})
        say({"subscribe": ["metrics"]}, name)
    hall.heard.clear()
    stamp = now_text()
    sqs_deliver(*[d.event(f"e{i}", timestamp=stamp) for i in range(10)])
    records = deliver_twice(pump)
    assert records == 10
    changes = [change for message in hall.heard["c1"] for change in message["data"]["changes"]]
    assert sum(change["delta"] for change in changes) == 10
    assert changes[-1]["count"] == 10
    assert {message["type"] for message in hall.heard["c1"]} == {"delta"}
    assert not hall.heard["c2"]


def test_nobody_is_hindered_by_a_connection_that_is_broken(
    hall: Hall, here: Stack, pump: Pump
) -> None:
    """The commit stands, and the others hear of it."""
    for name in ("c1", "c2"):
        connect(name, queryStringParameters={"key": new_key()})
        say({"subscribe": ["metrics"]}, name)
    hall.heard.clear()
    hall.broken.add("c1")
    sqs_deliver(d.event("a", timestamp=now_text()))
    pump.run()
    assert not hall.heard["c1"]
    assert hall.heard["c2"]
    assert runtime.opened().log.head == 1


def test_odd_messages_get_a_reason(hall: Hall) -> None:
    """What is no subscription, and a topic nobody has."""
    connect(queryStringParameters={"key": new_key()})
    assert say("hello") == 422
    assert say({"subscribe": ["nothing"]}) == 200
    assert [message["type"] for message in hall.heard["c1"]] == ["error", "error"]
    assert say({"subscribe": ["metrics"]}, "unknown") == 404
    assert sockets.handler({"odd": 1}, None) == {"statusCode": 400}


def test_leaving_forgets_the_connection(hall: Hall) -> None:
    """Twice is as good as once."""
    connect(queryStringParameters={"key": new_key()})
    for _ in range(2):
        assert sockets.handler(socket_event("DISCONNECT"), None)["statusCode"] == 200
    assert hall.sockets.connection("c1") is None


def test_messages_fit_the_gateway(hall: Hall, here: Stack) -> None:
    """However many series change at once, with names as long as they may be, and however large a
    failed record is: all of it is told, in as many messages as it takes."""
    now_us = runtime.opened().now_us()
    start = now_us // 60_000_000 * 60
    counts: Any = {("default", "event", f"{i:03}" + "𝄞" * 125, 1, start): 1 for i in range(250)}
    deliver_failed(45)
    failed = list(here.failed().values())
    told = list(live.deltas([Commit(1, now_us, counts, failed)], runtime.opened()))
    assert max(len(message) for _, _, message in told) <= MAX_MESSAGE_BYTES
    assert sum(len(message) for _, topic, message in told if topic == "metrics") > MAX_MESSAGE_BYTES
    changes = [json.loads(m)["data"]["changes"] for _, topic, m in told if topic == "metrics"]
    assert sum(map(len, changes)) == 250
    shown = [json.loads(m)["data"]["failed"] for _, topic, m in told if topic == "failed"]
    assert sum(map(len, shown)) == 45
    listed = live.snapshot("default", "failed", runtime.opened())
    assert MAX_MESSAGE_BYTES / 4 < len(listed) <= MAX_MESSAGE_BYTES


def deliver_failed(count: int) -> None:
    assert not sqs.handler(d.sqs(*["𝄞" * 20_000] * count), None)["batchItemFailures"]


@pytest.mark.parametrize("sample", samples("aws:dynamodb"), ids=lambda sample: sample.name)
def test_records_of_another_table_are_kept_as_failed(here: Stack, sample: Sample) -> None:
    """New rows that are no events, once however often they come; changes and removals are
    nothing to number."""
    for _ in range(2):
        assert sequence.handler(sample.read(), None) == {}
    (record,) = here.failed().values()
    assert (record.source, record.reason) == ("sequence", "malformed")
    assert "New item!" in record.body


def test_what_is_no_stream_record_is_kept(here: Stack) -> None:
    """The function's other records are committed all the same."""
    event = {"Records": [{"odd": 1}]}
    assert sequence.handler(event, None) == sequence.handler(event, None) == {}
    (record,) = here.failed().values()
    assert record.body == '{"odd":1}'


def test_a_window_without_records_gets_its_state_back(here: Stack) -> None:
    """The last invocation of a tumbling window has none."""
    event = {"Records": [], "window": {"start": "a", "end": "b"}, "state": {"a": 1}}
    assert sequence.handler(event | {"isFinalInvokeForWindow": True}, None) == {"state": {"a": 1}}


def test_a_refused_batch_raises_and_completes_when_it_comes_again(
    here: Stack, pump: Pump, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stream delivers it again whole; every event is numbered and counted once."""
    sqs_deliver(*[d.event(f"e{i}") for i in range(20)])
    real = runtime.sequencer()
    left = [1]

    def apply(records: Any) -> list[Commit]:
        if not left:
            raise StorageError("on purpose")
        left.pop()
        return real(records)

    with monkeypatch.context() as patch:
        patch.setattr(runtime, "sequencer", lambda: apply)
        with pytest.raises(StorageError):
            pump.run()
    pump.run()
    reader = runtime.opened().stores.reader
    lines = [line for c in reader.chunks("events", 0) for line in c.body.split(b"\n")]
    assert sorted(json.loads(line)["event_id"] for line in lines) == sorted(here.events())
    assert len(lines) == 20


def now_text() -> str:
    return format_instant(runtime.opened().now_us())


def sqs_deliver(*bodies: Any) -> None:
    assert not sqs.handler(d.sqs(*bodies), None)["batchItemFailures"]


def deliver_twice(pump: Pump) -> int:
    """Every batch is delivered, and once more before its checkpoint moves."""
    while pump.read():
        pass
    count = 0
    for shard in pump.shards:
        while shard.waiting:
            pump._handle(list(shard.waiting)[: pump.batch])
            count += pump.deliver(shard)
    return count
