"""DynamoDB without its traps: typed values, every page, unprocessed keys, tables from data."""

import random
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from botocore.exceptions import ClientError

from tallybrook.errors import StorageError
from tallybrook.ports.aws.clients import error_code
from tallybrook.ports.aws.tables import Index, Table, physical

Item = dict[str, Any]
"""Attribute values by name, in DynamoDB's own form: ``{"S": …}``, ``{"N": …}``, ``{"B": …}``."""

MAX_ITEM_BYTES = 400 * 1024
MAX_BATCH_GET = 100
MAX_BATCH_WRITE = 25
MAX_TRANSACTION = 100
_ROUNDS = 8


def text(value: str) -> dict[str, str]:
    return {"S": value}


def number(value: int) -> dict[str, str]:
    return {"N": str(value)}


def is_condition(error: ClientError) -> bool:
    """Whether a conditional write found its condition not met."""
    return error_code(error) == "ConditionalCheckFailedException"


def pages(client: Any, operation: str, **request: Any) -> Iterator[Item]:
    """Every item of a Query or Scan, over all pages (1 MB each), in the operation's order."""
    for page in client.get_paginator(operation).paginate(**request):
        yield from page["Items"]


def batch_get(client: Any, table: str, keys: Sequence[Item], **options: Any) -> list[Item]:
    """The items of these keys that exist, in no order; what the service leaves is asked again.

    Raises ``StorageError`` when it goes on leaving keys.
    """
    found: list[Item] = []
    for at in range(0, len(keys), MAX_BATCH_GET):
        wanted: Any = {table: {"Keys": list(keys[at : at + MAX_BATCH_GET]), **options}}
        for attempt in _attempts(f"read {table}"):
            answer = client.batch_get_item(RequestItems=wanted)
            found += answer["Responses"].get(table, [])
            wanted = answer.get("UnprocessedKeys")
            if not wanted:
                break
            back_off(attempt)
    return found


def batch_write(client: Any, table: str, requests: Iterable[Mapping[str, Any]]) -> None:
    """Unconditional puts and deletes, 25 a call; what the service leaves is sent again.

    Not atomic. Raises ``StorageError`` when it goes on leaving some.
    """
    waiting = list(requests)
    for at in range(0, len(waiting), MAX_BATCH_WRITE):
        left: Any = {table: waiting[at : at + MAX_BATCH_WRITE]}
        for attempt in _attempts(f"write {table}"):
            left = client.batch_write_item(RequestItems=left).get("UnprocessedItems")
            if not left:
                break
            back_off(attempt)


def _attempts(doing: str) -> Iterator[int]:
    yield from range(_ROUNDS)
    raise StorageError(f"{doing}: the service goes on leaving items unprocessed")


def back_off(attempt: int) -> None:
    """Wait before trying again: exponential with full jitter, at most 2 s."""
    time.sleep(random.uniform(0, min(2.0, 0.02 * 2**attempt)))


def create_request(stack: str, table: Table) -> dict[str, Any]:
    """The CreateTable request of a table."""
    attributes = {table.hash, *((table.range,) if table.range else ())}
    for index in table.indexes:
        attributes |= {index.hash, index.range}
    request: dict[str, Any] = {
        "TableName": physical(stack, table),
        "BillingMode": "PAY_PER_REQUEST",
        "KeySchema": _schema(table.hash, table.range),
        "AttributeDefinitions": [
            {"AttributeName": name, "AttributeType": "N" if name in table.numbers else "S"}
            for name in sorted(attributes)
        ],
    }
    for kind, local in (("LocalSecondaryIndexes", True), ("GlobalSecondaryIndexes", False)):
        indexes = [_index(index) for index in table.indexes if index.local == local]
        if indexes:
            request[kind] = indexes
    if table.stream:
        request["StreamSpecification"] = {"StreamEnabled": True, "StreamViewType": table.stream}
    return request


def _schema(hash_key: str, range_key: str | None) -> list[dict[str, str]]:
    schema = [{"AttributeName": hash_key, "KeyType": "HASH"}]
    return schema + ([{"AttributeName": range_key, "KeyType": "RANGE"}] if range_key else [])


def _index(index: Index) -> dict[str, Any]:
    projection: dict[str, Any] = {"ProjectionType": "KEYS_ONLY"}
    if index.keep:
        projection = {"ProjectionType": "INCLUDE", "NonKeyAttributes": list(index.keep)}
    return {
        "IndexName": index.name,
        "KeySchema": _schema(index.hash, index.range),
        "Projection": projection,
    }
