"""What the SQL engine reads, in each backend: a log made by hand, and a lake made from it."""

import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import msgspec

from tallybrook.lake.consumer import LakeConsumer
from tallybrook.ports.log import Chunk, Log, LogReader
from tallybrook.ports.log.local import SqliteLog, SqliteLogReader
from tallybrook.ports.sql.source import LocalSource, Source
from tallybrook.wiring import EFFECTS
from tests.contracts.lakes import Aws, LakeBackend, Local

MAY_1_2024_US = 1_714_521_600_000_000
DAY_US = 86_400_000_000


class LogByHand(Protocol):
    """Chunks written as the log's writing side writes them."""

    def put(self, chunk: Chunk) -> None: ...

    def open(self) -> Log:
        """The real writing side of the same log."""

    def reader(self) -> LogReader: ...

    def close(self) -> None: ...


class SqliteByHand:
    """The table of chunks in a data directory."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "log.db"
        self.db = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False)
        self.db.execute("PRAGMA journal_mode=WAL")
        self.db.execute(
            "CREATE TABLE chunks(first_seq INTEGER PRIMARY KEY, topic TEXT, count INTEGER,"
            " ingested_at INTEGER, body BLOB)"
        )

    def put(self, chunk: Chunk) -> None:
        row = (chunk.first_seq, "events", chunk.count, chunk.ingested_at, chunk.body)
        self.db.execute("INSERT INTO chunks VALUES (?,?,?,?,?)", row)

    def open(self) -> SqliteLog:
        return SqliteLog(self.path, EFFECTS)

    def reader(self) -> SqliteLogReader:
        return SqliteLogReader(self.path)

    def close(self) -> None:
        self.db.close()


class DynamoByHand:
    """The rows of the table ``log``: a chunk and the head, together."""

    def __init__(self, stack: str) -> None:
        from tallybrook.ports.aws.clients import client
        from tallybrook.ports.aws.tables import LOG, physical
        from tests.support.emulator import make_tables

        self.stack, self.table, self.dynamo = stack, physical(stack, LOG), client("dynamodb")
        make_tables(stack, (LOG,))

    def put(self, chunk: Chunk) -> None:
        from tallybrook.ports.log.aws.rows import HEAD_KEY, chunk_item

        items = [chunk_item(chunk), {**HEAD_KEY, "head": {"N": str(chunk.last_seq)}}]
        puts = [{"Put": {"TableName": self.table, "Item": item}} for item in items]
        self.dynamo.transact_write_items(TransactItems=puts)

    def open(self) -> Log:
        from tallybrook.ports.aws.tables import EVENTS
        from tallybrook.ports.log.aws import DynamoLog
        from tests.support.emulator import make_tables

        make_tables(self.stack, (EVENTS,))
        return DynamoLog(self.stack)

    def reader(self) -> LogReader:
        from tallybrook.ports.log.aws import DynamoLogReader

        return DynamoLogReader(self.stack)

    def close(self) -> None:
        """The table goes with the emulated account."""


class Data:
    """The log and the lake of one place. ``source`` is for the engine's children."""

    def __init__(
        self,
        folder: Path,
        log: LogByHand,
        lake: LakeBackend,
        source: Callable[[], Source],
        **options: Any,
    ) -> None:
        self.folder, self.log, self.source = folder, log, source
        self.reader = log.reader()
        self.head = 0
        self.quiet = False
        self.lake = LakeConsumer(lake.open(**options), lambda record: None, now_us=self._now_us)

    def _now_us(self) -> int:
        return time.time_ns() // 1000 + (10**10 if self.quiet else 0)

    def append(self, count: int = 1, account: str = "acme", **fields: Any) -> None:
        """Events in one chunk, on five days."""
        raw = {k: msgspec.Raw(v) for k, v in fields.items() if isinstance(v, bytes)}
        lines = [
            msgspec.json.encode(
                {
                    "seq": seq,
                    "event_id": f"e{seq}",
                    "event_type": "view",
                    "timestamp": MAY_1_2024_US + seq % 5 * DAY_US,
                    "ingested_at": MAY_1_2024_US,
                    "account_id": account,
                    "time_source": "event",
                }
                | fields
                | raw
            )
            for seq in range(self.head + 1, self.head + count + 1)
        ]
        self.log.put(Chunk(self.head + 1, count, MAY_1_2024_US, b"\n".join(lines)))
        self.head += count

    def flush(self) -> None:
        """Bring the lake up to the log's head."""
        while chunks := self.reader.chunks("events", self.lake.position()):
            self.lake.handle(chunks)

    def merge(self) -> None:
        self.quiet = True
        self.lake.idle()

    def close(self) -> None:
        self.lake.close()
        self.log.close()


def open_data(
    name: str, folder: Path, stack: Callable[[], str], *, manifests: bool = False
) -> Data:
    """``stack`` is asked for only where it is used: it starts the emulated account. ``manifests``:
    on AWS the lake has those by which Athena reads it."""
    if name == "local":
        return Data(folder, SqliteByHand(folder), Local(folder), lambda: LocalSource(str(folder)))
    from tallybrook.lake.ddl import manifest_of
    from tallybrook.ports.sql.aws import aws_source

    prefix = stack()
    lake = Aws(folder, prefix)
    return Data(
        folder,
        DynamoByHand(prefix),
        lake,
        lambda: aws_source(prefix, lake.bucket, folder / "cache", 64 << 20),
        manifest_of=manifest_of if manifests else None,
    )
