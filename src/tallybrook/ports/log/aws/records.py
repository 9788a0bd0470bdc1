"""Storing records in DynamoDB: what each call does, and exactly what came of it."""

from collections.abc import Mapping, Sequence
from typing import Any

from tallybrook.errors import StorageError
from tallybrook.ports.aws.clients import translated
from tallybrook.ports.aws.dynamo import Item, back_off, number, text
from tallybrook.ports.aws.shards import record_key
from tallybrook.ports.aws.transactions import UnmetError, conditional, transact
from tallybrook.ports.log import RecordChange, RecordOutcome
from tallybrook.ports.log.aws.rows import checked

_ROUNDS = 20
_W = {"#w": "w"}


def record_item(change: RecordChange, arrival: int, token: str) -> Item:
    """The row of a record. Raises as ``rows.checked`` does."""
    item = {
        "pk": text(record_key(change.account_id, change.record_id)),
        "record_id": text(change.record_id),
        "body": text(change.body),
        "arrival": number(arrival),
        "w": text(token),
    }
    if change.instant_us is not None:
        item["instant_us"] = number(change.instant_us)
    if change.skipped is not None:
        item["skipped"] = text(change.skipped)
    return checked(item)


def apply_change(
    dynamo: Any,
    table: str,
    change: RecordChange,
    item: Item,
    beside: Sequence[Mapping[str, Any]] = (),
) -> RecordOutcome:
    """Bring a record to its new image; tells exactly what that did.

    The row is read and then replaced on condition that it is still the one read: changes of one
    record take effect one after another, whoever makes them. Nothing is written when nothing
    changes, so that the table's stream is quiet too.

    ``beside`` are actions of the same transaction, done when and only when the record changes.
    Raises ``UnmetError`` when a condition of theirs is not met.
    """
    old = _read(dynamo, table, {name: item[name] for name in ("pk", "record_id")})
    for attempt in range(_ROUNDS):
        outcome = _outcome(old, item, change.op)
        if outcome in ("unchanged", "absent"):
            return outcome
        try:
            (_replace if change.op == "put" else _delete)(dynamo, table, item, old, beside)
            return outcome
        except UnmetError as unmet:
            old = unmet.items.get(0, old)
            if old is not None and old.get("w") == item["w"]:
                return outcome  # stored by this very call, whose first answer was lost
            if any(unmet.items):
                raise
        back_off(min(attempt, 5))
    raise StorageError("store a record: others keep changing it")


def _read(dynamo: Any, table: str, key: Item) -> Item | None:
    with translated("read a record"):
        found: Item | None = dynamo.get_item(TableName=table, Key=key, ConsistentRead=True).get(
            "Item"
        )
    return found


def _outcome(old: Item | None, new: Item, op: str) -> RecordOutcome:
    if op == "delete":
        return "absent" if old is None else "deleted"
    if old is None:
        return "created"
    same = all(old.get(name) == new.get(name) for name in ("body", "instant_us"))
    return "unchanged" if same else "updated"


def _replace(
    dynamo: Any, table: str, item: Item, old: Item | None, beside: Sequence[Mapping[str, Any]]
) -> None:
    put = {
        "TableName": table,
        "Item": item,
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        **_still(old),
    }
    if beside:
        transact(dynamo, [{"Put": put}, *beside], "store a record")
    else:
        conditional(dynamo.put_item, "store a record", **put)


def _delete(
    dynamo: Any, table: str, item: Item, old: Item | None, beside: Sequence[Mapping[str, Any]]
) -> None:
    # A transaction, even of one: its token tells the SDK's second try from somebody else's
    # delete, which leaves nothing behind to tell them apart by.
    delete = {
        "TableName": table,
        "Key": {name: item[name] for name in ("pk", "record_id")},
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        **_still(old),
    }
    transact(dynamo, [{"Delete": delete}, *beside], "delete a record")


def _still(old: Item | None) -> dict[str, Any]:
    """The condition that the row is the one that was read."""
    if old is None:
        return {"ConditionExpression": "attribute_not_exists(pk)"}
    if "w" not in old:  # put there by somebody else
        return {
            "ConditionExpression": "attribute_exists(pk) AND attribute_not_exists(#w)",
            "ExpressionAttributeNames": _W,
        }
    return {
        "ConditionExpression": "#w = :w",
        "ExpressionAttributeNames": _W,
        "ExpressionAttributeValues": {":w": old["w"]},
    }
