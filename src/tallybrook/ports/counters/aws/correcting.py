"""Adding to counters beside those who count and recount meanwhile."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tallybrook.ports.aws.clients import translated
from tallybrook.ports.aws.dynamo import batch_write, number
from tallybrook.ports.aws.transactions import UnmetError, transact
from tallybrook.ports.counters.aws.rows import bucket_key, series_key
from tallybrook.ports.log import CounterKey, Kind

Versions = Mapping[CounterKey, int | None]
"""The version of each bucket of records when it was read, None where it had none."""


def correction(
    table: str, key: CounterKey, change: int, now_us: int, versions: Versions | None
) -> dict[str, Any]:
    """The action that adds to one bucket. The version is left as it is: the next recount of the
    hour writes over the bucket, as it would have without the correction.

    A bucket of records whose version was read is changed on condition that it still has it.
    """
    updated = ":now" if change else "if_not_exists(#updated_at, :now)"
    update: dict[str, Any] = {
        "TableName": table,
        "Key": bucket_key(key),
        "UpdateExpression": "ADD #n :change SET #updated_at = " + updated
        + ", #created_at = if_not_exists(#created_at, :now)",
        "ExpressionAttributeNames": {
            "#n": "n", "#updated_at": "updated_at", "#created_at": "created_at",
        },
        "ExpressionAttributeValues": {":change": number(change), ":now": number(now_us)},
    }  # fmt: skip
    if versions is not None and key[1] == "record":
        _require_version(update, versions.get(key))
    return {"Update": update}


def _require_version(update: dict[str, Any], version: int | None) -> None:
    update["ExpressionAttributeNames"]["#version"] = "version"
    if version is None:
        update["ConditionExpression"] = "attribute_not_exists(#version)"
        return
    update["ConditionExpression"] = "#version = :version"
    update["ExpressionAttributeValues"][":version"] = number(version)


def add_together(dynamo: Any, actions: Sequence[Mapping[str, Any]]) -> None:
    """Up to 100 corrections in one transaction, without those whose bucket was recounted since
    it was read: what the recount wrote there is newer and right."""
    left = list(actions)
    while left:
        try:
            transact(dynamo, left, "correct counters")
            return
        except UnmetError as error:
            left = [action for n, action in enumerate(left) if n not in error.items]


def name_series(dynamo: Any, table: str, series: Iterable[tuple[str, Kind, str]]) -> None:
    """Store the names of (account, kind, series): sums and names go by them."""
    with translated("name series"):
        requests = ({"PutRequest": {"Item": series_key(*name)}} for name in series)
        batch_write(dynamo, table, requests)
