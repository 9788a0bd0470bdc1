"""From decoded rows to a table's columns and partitions: DuckDB's SQL, made of the definition."""

from tallybrook.lake.tables.model import Column, Partition, Table

_OF_TIME = {
    "day": "CAST({time} AS DATE)",
    "day_text": "strftime({time}, '%Y-%m-%d')",
    "year": "CAST(year({time}) AS INTEGER)",
    "month": "CAST(month({time}) AS INTEGER)",
}


def incoming_select(table: Table, source: str) -> str:
    """A SELECT of all columns of the table, partitions as they stand in the path.

    ``source`` has a column for each: instants as integers (microseconds), maps as JSON text,
    everything else as text or of its own type; and the partitions that are no part of the time.
    """
    inner = [
        *map(_typed, table.columns),
        *(_typed(p) for p in table.partitions if _given(table, p)),
    ]
    outer = [f'"{column.name}"' for column in table.columns]
    outer += [_partition(table, partition) for partition in table.partitions]
    return f"SELECT {', '.join(outer)} FROM (SELECT {', '.join(inner)} FROM {source})"


def _given(table: Table, partition: Partition) -> bool:
    return partition.kind in ("account", "value") or table.time is None


def _partition(table: Table, partition: Partition) -> str:
    name = f'"{partition.name}"'
    if _given(table, partition):
        return name
    made = _OF_TIME[partition.kind].replace("{time}", f'"{table.time}"')
    return f"{made} AS {name}"


def _typed(column: Column) -> str:
    name = f'"{column.name}"'
    if column.type == "TIMESTAMP":
        return f"make_timestamp({name}) AS {name}"
    if column.type.startswith("MAP"):
        return f"CAST(CAST({name} AS JSON) AS {column.type}) AS {name}"
    return f"CAST({name} AS {column.type}) AS {name}"
