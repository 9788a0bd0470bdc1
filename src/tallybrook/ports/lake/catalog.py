"""The SQLite catalog of the local lake: which files are the table, and up to which position."""

import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from tallybrook.errors import ConflictError
from tallybrook.ports.lake import DataFile, Erased, Snapshot

SCHEMA = """
CREATE TABLE IF NOT EXISTS state(
  id INTEGER PRIMARY KEY CHECK (id = 1), position INTEGER NOT NULL, snapshot_id INTEGER NOT NULL);
INSERT OR IGNORE INTO state VALUES (1, 0, 0);
CREATE TABLE IF NOT EXISTS files(
  path TEXT PRIMARY KEY, account_id TEXT NOT NULL, date TEXT NOT NULL, rows INTEGER NOT NULL,
  bytes INTEGER NOT NULL, min_us INTEGER NOT NULL, max_us INTEGER NOT NULL,
  column_bytes BLOB NOT NULL, added_us INTEGER NOT NULL, removed_us INTEGER) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS erased(
  account_id TEXT NOT NULL, digest TEXT NOT NULL, up_to INTEGER NOT NULL,
  PRIMARY KEY (account_id, digest)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS live ON files(account_id, date) WHERE removed_us IS NULL;
CREATE INDEX IF NOT EXISTS gone ON files(removed_us) WHERE removed_us IS NOT NULL;
"""

LATER = {"max_seq": "INTEGER NOT NULL DEFAULT 0", "source": "TEXT NOT NULL DEFAULT ''"}
"""Columns of ``files`` that a catalog from before does not have."""

_FIELDS = (
    "path, account_id, date, rows, bytes, min_us, max_us, column_bytes, added_us, max_seq, source"
)
_decode_sizes = msgspec.json.Decoder(dict[str, int]).decode
_Row = tuple[str, str, str, int, int, int, int, bytes, int, int, str]


def connect(path: Path, *, read_only: bool) -> sqlite3.Connection:
    """Open the catalog in autocommit mode; transactions are written out where they matter."""
    mode = "ro" if read_only else "rwc"
    uri = f"{path.absolute().as_uri()}?mode={mode}"
    db = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False, timeout=10)
    if not read_only:
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=FULL")
        db.executescript(SCHEMA)
        _add_later_columns(db)
    return db


def _add_later_columns(db: sqlite3.Connection) -> None:
    there = {row[1] for row in db.execute("PRAGMA table_info(files)")}
    for name, kind in LATER.items():
        if name not in there:
            db.execute(f"ALTER TABLE files ADD COLUMN {name} {kind}")


def position(db: sqlite3.Connection) -> int:
    row: tuple[int] = db.execute("SELECT position FROM state").fetchone()
    return row[0]


def snapshot(db: sqlite3.Connection, account_id: str) -> Snapshot:
    """State and files read in one transaction, so that they belong together."""
    db.execute("BEGIN")
    try:
        at, number = db.execute("SELECT position, snapshot_id FROM state").fetchone()
        rows = db.execute(
            f"SELECT {_FIELDS} FROM files WHERE account_id = ? AND removed_us IS NULL"
            " ORDER BY date, path",
            (account_id,),
        ).fetchall()
        gone = [one for one in erased(db) if one.account_id == account_id]
    finally:
        db.execute("COMMIT")
    return Snapshot(number, at, tuple(map(_file, rows)), tuple(gone))


def erased(db: sqlite3.Connection) -> list[Erased]:
    """Those whose rows lie past the position; what is before it has been left out."""
    sql = "SELECT account_id, digest, up_to FROM erased, state WHERE up_to > position"
    return [Erased(*row) for row in db.execute(sql)]


def accounts(db: sqlite3.Connection) -> list[str]:
    rows = db.execute("SELECT DISTINCT account_id FROM files ORDER BY account_id")
    return [account for (account,) in rows]


def small_files(db: sqlite3.Connection, below_bytes: int) -> list[DataFile]:
    rows = db.execute(
        f"SELECT {_FIELDS} FROM files WHERE removed_us IS NULL AND bytes < ?"
        " ORDER BY account_id, added_us, path",
        (below_bytes,),
    )
    return [_file(row) for row in rows]


def commit(
    db: sqlite3.Connection,
    add: Sequence[DataFile],
    remove: Sequence[str],
    position: int | None,
    erased: Sequence[Erased],
    now_us: int,
) -> int:
    """One transaction for everything; the new snapshot id."""
    db.execute("BEGIN IMMEDIATE")
    try:
        number = _move(db, position)
        _add(db, add, now_us)
        _remove(db, remove, now_us)
        _erase(db, erased)
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise
    return number


def _move(db: sqlite3.Connection, position: int | None) -> int:
    at, number = db.execute("SELECT position, snapshot_id FROM state").fetchone()
    if position is not None and position < at:
        raise ConflictError(f"position {position} is below the committed position {at}")
    row = (at if position is None else position, number + 1)
    db.execute("UPDATE state SET position = ?, snapshot_id = ?", row)
    return int(number) + 1


def _add(db: sqlite3.Connection, add: Sequence[DataFile], now_us: int) -> None:
    try:
        db.executemany(
            f"INSERT INTO files({_FIELDS}) VALUES (?,?,?,?,?,?,?,?,?,?,?)",
            [_row(file, now_us) for file in add],
        )
    except sqlite3.IntegrityError as error:
        raise ConflictError("a file with that path is already in the catalog") from error


def _remove(db: sqlite3.Connection, remove: Sequence[str], now_us: int) -> None:
    sql = "UPDATE files SET removed_us = ? WHERE path = ? AND removed_us IS NULL"
    for path in remove:
        if db.execute(sql, (now_us, path)).rowcount != 1:
            raise ConflictError(f"{path} is not a live file of the lake")


def _erase(db: sqlite3.Connection, erased: Sequence[Erased]) -> None:
    """A later erasure of the same person reaches further; what the position is past goes."""
    db.executemany(
        "INSERT INTO erased VALUES (?,?,?)"
        " ON CONFLICT DO UPDATE SET up_to = max(up_to, excluded.up_to)",
        [(one.account_id, one.digest, one.up_to) for one in erased],
    )
    db.execute("DELETE FROM erased WHERE up_to <= (SELECT position FROM state)")


def expired(db: sqlite3.Connection, before_us: int) -> list[DataFile]:
    rows = db.execute(f"SELECT {_FIELDS} FROM files WHERE removed_us <= ?", (before_us,))
    return [_file(row) for row in rows]


def forget(db: sqlite3.Connection, paths: Iterable[str]) -> None:
    db.execute("BEGIN IMMEDIATE")
    db.executemany("DELETE FROM files WHERE path = ?", [(path,) for path in paths])
    db.execute("COMMIT")


def known_paths(db: sqlite3.Connection) -> set[str]:
    return {path for (path,) in db.execute("SELECT path FROM files")}


def _row(file: DataFile, now_us: int) -> _Row:
    sizes, day = msgspec.json.encode(file.column_bytes), file.values.get("date", "")
    return (
        *(file.path, file.account_id, day, file.rows, file.bytes, file.min_us, file.max_us),
        *(sizes, now_us, file.max_seq, file.source),
    )


def _file(row: _Row) -> DataFile:
    path, account_id, _, rows, size, min_us, max_us, sizes, added_us, max_seq, source = row
    return DataFile(
        path=path,
        account_id=account_id,
        rows=rows,
        bytes=size,
        min_us=min_us,
        max_us=max_us,
        column_bytes=_decode_sizes(sizes),
        added_us=added_us,
        max_seq=max_seq,
        source=source,
    )
