"""The log on one machine: SQLite (WAL, synced at every commit) and one committer thread.

``SqliteLog`` is loaded when it is first asked for: who only reads needs nothing of it.
"""

from typing import TYPE_CHECKING, Any

from tallybrook.ports.log.local.reader import SqliteLogReader

if TYPE_CHECKING:
    from tallybrook.ports.log.local.committer import SqliteLog as SqliteLog

__all__ = ["SqliteLog", "SqliteLogReader"]


def __getattr__(name: str) -> Any:
    if name == "SqliteLog":
        from tallybrook.ports.log.local.committer import SqliteLog

        return SqliteLog
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
