"""Taking in the answer of a saved query as the account's table of it.

The new file takes the place of the old one in one commit: a reader has the whole answer of before
or the whole new one. What was replaced goes as every replaced file does, when its grace is over.
"""

import hashlib
import uuid
from pathlib import Path

from msgspec import Struct

from tallybrook.errors import InvalidError
from tallybrook.lake.scan import literal
from tallybrook.lake.tables.results import (
    PLAIN,
    Origin,
    name_of,
    require_size,
    source_of,
    table_of,
)
from tallybrook.lake.write import copy_plain
from tallybrook.lake.writing import Writer
from tallybrook.ports.lake import DataFile


class Adopted(Struct, frozen=True):
    """What the table is now. ``changed`` is false where it was the same already."""

    table: str
    rows: int
    bytes: int
    changed: bool


def adopt(writer: Writer, account_id: str, query_id: str, made_us: int, answer: Path) -> Adopted:
    """Make a Parquet file the account's table ``results_<query_id>``, with its rows in their order.

    The same answer again changes nothing. Raises ``TooLargeError`` for one over the limits,
    ``InvalidError`` for one with a column that has no plain name; the table stays as it was.
    """
    digest = _digest(answer)
    with writer.lock:
        live = writer.store.snapshot(account_id).of(name_of(query_id))
        if len(live) == 1 and f'"{digest}"' in live[0].source:
            return Adopted(name_of(query_id), live[0].rows, live[0].bytes, changed=False)
        columns = _columns(writer, answer)
        file = _written(writer, account_id, Origin(query_id, made_us, digest, columns), answer)
        writer.commit([file], live)
    return Adopted(file.table, file.rows, file.bytes, changed=True)


def _written(writer: Writer, account_id: str, origin: Origin, answer: Path) -> DataFile:
    """The answer as a file of the lake that nothing refers to yet."""
    table = table_of(origin)
    path = f"{table.name}/account_id={account_id}/{uuid.uuid4().hex}.parquet"
    query = f"SELECT * FROM read_parquet({literal(str(answer))}, hive_partitioning = false)"
    with writer.writing("take in an answer"):
        return copy_plain(writer.engine, writer.store, query, path, account_id, source_of(origin))


def _columns(writer: Writer, answer: Path) -> tuple[tuple[str, str], ...]:
    """Names and DuckDB's types. Raises as ``adopt``."""
    with writer.writing("read an answer"):
        found = writer.engine.execute(
            f"SELECT * FROM read_parquet({literal(str(answer))}, hive_partitioning = false) LIMIT 0"
        ).description
        counted = writer.engine.execute(
            f"SELECT count(*) FROM read_parquet({literal(str(answer))}, hive_partitioning = false)"
        ).fetchone()
    require_size(counted[0] if counted else 0, answer.stat().st_size)
    for name, *_ in found:
        if not PLAIN.fullmatch(name):
            raise InvalidError(
                f"the column {name[:60]!r} of the answer cannot be one of a table: give it a name"
                " of letters, digits and _ with AS"
            )
    return tuple((str(name), str(kind)) for name, kind, *_ in found)


def _digest(answer: Path) -> str:
    with answer.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
