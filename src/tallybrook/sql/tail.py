"""The end of the log that the lake does not have yet, as a table of the query's connection."""

import duckdb
from msgspec import Struct

from tallybrook.lake.rows import BadLine, columns, decode
from tallybrook.lake.tables import EVENTS, parquet_select
from tallybrook.ports.log import LogReader

PAGE = 50_000
LONG_TAIL = 200_000

_ROW = (
    f"{parquet_select(EVENTS)}, CAST(account_id AS VARCHAR) AS account_id,"
    " CAST(make_timestamp(timestamp) AS DATE) AS date"
)


class Tail(Struct):
    """``events`` rows of the account in the table ``tb_tail``; complete up to ``position``."""

    position: int
    events: int = 0


def load(
    connection: duckdb.DuckDBPyConnection, log: LogReader, account_id: str, after_seq: int
) -> Tail:
    """Read on from a lake position to the head of the log, page by page.

    Lines that cannot be rows are left out: the lake's consumer keeps them as failed records.
    """
    tail = Tail(after_seq)
    while chunks := log.chunks("events", tail.position, PAGE):
        mine = f'"account_id":"{account_id}"'.encode()
        here = [chunk for chunk in chunks if mine in chunk.body]
        events = [e for e in decode(here, tail.position, _leave) if e.account_id == account_id]
        if events:
            _append(connection, columns(events), first=not tail.events)
        tail.events += len(events)
        tail.position = chunks[-1].last_seq
    return tail


def _append(connection: duckdb.DuckDBPyConnection, rows: dict[str, object], first: bool) -> None:
    connection.register("tb_incoming", rows)
    into = "CREATE TABLE tb_tail AS" if first else "INSERT INTO tb_tail"
    connection.execute(f"{into} SELECT {_ROW} FROM tb_incoming")
    connection.unregister("tb_incoming")


def _leave(_bad: BadLine) -> None:
    """Somebody else's to report."""
