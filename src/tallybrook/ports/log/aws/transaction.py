"""The one transaction that a chunk is committed by, action by action. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from tallybrook.ports.aws.dynamo import Item, number, text
from tallybrook.ports.aws.tables import COUNTERS, LOG, physical
from tallybrook.ports.counters.aws.rows import bucket_key
from tallybrook.ports.log import Chunk, CounterKey
from tallybrook.ports.log.aws.rows import HEAD_KEY, chunk_item
from tallybrook.ports.log.aws.stream import MARK_BYTES

HEAD, MARKER = 0, 1
"""Positions of the two actions whose condition can be unmet."""

MARKER_TTL_S = 48 * 3600
"""Twice as long as the stream keeps a record."""


def commit_actions(
    stack: str, head: int, chunk: Chunk, marks: Sequence[bytes], deltas: Mapping[CounterKey, int]
) -> list[dict[str, Any]]:
    """Move the head from where it was, mark the stream records as done, store, count."""
    log, counters = physical(stack, LOG), physical(stack, COUNTERS)
    now_us = chunk.ingested_at
    marker = marker_item(marks, now_us)
    return [
        {"Update": _move_head(log, head, chunk.last_seq)},
        {
            "Put": {
                "TableName": log,
                "Item": marker,
                "ConditionExpression": "attribute_not_exists(pk)",
                "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
            }
        },
        {"Put": {"TableName": log, "Item": chunk_item(chunk)}},
        *({"Update": _add(counters, key, n, now_us)} for key, n in deltas.items()),
    ]


def marker_item(marks: Sequence[bytes], now_us: int) -> Item:
    """The row that says: the stream records of these marks, from the first one on, are in."""
    return {
        **marker_key(marks[0]),
        "marks": {"B": b"".join(marks)},
        "ttl": number(now_us // 1_000_000 + MARKER_TTL_S),
    }


def marker_key(mark: bytes) -> Item:
    return {"pk": text(f"done#{mark.hex()}"), "seq": number(0)}


def marks_in(marker: Mapping[str, Any]) -> list[bytes]:
    joined = bytes(marker["marks"]["B"])
    return [joined[at : at + MARK_BYTES] for at in range(0, len(joined), MARK_BYTES)]


def _move_head(table: str, head: int, last_seq: int) -> dict[str, Any]:
    return {
        "TableName": table,
        "Key": HEAD_KEY,
        "UpdateExpression": "SET #head = :new",
        "ConditionExpression": "#head = :old" if head else "attribute_not_exists(pk)",
        "ExpressionAttributeNames": {"#head": "head"},
        "ExpressionAttributeValues": {
            ":new": number(last_seq),
            **({":old": number(head)} if head else {}),
        },
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }


def _add(table: str, key: CounterKey, change: int, now_us: int) -> dict[str, Any]:
    return {
        "TableName": table,
        "Key": bucket_key(key),
        "UpdateExpression": "SET #created = if_not_exists(#created, :now), #updated = :now"
        " ADD #n :change",
        "ExpressionAttributeNames": {
            "#created": "created_at",
            "#updated": "updated_at",
            "#n": "n",
        },
        "ExpressionAttributeValues": {":now": number(now_us), ":change": number(change)},
    }
