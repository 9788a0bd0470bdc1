"""What a table's stream says, in the form in which Lambda hands it to a function."""

import base64
import json
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, Literal

from bench.lambdas.events import event
from bench.lambdas.world import World
from tallybrook.accounts.keys import DEFAULT_ACCOUNT
from tallybrook.events.reading import read_event
from tallybrook.ports.log import RecordChange, Write

Start = Literal["TRIM_HORIZON", "LATEST"]
_ROUNDS = 50


def records(
    world: World, table: str, more: Callable[[], None], size: int, *, start: Start = "TRIM_HORIZON"
) -> Iterator[list[Any]]:
    """The stream's records from its start, ``size`` at a time; ``more`` writes to the table. From
    ``LATEST`` on they are what ``more`` writes alone, and nothing that others have worked off."""
    streams = world.client("dynamodbstreams")
    [stream] = streams.list_streams(TableName=table)["Streams"]
    arn = stream["StreamArn"]
    [shard] = streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]
    iterator = streams.get_shard_iterator(
        StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType=start
    )["ShardIterator"]
    waiting: list[Any] = []
    while True:
        for _ in range(_ROUNDS):
            if len(waiting) >= size:
                break
            answer = streams.get_records(ShardIterator=iterator)
            iterator = answer["NextShardIterator"]
            waiting += [lambda_form(record, arn) for record in answer["Records"]]
            if not answer["Records"]:
                more()
        else:
            raise RuntimeError(f"the stream of {table} does not go on")
        yield waiting[:size]
        del waiting[:size]


def lambda_form(record: dict[str, Any], arn: str) -> dict[str, Any]:
    """A record of GetRecords as a function gets it: bytes as base64, instants as seconds."""
    told = {name: value for name, value in record.items() if name != "userIdentity"}
    plain: dict[str, Any] = json.loads(json.dumps(told, default=_plain))
    return plain | {"eventSourceARN": arn}


def _plain(value: object) -> object:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, datetime):
        return value.timestamp()
    raise TypeError(type(value).__name__)


def collect(world: World, count: int, make: Callable[[int], dict[str, Any]] = event) -> None:
    """Put events into the events table, as the functions that collect do."""
    now_us = time.time_ns() // 1000
    bodies = [json.dumps(make(number)).encode() for number in range(count)]
    events = [read_event(body, DEFAULT_ACCOUNT, now_us) for body in bodies]
    world.log.write(Write(events=events))


def put_records(world: World, count: int) -> None:
    """Put records of the last minutes into the table of items."""
    now_us = time.time_ns() // 1000
    changes = [
        RecordChange(
            DEFAULT_ACCOUNT, "items", str(uuid.uuid4()), "put",
            instant_us=now_us - number * 1_000_000, body=json.dumps({"n": number}),
        )
        for number in range(count)
    ]  # fmt: skip
    world.log.write(Write(records=changes))
