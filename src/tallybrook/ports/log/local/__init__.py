"""The log on one machine: SQLite (WAL, synced at every commit) and one committer thread."""

from tallybrook.ports.log.local.committer import SqliteLog
from tallybrook.ports.log.local.reader import SqliteLogReader

__all__ = ["SqliteLog", "SqliteLogReader"]
