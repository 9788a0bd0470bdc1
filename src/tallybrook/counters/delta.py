"""The exact change of the counters that a commit makes. Pure but for the transaction it is given.

Events only ever add one to a bucket of each size. A record moves: its old image is taken out
where it was counted and its new one put in, so that any order of puts and deletes ends in the
numbers that counting the remaining records from scratch gives.
"""

from collections.abc import Sequence

from tallybrook.counters.buckets import SIZES, buckets_of
from tallybrook.events.model import Event
from tallybrook.ports.log import (
    EFFECTIVE,
    CounterKey,
    Counting,
    Kind,
    RecordChange,
    RecordOutcome,
    StoredRecord,
    Transaction,
)

Deltas = dict[CounterKey, int]


def count_events(transaction: Counting, events: Sequence[Event], now_us: int) -> None:
    """Commit effect: count events that are new to the log."""
    if events:
        transaction.add_counts(event_deltas(events), now_us)


def event_deltas(events: Sequence[Event]) -> Deltas:
    """One more in the bucket of each size, for each event.

    Events are grouped by minute before the larger sizes are worked out: the sizes nest, so the
    bucket of an instant and the bucket of its minute's start are the same.
    """
    minutes: dict[tuple[str, str, int], int] = {}
    for event in events:
        key = (event.account_id, event.event_type, event.timestamp // 60_000_000)
        minutes[key] = minutes.get(key, 0) + 1
    deltas: Deltas = {}
    for (account_id, event_type, minute), count in minutes.items():
        for size in SIZES:
            counter = (account_id, "event", event_type, size, minute // size * size * 60)
            deltas[counter] = deltas.get(counter, 0) + count  # type: ignore[index, arg-type]
    return deltas


def apply_records(
    transaction: Transaction, changes: Sequence[RecordChange], first_seq: int, now_us: int
) -> list[RecordOutcome]:
    """Commit effect: bring the stored records and their counters to the new images, in order.

    Only changes that change something take a sequence number, from ``first_seq`` on.
    """
    deltas: Deltas = {}
    outcomes: list[RecordOutcome] = []
    seq = first_seq
    for change in changes:
        outcomes.append(_apply(transaction, change, seq, deltas))
        seq += outcomes[-1] in EFFECTIVE
    moved = {key: change for key, change in deltas.items() if change}
    if moved:
        transaction.add_counts(moved, now_us)
    return outcomes


def _apply(
    transaction: Transaction, change: RecordChange, seq: int, deltas: Deltas
) -> RecordOutcome:
    old = transaction.record(change.account_id, change.record_type, change.record_id)
    if change.op == "delete":
        if old is None:
            return "absent"
        _add(deltas, change, old.instant_us, -1)
        transaction.delete_record(change)
        return "deleted"
    if old is not None and _same(old, change):
        return "unchanged"
    if old is not None:
        _add(deltas, change, old.instant_us, -1)
    _add(deltas, change, change.instant_us, +1)
    transaction.put_record(change, seq)
    return "created" if old is None else "updated"


def _same(old: StoredRecord, change: RecordChange) -> bool:
    return (old.body, old.instant_us) == (change.body, change.instant_us)


def _add(deltas: Deltas, change: RecordChange, instant_us: int | None, by: int) -> None:
    if instant_us is None:
        return
    kind: Kind = "record"
    for start, size in buckets_of(instant_us):
        key = (change.account_id, kind, change.record_type, size, start)
        deltas[key] = deltas.get(key, 0) + by
