"""What the clock's answers are kept as: a table of results, and its first page to be read.

``hand_in`` is for whoever ran the query, ``take_in`` for whoever writes the lake. The table is what
is true; the page beside it is the beginning of the same answer.
"""

import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from tallybrook.errors import ConflictError, TerminalError
from tallybrook.events.ids import new_ulid
from tallybrook.events.instants import DAY_US, format_instant
from tallybrook.lake.erasures import last_of
from tallybrook.lake.tables.naming import type_name
from tallybrook.lake.tables.results import name_of
from tallybrook.lake.tasks import Task
from tallybrook.ports.objects import Objects, everything
from tallybrook.ports.sql import QueryMetadata, ResultColumn
from tallybrook.ports.state import MAX_VALUE_BYTES, Put, State
from tallybrook.sql.kept import Kept, ResultTable, pages_of, tables_of
from tallybrook.sql.values import Cells

if TYPE_CHECKING:
    from tallybrook.lake.results import Adopted
    from tallybrook.lake.writing import Writer

MAX_KEPT_ROWS = 5_000
HANDED_IN = "tmp/results/"
"""Where answers lie between the two; what is left there by a crash is deleted after a day."""

_CHUNK_BYTES = 1 << 20


class HandedIn(Struct):
    """An answer that lies at ``key``, as a task for the lake's writer says it. ``metadata`` tells
    of which snapshot it is."""

    query_id: str
    key: str
    made_us: int
    metadata: QueryMetadata


_handed_in = msgspec.json.Decoder(HandedIn)


def hand_in(
    objects: Objects, account_id: str, query_id: str, made_us: int, metadata: QueryMetadata,
    answer: Path,
) -> Task:  # fmt: skip
    """Put an answer where the lake's writer finds it; the task that has it taken in."""
    key = f"{HANDED_IN}{new_ulid(time.time_ns() // 1000)}.parquet"
    objects.put(key, _chunks(answer))
    told = HandedIn(query_id, key, made_us, metadata)
    return Task(op="result", account_id=account_id, answer=msgspec.Raw(msgspec.json.encode(told)))


def take_in(writer: "Writer", task: Task, objects: Objects, state: State) -> dict[str, Any]:
    """Make an answer the account's table and the kept page; what became of it, for JSON.

    Taken in twice it is what it was after the first time. Raises ``ConflictError`` for one from
    before somebody was erased, and what ``lake.results.adopt`` raises: nothing is changed then, and
    the answer is given up unless it can be tried again.
    """
    told = _handed_in.decode(task.answer)
    if objects.head(told.key) is None:  # it was, or it lay there for longer than a day
        return {"op": task.op, "table": name_of(told.query_id), "changed": False}
    try:
        found = _taken_in(writer, task.account_id, told, objects, state)
    except TerminalError:
        objects.delete(told.key)
        raise
    objects.delete(told.key)
    return {"op": task.op, **msgspec.structs.asdict(found)}


def _taken_in(
    writer: "Writer", account_id: str, told: HandedIn, objects: Objects, state: State
) -> "Adopted":
    from tallybrook.lake.results import adopt

    answer = Path(writer.store.scratch()) / f"{uuid.uuid4().hex}.parquet"
    try:
        with answer.open("wb") as file:
            file.writelines(objects.stream(told.key))
        with writer.lock:
            _require_newer(state, account_id, told.metadata.snapshot)
            found = adopt(writer, account_id, told.query_id, told.made_us, answer)
            _keep(state, account_id, told, found.rows, *_first_rows(writer, answer))
    finally:
        answer.unlink(missing_ok=True)
    return found


def _require_newer(state: State, account_id: str, snapshot: int) -> None:
    """Raise ``ConflictError`` for an answer that may hold somebody who was erased meanwhile."""
    last = last_of(state, account_id)
    if last is not None and snapshot < last.snapshot:
        raise ConflictError("somebody was erased while the query ran: it has to run again")


def _first_rows(writer: "Writer", answer: Path) -> tuple[list[ResultColumn], list[list[Any]]]:
    """The columns of an answer, and its first rows as JSON has them."""
    path = str(answer).replace("'", "''")
    found = writer.engine.execute(
        f"SELECT * FROM read_parquet('{path}', hive_partitioning = false) LIMIT {MAX_KEPT_ROWS}"
    )
    columns = [ResultColumn(name, type_name(str(kind))) for name, kind, *_ in found.description]
    cells = Cells()
    return columns, [cells.row(row) for row in found.fetchall()]


def _keep(
    state: State, account_id: str, told: HandedIn, rows_in_all: int,
    columns: list[ResultColumn], rows: list[list[Any]],
) -> None:  # fmt: skip
    """The page and what is said of the table, in one step."""
    at, name = format_instant(told.made_us), name_of(told.query_id)
    metadata = msgspec.structs.replace(
        told.metadata, rows=rows_in_all, truncated=len(rows) < rows_in_all
    )
    page = Kept(
        query_id=told.query_id, table=name, refreshed_at=at, columns=columns, rows=rows,
        metadata=metadata,
    )  # fmt: skip
    table = ResultTable(
        query_id=told.query_id, name=name, refreshed_at=at, columns=columns, rows=rows_in_all
    )
    state.write(
        [
            Put(pages_of(account_id), told.query_id, _fitting(page)),
            Put(tables_of(account_id), told.query_id, msgspec.json.encode(table)),
        ]
    )


def sweep(objects: Objects, now_us: int) -> None:
    """Delete answers that nobody took in for a day: who handed them in died before saying so."""
    for found in everything(objects, HANDED_IN):
        if found.modified_at < now_us - DAY_US:
            objects.delete(found.key)


def _chunks(answer: Path) -> Iterator[bytes]:
    with answer.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            yield chunk


def _fitting(answer: Kept) -> bytes:
    """As many rows as an item of the state holds."""
    value = msgspec.json.encode(answer)
    while len(value) > MAX_VALUE_BYTES:
        answer.rows = answer.rows[: len(answer.rows) // 2]
        answer.metadata.truncated = True
        value = msgspec.json.encode(answer)
    return value
