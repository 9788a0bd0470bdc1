"""Reading the log in DynamoDB: any process, any thread."""

from collections.abc import Iterator
from typing import Any

from tallybrook.ports.aws.clients import client, translated
from tallybrook.ports.aws.dynamo import number, pages, text
from tallybrook.ports.aws.tables import LOG, physical
from tallybrook.ports.log import Chunk, Topic
from tallybrook.ports.log.aws.rows import CHUNKS, HEAD_KEY, head_of, stored_chunk

MAX_READ_BYTES = 16 << 20
"""What one call of ``chunks`` gives at most, unless a single chunk is larger."""


class DynamoLogReader:
    """``LogReader`` over the table ``log``. Reads are consistent; numbers are dense.

    The topic ``records`` has no entries here: the streams of the records' own tables are its log.
    """

    def __init__(self, stack: str) -> None:
        self._table = physical(stack, LOG)
        self._dynamo: Any = client("dynamodb")

    def head(self) -> int:
        with translated("read the head of the log"):
            found = self._dynamo.get_item(TableName=self._table, Key=HEAD_KEY, ConsistentRead=True)
        return head_of(found.get("Item"))

    def chunks(self, topic: Topic, after_seq: int, max_entries: int = 10_000) -> list[Chunk]:
        if topic != "events":
            return []
        # A query is not one point in time: past the head that was read before it, it may see a
        # chunk and have missed the one below.
        head = self.head()
        found: list[Chunk] = []
        entries = held_bytes = 0
        for chunk in self._between(after_seq + 1, head):
            entries += chunk.count
            held_bytes += len(chunk.body)
            if found and (entries > max_entries or held_bytes > MAX_READ_BYTES):
                break
            found.append(chunk)
        return found

    def chunk_of(self, seq: int) -> Chunk | None:
        """The chunk that holds one sequence number, or None past the head."""
        return next(self._between(seq, self.head(), Limit=1), None)

    def close(self) -> None:
        """Nothing is held that others do not use."""

    def _between(self, first: int, last: int, **options: int) -> Iterator[Chunk]:
        """The chunks whose last entry lies in ``[first, last]``, oldest first, page by page."""
        if first > last:
            return
        with translated("read the log"):
            for item in pages(
                self._dynamo,
                "query",
                TableName=self._table,
                KeyConditionExpression="#pk = :pk AND #seq BETWEEN :first AND :last",
                ExpressionAttributeNames={"#pk": "pk", "#seq": "seq"},
                ExpressionAttributeValues={
                    ":pk": text(CHUNKS),
                    ":first": number(first),
                    ":last": number(last),
                },
                ConsistentRead=True,
                **options,
            ):
                yield stored_chunk(item)
