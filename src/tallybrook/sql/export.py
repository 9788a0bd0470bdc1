"""An answer as a file: CSV, NDJSON, Parquet by DuckDB itself, XLSX row by row. Flat in memory."""

import duckdb

from tallybrook.ports.sql import Format
from tallybrook.sql.execution import ZONED, described

_WHOLE = {"HUGEINT": "BIGINT", "UHUGEINT": "BIGINT", "UBIGINT": "BIGINT"}
_INSTANT = "'%Y-%m-%dT%H:%M:%S.%fZ'"
_OPTIONS: dict[Format, str] = {
    "parquet": "FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 100000",
    "csv": f"FORMAT csv, HEADER true, TIMESTAMPFORMAT {_INSTANT}",
    "ndjson": f"FORMAT json, TIMESTAMPFORMAT {_INSTANT}",
}


def export(
    connection: duckdb.DuckDBPyConnection, sql: str, values: dict[str, object],
    form: Format, path: str,
) -> int:  # fmt: skip
    """Write all rows to ``path``; how many. Columns with the same name get a number."""
    names, types = described(connection.execute(f"SELECT * FROM ({sql}) LIMIT 0", values))
    shown = _shown(form, types)
    named = ", ".join(f"{s} AS {_quoted(n)}" for s, n in zip(shown, distinct(names), strict=True))
    places = ", ".join(f"c{number}" for number in range(len(types)))
    select = f"SELECT {named} FROM ({sql}) AS tb_result({places})"
    if form == "xlsx":
        from tallybrook.sql.sheets import write

        _, kinds = described(connection.execute(f"SELECT * FROM ({select}) LIMIT 0", values))
        return write(connection, select, values, distinct(names), kinds, path)
    to = path.replace("'", "''")
    found = connection.execute(f"COPY ({select}) TO '{to}' ({_OPTIONS[form]})", values).fetchone()
    return int(found[0]) if found else 0


def distinct(names: list[str]) -> list[str]:
    """The names, those that came before with ``_2``, ``_3`` … (case apart)."""
    seen: set[str] = set()
    found = []
    for name in names:
        number, new = 1, name
        while new.lower() in seen:
            number += 1
            new = f"{name}_{number}"
        seen.add(new.lower())
        found.append(new)
    return found


def _shown(form: Format, types: list[str]) -> list[str]:
    return [_cell(form, f"c{number}", kind) for number, kind in enumerate(types)]


def _cell(form: Format, name: str, kind: str) -> str:
    """What a column becomes: instants in UTC, wide sums as bigint, and what a format has no type
    for as text."""
    if kind == ZONED:
        return f"timezone('UTC', {name})"
    if kind in _WHOLE:
        return f"CAST({name} AS {_WHOLE[kind]})"
    if kind == "INTERVAL" or kind.startswith("TIME"):
        return name if kind.startswith("TIMESTAMP") else f"CAST({name} AS VARCHAR)"
    if form == "parquet":
        return name
    if form == "ndjson":
        if kind in ("DOUBLE", "FLOAT"):
            return f"CASE WHEN isfinite({name}) THEN {name} END"
        return f"CAST({name} AS VARCHAR)" if kind.startswith("DECIMAL") else name
    nested = kind.endswith("]") or kind.startswith(("STRUCT", "MAP"))
    return f"CAST(to_json({name}) AS VARCHAR)" if nested else name


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
