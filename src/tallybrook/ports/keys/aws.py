"""Keys in DynamoDB, one item a key by its digest, and beside them in the same table: an item
``id#<key id>`` that says where a key is, and ``version``, which every change moves.

All of a change is one transaction. The function given to ``replace`` is called again when somebody
else changed the key meanwhile.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from tallybrook.errors import ConflictError, StorageError
from tallybrook.ports.aws.clients import client, translated
from tallybrook.ports.aws.dynamo import Item, back_off, number, pages, text
from tallybrook.ports.aws.tables import KEYS, physical
from tallybrook.ports.aws.transactions import UnmetError, transact, transact_get
from tallybrook.ports.keys import Key

_ROUNDS = 10
_VERSION = "version"
"""Where the version is kept. A digest is 64 hexadecimal digits, so neither this nor a pointer is
one."""


class DynamoKeys:
    """``ports.keys.Keys``. Safe for threads."""

    def __init__(self, stack: str, *, dynamo: Any = None) -> None:
        self._dynamo = dynamo or client("dynamodb")
        self._table = physical(stack, KEYS)

    def add(self, key: Key) -> None:
        actions = [self._put_new(_item(key)), self._put_new(_pointer(key)), self._move_version()]
        try:
            transact(self._dynamo, actions, "add a key")
        except UnmetError as error:
            raise ConflictError(f"key {key.key_id} is stored already") from error

    def by_digest(self, digest: str) -> Key | None:
        # A plain read may still find the key as it was when the version of the same transaction
        # is seen already, and who keeps keys by version would keep that one. This waits for it.
        get = {"TableName": self._table, "Key": {"digest": text(digest)}}
        (item,) = transact_get(self._dynamo, [get], "read a key")
        return _key(item) if item and "body" in item else None

    def stored(self, account_id: str | None = None) -> list[Key]:
        with translated("list keys"):
            items = list(pages(self._dynamo, "scan", TableName=self._table, ConsistentRead=True))
        keys = [_key(item) for item in items if "body" in item]
        mine = [key for key in keys if account_id in (None, key.account_id)]
        return sorted(mine, key=lambda key: (key.created_at, key.key_id))

    def replace(self, key_id: str, change: Callable[[Key], Key]) -> Key | None:
        for attempt in range(_ROUNDS):
            pointer = self._get(f"id#{key_id}")
            if pointer is None:
                return None
            found = self._get(pointer["at"]["S"])
            if found is not None:  # else it got another digest after the pointer was read
                changed = change(_key(found))
                if self._exchanged(found, changed):
                    return changed
            back_off(attempt)
        raise StorageError(f"change key {key_id}: others go on changing it")

    def version(self) -> int:
        item = self._get(_VERSION)
        return int(item["n"]["N"]) if item else 0

    def close(self) -> None:
        """Nothing is held."""

    def _exchanged(self, found: Item, changed: Key) -> bool:
        """Write ``changed`` in the place of what was found; False if that is there no more."""
        still: dict[str, Any] = {
            "TableName": self._table,
            "ConditionExpression": "#body = :was",
            "ExpressionAttributeNames": {"#body": "body"},
            "ExpressionAttributeValues": {":was": found["body"]},
        }
        if found["digest"]["S"] == changed.digest:
            actions = [{"Put": {**still, "Item": _item(changed)}}]
        else:
            actions = [
                {"Delete": {**still, "Key": {"digest": found["digest"]}}},
                self._put_new(_item(changed)),
                {"Put": {"TableName": self._table, "Item": _pointer(changed)}},
            ]
        try:
            transact(self._dynamo, [*actions, self._move_version()], "change a key")
        except UnmetError:
            return False
        return True

    def _get(self, digest: str) -> Item | None:
        with translated("read a key"):
            answer = self._dynamo.get_item(
                TableName=self._table, Key={"digest": text(digest)}, ConsistentRead=True
            )
        item: Item | None = answer.get("Item")
        return item

    def _put_new(self, item: Item) -> dict[str, Any]:
        return {
            "Put": {
                "TableName": self._table,
                "Item": item,
                "ConditionExpression": "attribute_not_exists(#digest)",
                "ExpressionAttributeNames": {"#digest": "digest"},
            }
        }

    def _move_version(self) -> dict[str, Any]:
        return {
            "Update": {
                "TableName": self._table,
                "Key": {"digest": text(_VERSION)},
                "UpdateExpression": "ADD #n :one",
                "ExpressionAttributeNames": {"#n": "n"},
                "ExpressionAttributeValues": {":one": number(1)},
            }
        }


def _item(key: Key) -> Item:
    return {"digest": text(key.digest), "body": text(msgspec.json.encode(key).decode())}


def _pointer(key: Key) -> Item:
    return {"digest": text(f"id#{key.key_id}"), "at": text(key.digest)}


def _key(item: Item) -> Key:
    return msgspec.json.decode(item["body"]["S"], type=Key)
