"""Finding events in DynamoDB: by id in the table, by user through its two indexes."""

import heapq
from collections.abc import Iterator
from itertools import islice
from typing import Any

from tallybrook.events.model import Event
from tallybrook.ports.aws.clients import client, translated
from tallybrook.ports.aws.dynamo import Item, batch_get, pages, text
from tallybrook.ports.aws.tables import EVENTS, physical
from tallybrook.ports.events import Position
from tallybrook.ports.log.aws.rows import event_key, place_of, stored_event

INDEXES = ("user", "anonymous")
_PAST_ANY = "~"


class DynamoEvents:
    """``ports.events.Events``. The ``seq`` of an event is its arrival number.

    Arrival numbers rise strictly within one writing process. Only two events of one user with the
    same time, taken within the same millisecond by two processes, can have the same number (once
    in 4096 such pairs); a page that ends between those two leaves the second one out.
    """

    def __init__(self, stack: str) -> None:
        self._table = physical(stack, EVENTS)
        self._dynamo: Any = client("dynamodb")

    def get(self, account_id: str, event_id: str) -> Event | None:
        key = {"pk": text(event_key(account_id, event_id))}
        with translated("read an event"):
            found = self._dynamo.get_item(TableName=self._table, Key=key, ConsistentRead=True)
        return stored_event(found["Item"]) if "Item" in found else None

    def of_user(
        self, account_id: str, user_id: str, limit: int, before: Position | None
    ) -> list[Event]:
        whose = event_key(account_id, user_id)
        below = place_of(before.timestamp, before.seq) if before else _PAST_ANY
        found: list[Event] = []
        with translated("read the events of a user"):
            places = self._places(whose, below, limit)
            while len(found) < limit and (wanted := list(islice(places, limit - len(found)))):
                found += self._events(wanted)
        return found

    def close(self) -> None:
        """Nothing is held that others do not use."""

    def _places(self, whose: str, below: str, limit: int) -> Iterator[str]:
        """The keys of the user's events, newest first, each once."""
        found = (self._index(name, whose, below, limit) for name in INDEXES)
        last = None
        for entry in heapq.merge(*found, key=lambda item: item["at"]["S"], reverse=True):
            if entry["pk"]["S"] != last:
                last = entry["pk"]["S"]
                yield last

    def _index(self, name: str, whose: str, below: str, limit: int) -> Iterator[Item]:
        return pages(
            self._dynamo,
            "query",
            TableName=self._table,
            IndexName=name,
            KeyConditionExpression="#whose = :whose AND #at < :below",
            ExpressionAttributeNames={"#whose": name, "#at": "at"},
            ExpressionAttributeValues={":whose": text(whose), ":below": text(below)},
            ScanIndexForward=False,
            Limit=limit,
        )

    def _events(self, keys: list[str]) -> list[Event]:
        """The events of these keys in this order; one that has gone meanwhile is left out."""
        items = batch_get(
            self._dynamo,
            self._table,
            [{"pk": text(key)} for key in keys],
            ConsistentRead=True,
        )
        by_key = {item["pk"]["S"]: stored_event(item) for item in items}
        return [by_key[key] for key in keys if key in by_key]
