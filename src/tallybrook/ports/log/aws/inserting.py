"""Storing a new event in DynamoDB, only where it is new."""

from typing import Any, NamedTuple

from tallybrook.ports.aws.dynamo import Item
from tallybrook.ports.aws.transactions import UnmetError, conditional


class Numbered(NamedTuple):
    """A row and its place in the write."""

    at: int
    item: Item


def insert(dynamo: Any, table: str, item: Item) -> bool:
    """Store an event; tells whether another write had stored it before.

    The SDK sends a call again whose answer was lost. What it then finds carries the token of this
    very write, and is no duplicate.
    """
    try:
        conditional(
            dynamo.put_item,
            "store an event",
            TableName=table,
            Item=item,
            ConditionExpression="attribute_not_exists(pk)",
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
    except UnmetError as unmet:
        found = unmet.items[0]
        return found is None or found.get("w") != item["w"]
    return False
