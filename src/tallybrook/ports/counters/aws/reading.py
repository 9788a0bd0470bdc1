"""Consistent reads of counters: by range, by key, by name, and all of them."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from tallybrook.ports.aws.clients import translated
from tallybrook.ports.aws.dynamo import Item, batch_get, number, pages, text
from tallybrook.ports.counters.aws.rows import bucket_key
from tallybrook.ports.log import CounterKey

if TYPE_CHECKING:  # it loads numpy
    from tallybrook.ports.counters.gathering import RecordInstant


def in_range(dynamo: Any, table: str, pk: str, start_s: int, end_s: int) -> list[Item]:
    """The buckets of one partition that start in ``[start_s, end_s)``, in order."""
    if start_s >= end_s:
        return []
    with translated("read counters"):
        found = pages(
            dynamo,
            "query",
            TableName=table,
            KeyConditionExpression="#pk = :pk AND #start BETWEEN :first AND :last",
            ExpressionAttributeNames={"#pk": "pk", "#start": "start"},
            ExpressionAttributeValues={
                ":pk": text(pk),
                ":first": number(start_s),
                ":last": number(end_s - 1),
            },
            ConsistentRead=True,
        )
        return list(found)


def by_key(dynamo: Any, table: str, keys: Sequence[CounterKey]) -> list[Item]:
    """The buckets of these keys that are stored, in no order."""
    with translated("read counters"):
        return batch_get(dynamo, table, [bucket_key(key) for key in keys], ConsistentRead=True)


def named(dynamo: Any, table: str, account_id: str) -> list[Item]:
    """The rows that name an account's series, by kind and name."""
    with translated("read the names of series"):
        found = pages(
            dynamo,
            "query",
            TableName=table,
            KeyConditionExpression="#account_id = :account_id",
            ExpressionAttributeNames={"#account_id": "account_id"},
            ExpressionAttributeValues={":account_id": text(account_id)},
            ConsistentRead=True,
        )
        return list(found)


def scanned(dynamo: Any, table: str, first_s: int, end_s: int) -> Iterator[Item]:
    """Every bucket that starts in ``[first_s, end_s)``, in no order, at no common instant. All of
    the table is read."""
    with translated("scan the counters"):
        yield from pages(
            dynamo,
            "scan",
            TableName=table,
            ConsistentRead=True,
            FilterExpression="#start BETWEEN :first AND :last",
            ExpressionAttributeNames={"#start": "start"},
            ExpressionAttributeValues={":first": number(first_s), ":last": number(end_s - 1)},
        )


def records(dynamo: Any, table: str) -> "Iterator[RecordInstant]":
    """Every record of a type: account, instant, or why it has none."""
    with translated("scan records"):
        for item in pages(
            dynamo,
            "scan",
            TableName=table,
            ConsistentRead=True,
            ProjectionExpression="#pk, #instant_us, #skipped",
            ExpressionAttributeNames={
                "#pk": "pk", "#instant_us": "instant_us", "#skipped": "skipped",
            },
        ):  # fmt: skip
            account_id = item["pk"]["S"].partition("#")[0]
            if "instant_us" in item:
                yield account_id, int(item["instant_us"]["N"]), None
            else:
                yield account_id, None, item.get("skipped", {}).get("S")
