"""Reading files of a table as the table is now: SQL for DuckDB, pure.

A column that a file does not have yet reads as NULL. Which it has is known from the catalog, so no
file is opened to find out.
"""

from collections import defaultdict
from collections.abc import Sequence

from tallybrook.lake.tables import Partition, Table
from tallybrook.ports.lake import DataFile

Located = tuple[DataFile, str]
"""A file and where it is."""


def select_files(table: Table, files: Sequence[Located]) -> str:
    """A SELECT of all columns and partitions over files; of no rows where there is no file."""
    groups: dict[frozenset[str], list[str]] = defaultdict(list)
    for file, address in files:
        groups[_missing(table, file)].append(address)
    return " UNION ALL ".join(_part(table, *group) for group in groups.items()) or nothing(table)


def nothing(table: Table) -> str:
    """The same columns, no rows."""
    nulls = (f'CAST(NULL AS {c.type}) AS "{c.name}"' for c in table.all_columns)
    return f"SELECT {', '.join(nulls)} WHERE false"


def literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _missing(table: Table, file: DataFile) -> frozenset[str]:
    if not file.column_bytes:  # nothing is known of it: it was not written here
        return frozenset()
    return frozenset(c.name for c in table.columns if c.name not in file.column_bytes)


def _part(table: Table, missing: frozenset[str], addresses: list[str]) -> str:
    columns = [
        f'CAST(NULL AS {c.type}) AS "{c.name}"' if c.name in missing else f'"{c.name}"'
        for c in table.columns
    ]
    return (
        f"SELECT {', '.join([*columns, *map(partition_value, table.partitions)])}"
        f" FROM read_parquet([{', '.join(map(literal, addresses))}], {_hive(table)})"
    )


def _hive(table: Table) -> str:
    """How the path is read; of a table without partitions it says nothing."""
    if not table.partitions:
        return "hive_partitioning = false"
    types = ", ".join(f"{literal(p.name)}: {p.type}" for p in table.partitions)
    return f"hive_partitioning = true, hive_types = {{{types}}}"


def partition_value(partition: Partition) -> str:
    """The value of a partition column, made of what stands in the path."""
    if partition.kind == "day_text":
        return f"replace(\"{partition.name}\", '-', '/') AS \"{partition.name}\""
    return f'"{partition.name}"'


def path_value(partition: Partition) -> str:
    """The reverse of ``partition_value``."""
    if partition.kind == "day_text":
        return f"replace(\"{partition.name}\", '/', '-') AS \"{partition.name}\""
    return f'"{partition.name}"'
