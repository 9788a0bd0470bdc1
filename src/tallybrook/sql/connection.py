"""DuckDB connections for foreign statements: limited, then locked."""

from collections.abc import Sequence
from typing import Any

import duckdb

from tallybrook.ports.sql import Limits
from tallybrook.sql import macros

__all__ = ["SETTINGS", "Limits", "lock", "open_connection", "open_plain"]


SETTINGS = "SET TimeZone = 'UTC'; SET integer_division = true"
"""What a cursor has to be told again."""


def open_connection(limits: Limits) -> duckdb.DuckDBPyConnection:
    """An empty in-memory database with Trino's arithmetic and functions; not locked yet."""
    connection = open_plain(limits)
    macros.define(connection)
    return connection


def open_plain(limits: Limits) -> duckdb.DuckDBPyConnection:
    """The same, whose functions are still to be defined (``macros.define_used``)."""
    config: dict[str, Any] = {
        "threads": limits.threads,
        "memory_limit": f"{limits.memory_bytes}B",
        "temp_directory": "",
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
        "allow_community_extensions": False,
        "allow_unsigned_extensions": False,
        "python_enable_replacements": False,
    }
    connection = duckdb.connect(config=config)
    connection.execute(SETTINGS)
    return connection


def lock(connection: duckdb.DuckDBPyConnection, directories: Sequence[str]) -> None:
    """From here on it can read these directories alone and change no setting."""
    if directories:
        allowed = ", ".join("'" + directory.replace("'", "''") + "'" for directory in directories)
        connection.execute(f"SET allowed_directories = [{allowed}]")
    connection.execute("SET enable_external_access = false; SET lock_configuration = true")
