"""What every sink of forwarded events promises (``tallybrook.ports.sinks``)."""

import json
import os
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from tallybrook.errors import RetryableError, StorageError
from tallybrook.ports.aws.clients import client
from tallybrook.ports.sinks import Item, Sink
from tallybrook.ports.sinks.aws import FirehoseSink, KinesisSink
from tallybrook.ports.sinks.local import FileSink
from tallybrook.ports.sinks.web import HttpSink
from tests.contracts.parity import lacks
from tests.forwarding.world import item
from tests.support import wait_for

Arrived = tuple[str, str]
"""(order key, event id)."""


class World(ABC):
    """A sink, what has arrived behind it, and how to make it fail once."""

    def __init__(self, sink: Sink) -> None:
        self.sink = sink

    @abstractmethod
    def arrived(self) -> list[Arrived]:
        """What is there, in order."""

    @abstractmethod
    def failing_once(self) -> Any:
        """While it lasts the next call does not go through, or goes through in part."""

    def close(self) -> None:
        self.sink.close()


class File(World):
    def __init__(self, path: Path) -> None:
        super().__init__(FileSink(path))
        self.path = path

    def arrived(self) -> list[Arrived]:
        lines = self.path.read_bytes().splitlines() if self.path.exists() else []
        return [(line["EndpointId"], line["EventId"]) for line in map(json.loads, lines)]

    @contextmanager
    def failing_once(self) -> Iterator[None]:
        real, calls = os.open, 0

        def full(*args: Any, **options: Any) -> int:
            nonlocal calls
            calls += 1
            if calls == 1:
                raise OSError(28, "No space left on device")
            return real(*args, **options)

        with patch("os.open", full):
            yield


class Http(World):
    """A receiver on the loopback address."""

    def __init__(self) -> None:
        self.got: list[Arrived] = []
        self.refuse = 0
        world = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                away, world.refuse = world.refuse > 0, 0
                if not away:
                    world.got += [
                        (key, name)
                        for key, found in body["BatchItem"].items()
                        for name in found["Events"]
                    ]
                self.send_response(503 if away else 202)
                self.end_headers()

            def log_message(self, *_args: object) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,))
        self.thread.start()
        super().__init__(HttpSink(f"http://127.0.0.1:{self.server.server_port}/"))

    def arrived(self) -> list[Arrived]:
        return self.got

    @contextmanager
    def failing_once(self) -> Iterator[None]:
        self.refuse = 1
        yield

    def close(self) -> None:
        super().close()
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


class Spoiling:
    """A client whose next call takes only every other record, as a throttled shard does."""

    def __init__(self, service: Any) -> None:
        self.service, self.spoil = service, False

    def __getattr__(self, name: str) -> Any:
        real = getattr(self.service, name)
        if name not in ("put_records", "put_record_batch"):
            return real

        def put(**request: Any) -> Any:
            records = request["Records"]
            if not self.spoil:
                return real(**request)
            self.spoil = False
            refused = {n for n in range(len(records)) if n % 2 == 0}
            kept = [record for n, record in enumerate(records) if n not in refused]
            if kept:
                real(**{**request, "Records": kept})
            field = "Records" if name == "put_records" else "RequestResponses"
            said = {"ErrorCode": "ProvisionedThroughputExceededException"}
            return {field: [said if n in refused else {} for n in range(len(records))]}

        return put


