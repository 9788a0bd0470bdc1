"""One transaction's worth of writes: decided, counted and stored in the open transaction."""

import sqlite3
from collections.abc import Mapping, Sequence

import msgspec
from msgspec import Raw, Struct

from tallybrook.ports.log import (
    EFFECTIVE,
    CommitEffects,
    CounterKey,
    FailedRecord,
    Receipt,
    RecordChange,
    RecordOutcome,
    Topic,
    Write,
)
from tallybrook.ports.log.local.dedup import Deduplicator
from tallybrook.ports.log.local.transaction import SqliteTransaction

_encode = msgspec.json.Encoder().encode
_INSERT = "INSERT INTO chunks (first_seq, topic, count, ingested_at, body) VALUES (?, ?, ?, ?, ?)"


class Stored(Struct):
    """The outcome of a transaction that has not been committed yet."""

    receipts: list[Receipt]
    last_seq: int
    now_us: int
    accepted: int
    duplicates: int
    counted: Mapping[CounterKey, int]
    failed: Sequence[FailedRecord]


class RecordLine(Struct, omit_defaults=True):
    """An entry of the topic ``records``; the field order is the key order of the line."""

    seq: int
    op: str
    record_type: str
    record_id: str
    account_id: str
    ingested_at: int
    body: Raw | None = None


def store(
    connection: sqlite3.Connection,
    writes: Sequence[Write],
    ids: Deduplicator,
    effects: CommitEffects,
    first_seq: int,
    now_us: int,
) -> Stored:
    """Store the writes from ``first_seq`` on, in the open transaction of ``connection``."""
    transaction = SqliteTransaction(connection)
    flags = [ids.admit(write.events, first_seq + len(ids.fresh)) for write in writes]
    fresh = ids.fresh
    _add_chunk(connection, "events", first_seq, [_encode(event) for event in fresh], now_us)
    effects.count_events(transaction, fresh, now_us)
    next_seq = first_seq + len(fresh)
    outcomes: list[list[RecordOutcome]] = []
    for write in writes:
        outcomes.append(_records(connection, transaction, write, effects, next_seq, now_us))
        next_seq += sum(outcome in EFFECTIVE for outcome in outcomes[-1])
        transaction.keep_failed(write.failed) if write.failed else None
        transaction.settle(write.settle, now_us) if write.settle else None
    return Stored(
        [Receipt(*pair) for pair in zip(flags, outcomes, strict=True)],
        next_seq - 1,
        now_us,
        len(fresh),
        sum(map(len, flags)) - len(fresh),
        transaction.counted,
        [record for write in writes for record in write.failed],
    )


def _records(
    connection: sqlite3.Connection,
    transaction: SqliteTransaction,
    write: Write,
    effects: CommitEffects,
    first_seq: int,
    now_us: int,
) -> list[RecordOutcome]:
    if not write.records:
        return []
    outcomes = effects.apply_records(transaction, write.records, first_seq, now_us)
    changed = [
        change
        for change, outcome in zip(write.records, outcomes, strict=True)
        if outcome in EFFECTIVE
    ]
    lines = [_line(change, first_seq + i, now_us) for i, change in enumerate(changed)]
    _add_chunk(connection, "records", first_seq, lines, now_us)
    return outcomes


def _line(change: RecordChange, seq: int, now_us: int) -> bytes:
    body = Raw(change.body.encode().replace(b"\n", b" ")) if change.body else None
    return _encode(
        RecordLine(
            seq, change.op, change.record_type, change.record_id, change.account_id, now_us, body
        )
    )


def _add_chunk(
    connection: sqlite3.Connection, topic: Topic, first_seq: int, lines: list[bytes], now_us: int
) -> None:
    if lines:
        body = b"\n".join(lines)
        connection.execute(_INSERT, (first_seq, topic, len(lines), now_us, body))
