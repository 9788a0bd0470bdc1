"""Backends of the record sources and metric sinks, as their contract suites open them."""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from itertools import count
from pathlib import Path
from typing import Any
from unittest.mock import patch

import boto3
import msgspec
import pytest
from botocore.config import Config
from starlette.responses import Response

from tallybrook.events.instants import format_instant
from tallybrook.ports.aws.clients import client
from tallybrook.ports.aws.dynamo import number, text
from tallybrook.ports.aws.shards import record_key
from tallybrook.ports.aws.tables import COUNTERS, SERIES, STATE, physical, records_table
from tallybrook.ports.graphql.client import Api
from tallybrook.ports.log import Write
from tallybrook.ports.metrics.aws import DynamoMetrics
from tallybrook.ports.metrics.graphql import GraphqlMetrics
from tallybrook.ports.metrics.local import SqliteMetrics
from tallybrook.ports.records.aws import DynamoRecords
from tallybrook.ports.records.graphql import GraphqlRecords
from tallybrook.ports.records.local import SqliteRecords
from tallybrook.records.reading import RecordReader
from tests.counters.world import World
from tests.graphql.serving import Served, serving_graphql
from tests.support.emulator import make_tables
from tests.support.faults import faulty_services

READER = RecordReader()
TYPES = ("items", "tasks")


def body_of(instant_us: int | None) -> bytes:
    created = None if instant_us is None else format_instant(instant_us)
    return msgspec.json.encode({"createdAt": created, "name": "n"})


class Local:
    """Records in SQLite."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.world = World(folder / "log.db")
        self.source = SqliteRecords(folder / "log.db")

    def put(
        self, record_id: str, at: int | None, account: str = "acme", record_type: str = "items"
    ) -> None:
        self._write(READER.put(account, record_type, record_id, body_of(at)))

    def delete(self, record_id: str) -> None:
        self._write(READER.delete("acme", "items", record_id))

    def _write(self, change: Any) -> None:
        self.world.log.write(Write(records=[change]))

    @contextmanager
    def failing(self) -> Iterator[None]:
        self.world.log.close()
        for name in ("log.db", "log.db-wal", "log.db-shm"):
            (self.folder / name).unlink(missing_ok=True)
        (self.folder / "log.db").write_bytes(os.urandom(8192))
        self.source = SqliteRecords(self.folder / "log.db")
        yield

    def close(self) -> None:
        self.source.close()
        self.world.close()


class Dynamo:
    """Records in DynamoDB, rows as the log's backend writes them."""

    def __init__(self, stack: str) -> None:
        self.stack = stack
        make_tables(stack, tuple(records_table(name) for name in TYPES))
        self.source = DynamoRecords(stack)

    def put(
        self, record_id: str, at: int | None, account: str = "acme", record_type: str = "items"
    ) -> None:
        item: dict[str, Any] = {
            "pk": text(record_key(account, record_id)),
            "record_id": text(record_id),
            "body": text(body_of(at).decode()),
            "w": text("w"),
        }
        item |= {"skipped": text("no_timestamp")} if at is None else {"instant_us": number(at)}
        table = physical(self.stack, records_table(record_type))
        client("dynamodb").put_item(TableName=table, Item=item)

    def delete(self, record_id: str) -> None:
        key = {"pk": text(record_key("acme", record_id)), "record_id": text(record_id)}
        client("dynamodb").delete_item(
            TableName=physical(self.stack, records_table("items")), Key=key
        )

    @contextmanager
    def failing(self) -> Iterator[None]:
        """The second and every later query is throttled, through all tries of the SDK."""
        once = Config(retries={"total_max_attempts": 1, "mode": "standard"})
        asked = count()

        def judge(operation: str, _body: bytes) -> str | None:
            refuse = operation == "Query" and next(asked) > 0
            return "ProvisionedThroughputExceededException" if refuse else None

        with faulty_services(os.environ["AWS_ENDPOINT_URL"]) as services, services.failing(judge):
            refused = boto3.client("dynamodb", endpoint_url=services.endpoint, config=once)
            with patch("tallybrook.ports.records.aws.client", lambda _service: refused):
                yield


@contextmanager
def local_source(_request: pytest.FixtureRequest, folder: Path) -> Iterator[Local]:
    opened = Local(folder)
    yield opened
    opened.close()


@contextmanager
def dynamo_source(request: pytest.FixtureRequest, _folder: Path) -> Iterator[Dynamo]:
    yield Dynamo(request.getfixturevalue("stack"))


@contextmanager
def local_sink(_request: pytest.FixtureRequest, folder: Path) -> Iterator[SqliteMetrics]:
    sink = SqliteMetrics(folder / "metrics.db")
    yield sink
    sink.close()


@contextmanager
def dynamo_sink(request: pytest.FixtureRequest, _folder: Path) -> Iterator[DynamoMetrics]:
    stack = request.getfixturevalue("stack")
    make_tables(stack, (COUNTERS, SERIES, STATE))
    yield DynamoMetrics(stack)


class Remote:
    """Records behind a served API, which is SQLite again."""

    def __init__(self, served: Served) -> None:
        self.served = served
        self.api = Api(served.endpoint(), wait=lambda _s: None)
        self.source = GraphqlRecords(self.api)

    def put(
        self, record_id: str, at: int | None, account: str = "acme", record_type: str = "items"
    ) -> None:
        change = READER.put(account, record_type, record_id, body_of(at))
        self.served.ports.log.write(Write(records=[change]))

    def delete(self, record_id: str) -> None:
        change = READER.delete("acme", "items", record_id)
        self.served.ports.log.write(Write(records=[change]))

    @contextmanager
    def failing(self) -> Iterator[None]:
        self.served.spoil = lambda _n: Response("down", 503)
        yield
        self.served.spoil = None


@contextmanager
def remote_source(_request: pytest.FixtureRequest, folder: Path) -> Iterator[Remote]:
    small = patch("tallybrook.ports.records.graphql.PAGE", 10)
    with serving_graphql(folder) as served, small:
        remote = Remote(served)
        yield remote
        remote.api.close()


@contextmanager
def remote_sink(_request: pytest.FixtureRequest, folder: Path) -> Iterator[GraphqlMetrics]:
    with serving_graphql(folder, counted_here=False) as served:
        api = Api(served.endpoint())
        yield GraphqlMetrics(api)
        api.close()


Opener = Callable[[pytest.FixtureRequest, Path], AbstractContextManager[Any]]

SOURCES: dict[str, Opener] = {
    "local": local_source,
    "aws": dynamo_source,
    "graphql": remote_source,
}
SHELVES = ("local", "aws")
SINKS: dict[str, Opener] = {"local": local_sink, "aws": dynamo_sink, "graphql": remote_sink}