class Kinesis(World):
    def __init__(self, stack: str) -> None:
        self.stream = f"{stack}-out"
        self.kinesis: Any = client("kinesis")
        self.kinesis.create_stream(StreamName=self.stream, ShardCount=2)
        self.spoiling = Spoiling(self.kinesis)
        super().__init__(KinesisSink(self.stream, self.spoiling))
        wait_for(self._active, 20, "the stream")

    def _active(self) -> bool:
        found = self.kinesis.describe_stream_summary(StreamName=self.stream)
        return bool(found["StreamDescriptionSummary"]["StreamStatus"] == "ACTIVE")

    def arrived(self) -> list[Arrived]:
        shards = self.kinesis.list_shards(StreamName=self.stream)["Shards"]
        return [
            (record["PartitionKey"], named(record["Data"]))
            for shard in shards
            for record in self._records(shard["ShardId"])
        ]

    def _records(self, shard: str) -> Iterator[Any]:
        place = self.kinesis.get_shard_iterator(
            StreamName=self.stream, ShardId=shard, ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        while True:
            found = self.kinesis.get_records(ShardIterator=place, Limit=1000)
            if not found["Records"]:
                return
            yield from found["Records"]
            place = found["NextShardIterator"]

    @contextmanager
    def failing_once(self) -> Iterator[None]:
        self.spoiling.spoil = True
        yield

    def close(self) -> None:
        super().close()
        self.kinesis.delete_stream(StreamName=self.stream)


class Firehose(World):
    def __init__(self, stack: str) -> None:
        self.bucket = f"{stack}-out"
        self.s3: Any = client("s3")
        self.s3.create_bucket(Bucket=self.bucket)
        firehose: Any = client("firehose")
        firehose.create_delivery_stream(
            DeliveryStreamName=self.bucket,
            ExtendedS3DestinationConfiguration={
                "BucketARN": f"arn:aws:s3:::{self.bucket}",
                "RoleARN": "arn:aws:iam::000000000000:role/any",
            },
        )
        self.spoiling = Spoiling(firehose)
        super().__init__(FirehoseSink(self.bucket, self.spoiling))

    def arrived(self) -> list[Arrived]:
        found = self.s3.list_objects_v2(Bucket=self.bucket).get("Contents", [])
        objects = sorted(found, key=lambda one: one["LastModified"])
        bodies = [
            self.s3.get_object(Bucket=self.bucket, Key=one["Key"])["Body"].read() for one in objects
        ]
        lines = [line for body in bodies for line in body.splitlines()]
        return [(json.loads(line)["client"]["client_id"], named(line)) for line in lines]

    @contextmanager
    def failing_once(self) -> Iterator[None]:
        self.spoiling.spoil = True
        yield


def named(record: bytes) -> str:
    return str(json.loads(record)["client_context"]["custom"]["event_id"])


@pytest.fixture(params=["file", "http", "kinesis", "firehose"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    makers: dict[str, Callable[[], World]] = {
        "file": lambda: File(tmp_path / "events.ndjson"),
        "http": Http,
        "kinesis": lambda: Kinesis(request.getfixturevalue("stack")),
        "firehose": lambda: Firehose(request.getfixturevalue("stack")),
    }
    with ExitStack() as opened:
        made = makers[request.param]()
        opened.callback(made.close)
        yield made


def settled(world: World, count: int) -> list[Arrived]:
    """What has arrived, once there is so much of it."""
    wait_for(lambda: len(world.arrived()) >= count, 20, f"{count} events")
    return world.arrived()


def by_key(arrived: Sequence[Arrived]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for key, name in arrived:
        found.setdefault(key.removeprefix("end-"), []).append(name)
    return found


def expected(items: Sequence[Item]) -> dict[str, list[str]]:
    return by_key([(one.order_key, one.event_id) for one in items])


def test_everything_arrives(world: World) -> None:
    """Once, however much is sent at once."""
    items = [item(n, f"k{n}") for n in range(130)]
    assert world.sink.send(items[:5]) == []
    assert world.sink.send(items[5:]) == []
    arrived = settled(world, len(items))
    assert sorted(name for _, name in arrived) == [one.event_id for one in items]


@lacks("firehose", "Firehose promises no order of records; readers sort by their times")
def test_order_of_a_key(world: World) -> None:
    """The events of a key arrive in the order they were sent in, also where some of them did not
    go through at once."""
    items = [item(n, f"k{n % 3}") for n in range(40)]
    world.sink.send(items[:20])
    with world.failing_once():
        try:
            world.sink.send(items[20:])
        except RetryableError:
            assert world.sink.send(items[20:]) == []
    assert by_key(settled(world, len(items))) == expected(items)


def test_a_failure_loses_nothing(world: World) -> None:
    """What the receiver did not take is sent again, or told of so that it is."""
    items = [item(n, f"k{n}") for n in range(9)]
    with world.failing_once():
        try:
            world.sink.send(items)
        except RetryableError:
            world.sink.send(items)
    assert {name for _, name in settled(world, 9)} == {one.event_id for one in items}


def test_nothing(world: World) -> None:
    """Sending nothing does nothing."""
    assert world.sink.send([]) == []
    assert world.arrived() == []


@lacks("file", "A file takes a record of any size")
@lacks("http", "A receiver says itself what is too large")
def test_too_large(world: World) -> None:
    """A record that the service never takes is refused by its place; those around it arrive."""
    large = item(1, "large", attributes={"t": "x" * (1 << 20)})
    (refusal,) = world.sink.send([item(0), large, item(2)])
    assert (refusal.index, refusal.reason) == (1, "too-large")
    assert len(settled(world, 2)) == 2


@pytest.mark.parametrize("sink", [KinesisSink, FirehoseSink])
def test_a_service_that_goes_on_refusing(sink: Callable[..., Sink]) -> None:
    """After its patience the whole batch is to be sent again later."""

    class Refusing:
        def put_records(self, **request: Any) -> Any:
            return {"Records": [{"ErrorCode": "InternalFailure"}] * len(request["Records"])}

        def put_record_batch(self, **request: Any) -> Any:
            said = [{"ErrorCode": "ServiceUnavailableException"}] * len(request["Records"])
            return {"RequestResponses": said}

    with (
        patch("tallybrook.ports.sinks.aws.back_off"),
        pytest.raises(StorageError, match="goes on refusing 2 records"),
    ):
        sink("x", Refusing()).send([item(1, "a"), item(2, "b")])


@pytest.mark.parametrize(
    ("sink", "most"), [(KinesisSink, 5 * (1 << 20)), (FirehoseSink, 4 * (1 << 20))]
)
def test_size_of_a_call(sink: Callable[..., Sink], most: int) -> None:
    """At most 500 records and so many bytes, keys included."""
    calls: list[list[Any]] = []

    class Taking:
        def put_records(self, **request: Any) -> Any:
            calls.append(request["Records"])
            return {"Records": [{}] * len(request["Records"])}

        def put_record_batch(self, **request: Any) -> Any:
            calls.append(request["Records"])
            return {"RequestResponses": [{}] * len(request["Records"])}

    text = "x" * 900_000
    large = [item(n, f"k{n}", attributes={"t": text}) for n in range(12)]
    small = [item(n, f"k{n}") for n in range(12, 1300)]
    sink("x", Taking()).send([*large, *small])
    sizes = [
        sum(len(one["Data"]) + len(one.get("PartitionKey", "")) for one in call) for call in calls
    ]
    assert sum(map(len, calls)) == 1300
    assert max(map(len, calls)) == 500
    assert max(sizes) <= most
    assert len(calls) <= 7
