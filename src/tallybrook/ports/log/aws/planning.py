"""What one write is in DynamoDB: rows, worked out before any of them is stored."""

import uuid
from collections.abc import Sequence
from typing import NamedTuple

from tallybrook.ports.aws.dynamo import Item, text
from tallybrook.ports.log import FailedRecord, RecordChange, Write
from tallybrook.ports.log.aws.inserting import Numbered
from tallybrook.ports.log.aws.records import record_item
from tallybrook.ports.log.aws.rows import ArrivalNumbers, checked, event_item


class PlannedChange(NamedTuple):
    """A change of a record, at its place in the write."""

    at: int
    change: RecordChange
    item: Item


class Plan(NamedTuple):
    """``events`` are those that are not in the write twice, by their place in it.

    ``records`` holds the changes of one record after another: those of one go in order.
    """

    events: list[Numbered]
    records: list[list[PlannedChange]]


def plan(write: Write, arrivals: ArrivalNumbers) -> Plan:
    """The rows of a write. Raises for what no row can hold, and then nothing is stored of it."""
    token = uuid.uuid4().hex
    numbers = arrivals.take(len(write.events) + len(write.records))
    seen: set[tuple[str, str]] = set()
    events: list[Numbered] = []
    for at, event in enumerate(write.events):
        name = (event.account_id, event.event_id)
        if name not in seen:
            seen.add(name)
            events.append(Numbered(at, event_item(event, numbers[at], token)))
    _check_failed(write.failed)
    for failed_id in write.settle:
        failed_id.encode()
    return Plan(events, _records(write.records, numbers[len(write.events) :], token))


def is_replay(write: Write) -> bool:
    """Whether a write settles one failed record by one event or one record."""
    items = len(write.events) + len(write.records)
    return len(write.settle) == 1 and items == 1 and not write.failed


def _records(
    changes: Sequence[RecordChange], numbers: range, token: str
) -> list[list[PlannedChange]]:
    groups: dict[tuple[str, str, str], list[PlannedChange]] = {}
    for at, change in enumerate(changes):
        name = (change.account_id, change.record_type, change.record_id)
        item = record_item(change, numbers[at], f"{token}.{at}")
        groups.setdefault(name, []).append(PlannedChange(at, change, item))
    return list(groups.values())


def _check_failed(records: Sequence[FailedRecord]) -> None:
    for record in records:
        names = ("failed_id", "account_id", "source", "reason", "detail", "body")
        checked({name: text(getattr(record, name)) for name in names})
