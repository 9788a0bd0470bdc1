"""What Athena calls DuckDB's types. Pure."""

import re

_NAMES = {
    "FLOAT": "real",
    # What sums of integers are in DuckDB; in Trino they are bigint.
    "HUGEINT": "bigint",
    "UHUGEINT": "bigint",
    "UBIGINT": "decimal(20,0)",
    "UINTEGER": "bigint",
    "USMALLINT": "integer",
    "UTINYINT": "smallint",
    "BLOB": "varbinary",
    "INTERVAL": "interval day to second",
    '"NULL"': "unknown",
}
_LIST = re.compile(r"(.*)\[\d*\]")


def type_name(duckdb_type: str) -> str:
    """``INTEGER[]`` → ``array(integer)``; struct and map types keep DuckDB's text."""
    if found := _LIST.fullmatch(duckdb_type):
        return f"array({type_name(found[1])})"
    return _NAMES.get(duckdb_type, duckdb_type.lower())
