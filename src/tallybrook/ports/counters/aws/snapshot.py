"""The log and the counters of events as they were at one commit.

DynamoDB scans no table at one point in time. A commit of the log, though, is one transaction that
moves the head, stores the chunk and adds to the counters, so what a bucket held at an earlier
commit can be worked out: read it together with the head, and take out what the chunks in between
added to it.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from tallybrook.ports.aws.clients import translated
from tallybrook.ports.aws.dynamo import MAX_TRANSACTION, number, pages, text
from tallybrook.ports.aws.tables import COUNTERS, LOG, physical
from tallybrook.ports.aws.transactions import transact_get
from tallybrook.ports.counters.aws.rows import bucket_key, count_of
from tallybrook.ports.log import CounterKey
from tallybrook.ports.log.aws.rows import CHUNKS, HEAD_KEY, head_of, stored_chunk


class LogView:
    """Reading the chunks and the head beside the function that commits them."""

    def __init__(self, stack: str, dynamo: Any, sizes: Sequence[int]) -> None:
        self._dynamo = dynamo
        self._log = physical(stack, LOG)
        self._counters = physical(stack, COUNTERS)
        self._sizes = sizes

    def head(self) -> int:
        """The last sequence number; waits for a commit that is under way."""
        (row,) = transact_get(self._dynamo, [self._head_row()], "read the head of the log")
        return head_of(row)

    def bodies(self, after_seq: int, to_seq: int) -> Iterator[bytes]:
        """The NDJSON of every chunk in ``(after_seq, to_seq]``; both are ends of chunks."""
        if to_seq <= after_seq:
            return
        with translated("read the log"):
            for item in pages(
                self._dynamo,
                "query",
                TableName=self._log,
                KeyConditionExpression="#pk = :pk AND #seq BETWEEN :first AND :last",
                ExpressionAttributeNames={"#pk": "pk", "#seq": "seq"},
                ExpressionAttributeValues={
                    ":pk": text(CHUNKS),
                    ":first": number(after_seq + 1),
                    ":last": number(to_seq),
                },
                ConsistentRead=True,
            ):
                yield stored_chunk(item).body

    def moved_since(self, seq: int) -> Iterator[tuple[CounterKey, int]]:
        """The buckets that commits after ``seq`` have added to, and what each held at ``seq``.

        With those of the commit that ended with ``seq``: a transaction becomes visible item by
        item to plain reads, so a scan may have met its buckets as they were before.
        """
        seen, added = self.head(), Counter[CounterKey]()
        added.update(self._added(seq, seen))
        keys = list(added.keys() | set(self._added(seq - 1, seq)))
        for at in range(0, len(keys), MAX_TRANSACTION - 1):
            some = keys[at : at + MAX_TRANSACTION - 1]
            gets = [{"TableName": self._counters, "Key": bucket_key(key)} for key in some]
            head, *rows = transact_get(self._dynamo, [self._head_row(), *gets], "read counters")
            added.update(self._added(seen, head_of(head)))
            seen = head_of(head)
            for key, row in zip(some, rows, strict=True):
                yield key, (count_of(row) if row else 0) - added[key]

    def _added(self, after_seq: int, to_seq: int) -> Iterator[CounterKey]:
        """A bucket once for each time that a commit in ``(after_seq, to_seq]`` added to it."""
        from tallybrook.ports.counters.gathering import counted_lines

        for body in self.bodies(after_seq, to_seq):
            for line in counted_lines(body):
                minute = line.timestamp // 60_000_000
                for size in self._sizes:
                    start_s = minute // size * size * 60
                    yield line.account_id, "event", line.event_type, size, start_s

    def _head_row(self) -> dict[str, Any]:
        return {"TableName": self._log, "Key": HEAD_KEY}
