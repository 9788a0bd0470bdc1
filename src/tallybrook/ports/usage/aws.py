"""Usage in DynamoDB: a partition a day, an item an account and function, its meters added to.

Adding is one write unit an account and function, however many meters. Items go by themselves after
``KEPT_DAYS``.
"""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from decimal import Decimal
from itertools import groupby
from operator import attrgetter
from typing import Any

from tallybrook.errors import InvalidError
from tallybrook.ports.aws.clients import client, translated
from tallybrook.ports.aws.dynamo import Item, number, pages, text
from tallybrook.ports.aws.tables import USAGE, physical
from tallybrook.ports.aws.transactions import UnmetError, transact
from tallybrook.ports.usage import MAX_BATCH, Usage

KEPT_DAYS = 800
"""A year of reports, and the year before it to compare with."""

_BATCHES = "batch"
_METER = "m:"
_place = attrgetter("day", "account_id", "function")


class DynamoUsage:
    """``ports.usage.UsageStore`` over the table ``usage`` of a stack."""

    def __init__(self, stack: str) -> None:
        self._table = physical(stack, USAGE)

    def add(self, rows: Sequence[Usage], batch_id: str | None = None) -> bool:
        if batch_id is not None and len(rows) > MAX_BATCH:
            raise InvalidError(f"a batch of usage has at most {MAX_BATCH} rows")
        updates = self._updates(rows)
        if batch_id is not None:
            return self._once(updates, batch_id, max((row.day for row in rows), default=""))
        for update in updates:
            with translated("add usage"):
                client("dynamodb").update_item(**update)
        return True

    def between(self, first_day: str, last_day: str, account_id: str | None = None) -> list[Usage]:
        found: list[Usage] = []
        for day in _days(first_day, last_day):
            with translated("read usage"):
                for item in pages(client("dynamodb"), "query", **self._range(day, account_id)):
                    found += _usages(item)
        return sorted(found, key=lambda row: (*_place(row), row.meter))

    def forget(self, before_day: str) -> int:
        """Nothing: items expire by themselves."""
        return 0

    def close(self) -> None:
        """Nothing is held."""

    def _once(self, updates: list[dict[str, Any]], batch_id: str, day: str) -> bool:
        marker: Item = {"day": text(_BATCHES), "part": text(batch_id)}
        if day:
            marker["ttl"] = number(_expiry_s(day))
        put = {
            "TableName": self._table,
            "Item": marker,
            "ConditionExpression": "attribute_not_exists(#day)",
            "ExpressionAttributeNames": {"#day": "day"},
        }
        actions: list[dict[str, Any]] = [{"Put": put}, *({"Update": one} for one in updates)]
        try:
            transact(client("dynamodb"), actions, "add usage")
        except UnmetError:
            return False
        return True

    def _updates(self, rows: Sequence[Usage]) -> list[dict[str, Any]]:
        kept = sorted((row for row in rows if row.quantity), key=_place)
        return [self._update(*place, list(parts)) for place, parts in groupby(kept, _place)]

    def _update(
        self, day: str, account_id: str, function: str, rows: list[Usage]
    ) -> dict[str, Any]:
        sums: dict[str, float] = {}
        for row in rows:
            sums[row.meter] = sums.get(row.meter, 0.0) + row.quantity
        adds = ", ".join(f"#m{n} :m{n}" for n in range(len(sums)))
        names = {f"#m{n}": _METER + meter for n, meter in enumerate(sums)}
        values = {f":m{n}": {"N": _decimal(more)} for n, more in enumerate(sums.values())}
        return {
            "TableName": self._table,
            "Key": {"day": text(day), "part": text(f"{account_id}#{function}")},
            "UpdateExpression": f"ADD {adds} SET #ttl = :ttl",
            "ExpressionAttributeNames": {**names, "#ttl": "ttl"},
            "ExpressionAttributeValues": {**values, ":ttl": number(_expiry_s(day))},
        }

    def _range(self, day: str, account_id: str | None) -> dict[str, Any]:
        condition, names, values = "#day = :day", {"#day": "day"}, {":day": text(day)}
        if account_id is not None:
            condition += " AND begins_with(#part, :account)"
            names["#part"], values[":account"] = "part", text(account_id + "#")
        return {
            "TableName": self._table,
            "KeyConditionExpression": condition,
            "ExpressionAttributeNames": names,
            "ExpressionAttributeValues": values,
            "ConsistentRead": True,
        }


def _usages(item: Item) -> Iterator[Usage]:
    account_id, _, function = item["part"]["S"].partition("#")
    for name, value in item.items():
        if name.startswith(_METER):
            meter = name.removeprefix(_METER)
            yield Usage(item["day"]["S"], account_id, function, meter, float(value["N"]))


def _decimal(quantity: float) -> str:
    """A quantity as DynamoDB adds it: 15 digits are what a float holds."""
    return format(Decimal(f"{quantity:.15g}"), "f")


def _days(first: str, last: str) -> Iterator[str]:
    begin, end = date.fromisoformat(first), date.fromisoformat(last)
    return ((begin + timedelta(days=n)).isoformat() for n in range((end - begin).days + 1))


def _expiry_s(day: str) -> int:
    return ((date.fromisoformat(day) - date(1970, 1, 1)).days + KEPT_DAYS) * 86_400
