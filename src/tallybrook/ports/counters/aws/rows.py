"""The form of a counter in DynamoDB, and of the name of a series."""

from typing import cast

from tallybrook.ports.aws.dynamo import Item, number, text
from tallybrook.ports.counters import CounterRow
from tallybrook.ports.log import CounterKey, Kind


def partition(account_id: str, kind: Kind, series: str, minutes: int) -> str:
    """The partition key of a series at one size. Only the series may hold a ``#``."""
    return f"{account_id}#{kind}#{minutes}#{series}"


def bucket_key(key: CounterKey) -> Item:
    """The primary key of one bucket."""
    account_id, kind, series, minutes, start_s = key
    return {
        "pk": text(partition(account_id, kind, series, minutes)),
        "start": number(start_s),
    }


def counter_key(item: Item) -> CounterKey:
    """Which bucket a row is."""
    account_id, kind, minutes, series = item["pk"]["S"].split("#", 3)
    return account_id, cast("Kind", kind), series, int(minutes), int(item["start"]["N"])


def counter_row(item: Item) -> CounterRow:
    return CounterRow(
        int(item["start"]["N"]),
        count_of(item),
        int(item["created_at"]["N"]),
        int(item["updated_at"]["N"]),
    )


def count_of(item: Item) -> int:
    return int(item["n"]["N"])


def series_key(account_id: str, kind: Kind, series: str) -> Item:
    """The row that names a series."""
    return {"account_id": text(account_id), "series": text(f"{kind}#{series}")}


def series_name(item: Item) -> tuple[Kind, str]:
    kind, series = item["series"]["S"].split("#", 1)
    return cast("Kind", kind), series


def version_of(item: Item) -> int | None:
    """The ticket of the recount that wrote the row; None where none did."""
    return int(item["version"]["N"]) if "version" in item else None
