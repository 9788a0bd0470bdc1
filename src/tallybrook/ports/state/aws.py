"""State in DynamoDB: the table ``state``.

An item whose second has come may stay in the table for two days until the service deletes it; it
is read as absent from that second on, and may be created again.
"""

from collections.abc import Sequence
from itertools import islice
from typing import Any

from tallybrook.errors import ConflictError
from tallybrook.ports.aws.clients import client, translated
from tallybrook.ports.aws.dynamo import Item, number, pages, text
from tallybrook.ports.aws.tables import STATE, physical
from tallybrook.ports.aws.transactions import UnmetError, conditional, transact
from tallybrook.ports.clock import Clock, system_clock
from tallybrook.ports.state import (
    ABSENT,
    Change,
    Check,
    Delete,
    Put,
    Stored,
    require_fitting,
    require_key,
    require_writable,
)
from tallybrook.ports.state.versions import fresh_version

_ALIVE = "(attribute_not_exists(#ttl) OR #ttl > :now)"


class DynamoState:
    """``ports.state.State``. Safe for threads."""

    def __init__(self, stack: str, clock: Clock = system_clock, *, dynamo: Any = None) -> None:
        self._dynamo = dynamo or client("dynamodb")
        self._table = physical(stack, STATE)
        self._clock = clock

    def get(self, partition: str, key: str) -> Stored | None:
        require_key(partition, key)
        with translated("read state"):
            answer = self._dynamo.get_item(
                TableName=self._table, Key=_key(partition, key), ConsistentRead=True
            )
        found = _stored(answer["Item"]) if "Item" in answer else None
        return found if found and self._alive(found) else None

    def put(
        self,
        partition: str,
        key: str,
        value: bytes,
        *,
        expect: int | None = None,
        expires_at_s: int | None = None,
    ) -> int:
        change = Put(partition, key, value, expect, expires_at_s)
        require_fitting(change)
        version = fresh_version()
        try:
            conditional(self._dynamo.put_item, "write state", **self._request(change, version))
        except UnmetError as error:
            if not _holds(error.items[0], version):
                raise _conflict([change]) from error
        return version

    def delete(self, partition: str, key: str, *, expect: int | None = None) -> bool:
        change = Delete(partition, key, expect)
        require_fitting(change)
        request = self._request(change, 0) | {"ReturnValues": "ALL_OLD"}
        try:
            answer = conditional(self._dynamo.delete_item, "delete state", **request)
        except UnmetError as error:
            found = error.items[0]
            if found is not None and self._alive(_stored(found)):
                raise _conflict([change]) from error
            return False
        return "Attributes" in answer and self._alive(_stored(answer["Attributes"]))

    def query(
        self, partition: str, prefix: str = "", *, after: str | None = None, limit: int = 1000
    ) -> list[Stored]:
        request = self._range(partition, prefix)
        if after is not None and after >= prefix:
            if not after.startswith(prefix):
                return []
            request["ExclusiveStartKey"] = _key(partition, after)
        with translated("query state"):
            items = pages(self._dynamo, "query", Limit=min(limit, 1000), **request)
            return [_stored(item) for item in islice(items, limit)]

    def write(self, changes: Sequence[Change]) -> list[int]:
        require_writable(changes)
        if not changes:
            return []
        versions = [fresh_version() if isinstance(c, Put) else 0 for c in changes]
        actions = [
            {_ACTIONS[type(change)]: self._request(change, version)}
            for change, version in zip(changes, versions, strict=True)
        ]
        try:
            transact(self._dynamo, actions, "write state")
        except UnmetError as error:
            raise _conflict([changes[n] for n in error.items]) from error
        return versions

    def close(self) -> None:
        """Nothing is held."""

    def _alive(self, found: Stored) -> bool:
        return found.expires_at_s is None or found.expires_at_s > self._now_s()

    def _now_s(self) -> int:
        return self._clock() // 1_000_000

    def _request(self, change: Change, version: int) -> dict[str, Any]:
        """The arguments of a change's own call, which are those of its action in a transaction."""
        request: dict[str, Any] = {"TableName": self._table}
        if isinstance(change, Put):
            request["Item"] = _item(change, version)
        else:
            request["Key"] = _key(change.partition, change.key)
        if change.expect is not None:
            request |= self._condition(change.expect)
        return request

    def _condition(self, expect: int) -> dict[str, Any]:
        names, values = {"#ttl": "ttl"}, {":now": number(self._now_s())}
        if expect == ABSENT:
            condition = "attribute_not_exists(#pk) OR #ttl <= :now"
            names["#pk"] = "pk"
        else:
            condition = f"#version = :version AND {_ALIVE}"
            names["#version"], values[":version"] = "version", number(expect)
        return {
            "ConditionExpression": condition,
            "ExpressionAttributeNames": names,
            "ExpressionAttributeValues": values,
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }

    def _range(self, partition: str, prefix: str) -> dict[str, Any]:
        condition, names = "#pk = :pk", {"#pk": "pk", "#ttl": "ttl"}
        values = {":pk": text(partition), ":now": number(self._now_s())}
        if prefix:  # an empty one is refused by the service
            condition += " AND begins_with(#sk, :prefix)"
            names["#sk"], values[":prefix"] = "sk", text(prefix)
        return {
            "TableName": self._table,
            "KeyConditionExpression": condition,
            "FilterExpression": _ALIVE,
            "ExpressionAttributeNames": names,
            "ExpressionAttributeValues": values,
            "ConsistentRead": True,
        }


_ACTIONS = {Put: "Put", Delete: "Delete", Check: "ConditionCheck"}


def _key(partition: str, key: str) -> Item:
    return {"pk": text(partition), "sk": text(key)}


def _item(change: Put, version: int) -> Item:
    item = _key(change.partition, change.key)
    item |= {"value": {"B": change.value}, "version": number(version)}
    if change.expires_at_s is not None:
        item["ttl"] = number(change.expires_at_s)
    return item


def _stored(item: Item) -> Stored:
    expires_at_s = int(item["ttl"]["N"]) if "ttl" in item else None
    return Stored(item["sk"]["S"], item["value"]["B"], int(item["version"]["N"]), expires_at_s)


def _holds(found: Item | None, version: int) -> bool:
    """Whether a put met itself: the service had stored it, and its answer was lost on the way."""
    return found is not None and int(found["version"]["N"]) == version


def _conflict(changes: Sequence[Change]) -> ConflictError:
    names = ", ".join(change.key for change in changes)
    return ConflictError(f"{names} was changed meanwhile")
