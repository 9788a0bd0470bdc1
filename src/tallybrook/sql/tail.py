"""The end of the log that the lake does not have yet, as tables of the query's connection."""

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

import duckdb
from msgspec import Struct, field

from tallybrook.events.model import Event
from tallybrook.lake.erased import Leaving
from tallybrook.lake.scan import partition_value
from tallybrook.lake.tables import TABLES, Table, incoming_select
from tallybrook.ports.lake import Snapshot
from tallybrook.ports.log import Chunk, LogReader

if TYPE_CHECKING:
    from tallybrook.lake.routes import Batch
    from tallybrook.lake.rows import BadLine

PAGE = 50_000
LONG_TAIL = 200_000


class Tail(Struct):
    """``events`` of the account that were read, complete up to ``position``, and how many rows
    they come to by table: those of a table are in ``name_of`` it."""

    position: int
    events: int = 0
    rows: dict[str, int] = field(default_factory=dict)


def name_of(table: str) -> str:
    """What the rows of a table that are in the log alone are called."""
    return f"tb_tail_{table}"


def load(
    connection: duckdb.DuckDBPyConnection,
    log: LogReader,
    account_id: str,
    after: Snapshot,
    tables: Iterable[str],
) -> Tail:
    """Read on from a lake position to the head of the log, page by page.

    Lines that cannot be rows are left out: the lake's consumer keeps them as failed records. So is
    who was erased.
    """
    tail, leaving = Tail(after.position), Leaving(after.erased)
    known = (TABLES[name] for name in tables if name in TABLES)
    wanted = {table.name: table for table in known if table.source == "log"}
    marked = f'"account_id":"{account_id}"'.encode()
    while wanted and (chunks := log.chunks("events", tail.position, PAGE)):
        if here := [chunk for chunk in chunks if marked in chunk.body]:
            events = _events(here, tail.position, account_id)
            tail.events += len(events)
            for batch in _batches(leaving.out(events), wanted):
                _append(connection, batch, tail)
        tail.position = chunks[-1].last_seq
    return tail


# What makes arrays of events takes a sixth of the time that a query process starts in, and is
# loaded with the first tail that holds any.


def _events(chunks: list[Chunk], after_seq: int, account_id: str) -> list[Event]:
    from tallybrook.lake.rows import decode

    return [e for e in decode(chunks, after_seq, _leave) if e.account_id == account_id]


def _batches(events: list[Event], wanted: Mapping[str, Table]) -> Iterator["Batch"]:
    from tallybrook.lake.routes import route

    return route(events, _leave, wanted)


def _append(connection: duckdb.DuckDBPyConnection, batch: "Batch", tail: Tail) -> None:
    name, before = batch.table.name, tail.rows.get(batch.table.name, 0)
    connection.register("tb_incoming", batch.columns)
    into = f"INSERT INTO {name_of(name)}" if before else f"CREATE TABLE {name_of(name)} AS"
    connection.execute(f"{into} {_select(batch.table)}")
    connection.unregister("tb_incoming")
    tail.rows[name] = before + batch.rows


def _select(table: Table) -> str:
    """All columns as a query sees them."""
    names = [f'"{c.name}"' for c in table.columns] + [partition_value(p) for p in table.partitions]
    return f"SELECT {', '.join(names)} FROM ({incoming_select(table, 'tb_incoming')})"


def _leave(_bad: "BadLine") -> None:
    """Somebody else's to report."""
