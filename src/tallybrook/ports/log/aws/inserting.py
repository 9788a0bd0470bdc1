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
        conditional(dynamo.put_item, "store an event", **insertion(table, item))
    except UnmetError as unmet:
        return is_duplicate(unmet.items[0], item)
    return False


def insertion(table: str, item: Item) -> dict[str, Any]:
    """The put of an event that is not there yet; it asks for the one that is."""
    return {
        "TableName": table,
        "Item": item,
        "ConditionExpression": "attribute_not_exists(pk)",
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }


def is_duplicate(found: Item | None, item: Item) -> bool:
    """Whether the row that was found in the way is another write's."""
    return found is None or found.get("w") != item["w"]
