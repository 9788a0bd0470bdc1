"""A table's stream, delivered as a Lambda event source does it: shard by shard, batch by batch."""

import zlib
from collections import deque
from collections.abc import Callable
from typing import Any

from msgspec import Struct

from tallybrook.ports.aws.clients import client

Batch = list[dict[str, Any]]
Handle = Callable[[Batch], object]
MAX_PAGE = 1000
HALF_PAGE_BYTES = 500_000


class Shard(Struct):
    """Records of one shard from its checkpoint on."""

    waiting: deque[dict[str, Any]]
    delivered: int = 0


class Pump:
    """Hands the records of a stream to a function, from where it last got to.

    The emulator has one shard a stream, which is more order than there really is: records are
    dealt out to ``shards`` of them by their key, as the partitions of a table do. A batch whose
    function raises stays, and is delivered again by the next ``run``.
    """

    def __init__(self, table: str, handle: Handle, *, shards: int = 3, batch: int = 100) -> None:
        described: Any = client("dynamodb").describe_table(TableName=table)
        self._arn = described["Table"]["LatestStreamArn"]
        self._streams: Any = client("dynamodbstreams")
        self._iterator = self._first_iterator()
        self._handle = handle
        self.batch = batch
        self.shards = [Shard(deque()) for _ in range(shards)]

    def run(self) -> int:
        """Deliver all that had come in when it was called; gives how many records that were."""
        while self.read():
            pass
        count = 0
        for shard in self.shards:
            while shard.waiting:
                count += self.deliver(shard)
        return count

    def deliver(self, shard: Shard, size: int | None = None) -> int:
        """One batch of a shard; the checkpoint moves when its function has returned."""
        batch = list(shard.waiting)[: size or self.batch]
        if batch:
            self._handle(batch)
        for _ in batch:
            shard.waiting.popleft()
        shard.delivered += len(batch)
        return len(batch)

    def read(self) -> bool:
        """Take a page of what has come into the stream; tells whether there may be another."""
        page = self._streams.get_records(ShardIterator=self._iterator, Limit=MAX_PAGE)
        self._iterator = page["NextShardIterator"]
        for record in page["Records"]:
            key = repr(sorted(record["dynamodb"]["Keys"].items()))
            self.shards[zlib.crc32(key.encode()) % len(self.shards)].waiting.append(record)
        # A page ends before 1 MB, and no record is larger than 400 KB: a smaller page is the last.
        size = sum(len(repr(record["dynamodb"])) for record in page["Records"])
        return len(page["Records"]) == MAX_PAGE or size > HALF_PAGE_BYTES

    def _first_iterator(self) -> str:
        stream = self._streams.describe_stream(StreamArn=self._arn)["StreamDescription"]
        (shard,) = stream["Shards"]
        found = self._streams.get_shard_iterator(
            StreamArn=self._arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )
        return str(found["ShardIterator"])
