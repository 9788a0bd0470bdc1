"""Records in DynamoDB: a table a type, an account's records spread over shards.

Their index by instant is local to a shard, so that a consistent read of it sees every write that
was acknowledged. There is no view of all shards at one moment; what moves meanwhile is counted
again by the recount that its own change sets off.
"""

from collections.abc import Iterator, Sequence
from heapq import merge
from itertools import islice
from typing import Any

from tallybrook.ports.aws.clients import client, translated
from tallybrook.ports.aws.dynamo import Item, batch_get, number, pages, text
from tallybrook.ports.aws.shards import record_key, record_keys
from tallybrook.ports.aws.tables import physical, records_table
from tallybrook.ports.records import FullRecord, Interval, Place, RecordRow


class DynamoRecords:
    """``ports.records.RecordShelf``."""

    def __init__(self, stack: str) -> None:
        self._stack = stack

    def read(
        self, account_id: str, record_type: str, intervals: Sequence[Interval]
    ) -> Iterator[RecordRow]:
        table = self._table(record_type)
        with translated(f"read records of {record_type}"):
            for pk in record_keys(account_id):
                for interval in intervals:
                    for item in _query(table, pk, interval):
                        yield RecordRow(item["record_id"]["S"], int(item["instant_us"]["N"]))

    def page(
        self,
        account_id: str,
        record_type: str,
        interval: Interval,
        limit: int,
        after: Place | None = None,
    ) -> list[FullRecord]:
        table = self._table(record_type)
        start = max(interval.start_us, after.instant_us) if after else interval.start_us
        with translated(f"list records of {record_type}"):
            shards = [
                _places(_query(table, pk, Interval(start, interval.end_us), limit))
                for pk in record_keys(account_id)
            ]
            past = (place for place in merge(*shards) if after is None or place > after)
            return self._full(table, account_id, list(islice(past, limit)))

    def get(self, account_id: str, record_type: str, record_id: str) -> FullRecord | None:
        key = {"pk": text(record_key(account_id, record_id)), "record_id": text(record_id)}
        with translated(f"read a record of {record_type}"):
            answer = client("dynamodb").get_item(
                TableName=self._table(record_type), Key=key, ConsistentRead=True
            )
        return _record(answer["Item"]) if "Item" in answer else None

    def _table(self, record_type: str) -> str:
        return physical(self._stack, records_table(record_type))

    def _full(self, table: str, account_id: str, places: list[Place]) -> list[FullRecord]:
        keys = [
            {"pk": text(record_key(account_id, place.record_id)),
             "record_id": text(place.record_id)}
            for place in places
        ]  # fmt: skip
        items = batch_get(client("dynamodb"), table, keys, ConsistentRead=True)
        found = {item["record_id"]["S"]: _record(item) for item in items}
        # One that was deleted meanwhile is left out; one that moved is shown where it was found.
        return [found[place.record_id] for place in places if place.record_id in found]


def _query(table: str, pk: str, interval: Interval, at_once: int = 0) -> Iterator[Item]:
    request: dict[str, Any] = {"Limit": at_once} if at_once else {}
    if interval.start_us >= interval.end_us:
        return iter(())
    return pages(
        client("dynamodb"),
        "query",
        TableName=table,
        IndexName="instant",
        ConsistentRead=True,
        KeyConditionExpression="pk = :pk AND instant_us BETWEEN :first AND :last",
        ExpressionAttributeValues={
            ":pk": text(pk),
            ":first": number(interval.start_us),
            ":last": number(interval.end_us - 1),
        },
        **request,
    )


def _places(items: Iterator[Item]) -> Iterator[Place]:
    """In the order of (instant, id): the service orders by instant alone."""
    same: list[Place] = []
    for item in items:
        place = Place(int(item["instant_us"]["N"]), item["record_id"]["S"])
        if same and same[0].instant_us != place.instant_us:
            yield from sorted(same)
            same = []
        same.append(place)
    yield from sorted(same)


def _record(item: Item) -> FullRecord:
    instant = item.get("instant_us")
    return FullRecord(
        item["record_id"]["S"], int(instant["N"]) if instant else None, item["body"]["S"]
    )
