"""DuckDB connections for foreign statements: limited, then locked."""

from typing import Any

import duckdb

from tallybrook.ports.sql import Limits

__all__ = ["Limits", "lock", "open_connection"]

_SCALAR = """
CREATE MACRO tb_json_scalar(document, path) AS
CASE WHEN TRY(json_extract_string(document, path))[1] IN ('{', '[')
      AND TRY(json_type(document, path)) IN ('OBJECT', 'ARRAY') THEN NULL
     ELSE TRY(json_extract_string(document, path)) END
"""
"""One parse of the document for ordinary values; the type is asked only where it matters. TRY is
around each call: the engine may move a shared expression out of a TRY around the whole."""


def open_connection(limits: Limits) -> duckdb.DuckDBPyConnection:
    """An empty in-memory database with Trino's arithmetic; not locked yet."""
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
    connection.execute("SET TimeZone = 'UTC'; SET integer_division = true")
    connection.execute(_SCALAR)
    return connection


def lock(connection: duckdb.DuckDBPyConnection, directory: str | None) -> None:
    """From here on it can read one directory at most and change no setting."""
    if directory is not None:
        allowed = directory.replace("'", "''")
        connection.execute(f"SET allowed_directories = ['{allowed}']")
    connection.execute("SET enable_external_access = false; SET lock_configuration = true")
