"""The SQLite file behind the log, the counters, the records and the failed records."""

import sqlite3
from pathlib import Path

from tallybrook.errors import StorageError

_SCHEMA = """
CREATE TABLE IF NOT EXISTS chunks (
    first_seq INTEGER PRIMARY KEY,
    topic TEXT NOT NULL,
    count INTEGER NOT NULL,
    ingested_at INTEGER NOT NULL,
    body BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS counters (
    account_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    series TEXT NOT NULL,
    minutes INTEGER NOT NULL,
    start_s INTEGER NOT NULL,
    count INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (account_id, minutes, kind, series, start_s)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS records (
    account_id TEXT NOT NULL,
    record_type TEXT NOT NULL,
    record_id TEXT NOT NULL,
    instant_us INTEGER,
    skipped TEXT,
    body TEXT NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (account_id, record_type, record_id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS failed (
    failed_id TEXT PRIMARY KEY,
    account_id TEXT NOT NULL,
    source TEXT NOT NULL,
    reason TEXT NOT NULL,
    detail TEXT NOT NULL,
    body TEXT NOT NULL,
    encoding TEXT NOT NULL,
    tries INTEGER NOT NULL,
    status TEXT NOT NULL,
    first_at INTEGER NOT NULL,
    last_at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS failed_by_account ON failed (account_id, status, failed_id);
"""


def open_writer(path: Path) -> sqlite3.Connection:
    """The connection of the one writer: WAL, synced at every commit, checkpoints left to others."""
    try:
        connection = sqlite3.connect(
            path, timeout=10, isolation_level=None, check_same_thread=False, cached_statements=64
        )
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA wal_autocheckpoint=0")
        connection.execute("PRAGMA cache_size=-16000")
        connection.executescript(_SCHEMA)
    except sqlite3.Error as error:
        raise StorageError(f"cannot open {path.name}: {error}") from error
    return connection


def open_reader(path: Path) -> sqlite3.Connection:
    """A read-only connection; each statement, or each explicit transaction, sees one commit."""
    try:
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=ro",
            uri=True,
            timeout=10,
            isolation_level=None,
            check_same_thread=False,
        )
    except sqlite3.Error as error:
        raise StorageError(f"cannot open {path.name}: {error}") from error
    return connection
