"""Athena's DDL and Glue's table input of a table, from its definition. Pure.

Partitions are projected: nobody registers any. What a partition holds is said by one *manifest* in
its folder under ``manifests/``, a list of the live files, which the lake's writer puts whole after
every commit: Athena (and every engine of the Hive family) sees a partition before a commit or after
it, never between, and never a file that was merged and waits for its grace to end.
"""

from typing import Any

from tallybrook.lake.tables import TABLES, Column, Partition, Table

INPUT = "org.apache.hadoop.hive.ql.io.SymlinkTextInputFormat"
OUTPUT = "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat"
SERDE = "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"
MANIFESTS = "lake/manifests"
FIRST_YEAR, LAST_YEAR = 2000, 2100
"""Years that are projected; rows of others are in the files and not in Athena."""


def database_of(stack: str) -> str:
    """What Glue calls a stack's database. Stacks have no underscores, so no two share one."""
    return stack.replace("-", "_")


def create_statement(table: Table, bucket: str, database: str = "tallybrook") -> str:
    """One ``CREATE EXTERNAL TABLE``, without a semicolon. Every name is quoted."""
    properties = ",\n  ".join(
        f"{_text(key)} = {_text(value)}" for key, value in properties_of(table, bucket).items()
    )
    return (
        f"CREATE EXTERNAL TABLE IF NOT EXISTS `{database}`.`{table.name}` (\n"
        f"  {_columns(table.columns)}\n)\n"
        f"COMMENT {_text(table.description)}\n"
        f"PARTITIONED BY (\n  {_columns(table.partitions)}\n)\n"
        f"ROW FORMAT SERDE '{SERDE}'\n"
        f"STORED AS INPUTFORMAT '{INPUT}'\nOUTPUTFORMAT '{OUTPUT}'\n"
        f"LOCATION {_text(location(table, bucket))}\n"
        f"TBLPROPERTIES (\n  {properties}\n)"
    )


def _columns(columns: tuple[Column, ...] | tuple[Partition, ...]) -> str:
    return ",\n  ".join(f"`{c.name}` {c.hive_type} COMMENT {_text(c.description)}" for c in columns)


def table_input(table: Table, bucket: str) -> dict[str, Any]:
    """The same as Glue's ``TableInput``."""
    return {
        "Name": table.name,
        "Description": table.description,
        "TableType": "EXTERNAL_TABLE",
        "Parameters": {"EXTERNAL": "TRUE", **properties_of(table, bucket)},
        "PartitionKeys": [_glue(c) for c in table.partitions],
        "StorageDescriptor": {
            "Columns": [_glue(c) for c in table.columns],
            "Location": location(table, bucket),
            "InputFormat": INPUT,
            "OutputFormat": OUTPUT,
            "SerdeInfo": {"SerializationLibrary": SERDE},
        },
    }


def _glue(column: Column) -> dict[str, str]:
    return {"Name": column.name, "Type": column.hive_type, "Comment": column.description}


def location(table: Table, bucket: str) -> str:
    return f"s3://{bucket}/{MANIFESTS}/{table.name}/"


def properties_of(table: Table, bucket: str) -> dict[str, str]:
    """What Athena is told of the partitions and where each of them is."""
    parts = "/".join(f"{p.name}=${{{p.name}}}" for p in table.partitions)
    found = {
        "classification": "parquet",
        "projection.enabled": "true",
        "storage.location.template": f"{location(table, bucket)}{parts}/",
    }
    for partition in table.partitions:
        for key, value in _projection(partition).items():
            found[f"projection.{partition.name}.{key}"] = value
    return found


def _projection(partition: Partition) -> dict[str, str]:
    """``injected``: a query has to name the value (an account's is always named)."""
    if partition.kind in ("day", "day_text"):
        parted = "-" if partition.kind == "day" else "/"
        return {
            "type": "date",
            "format": f"yyyy{parted}MM{parted}dd",
            "range": f"{FIRST_YEAR}{parted}01{parted}01,NOW+2DAYS",
            "interval": "1",
            "interval.unit": "DAYS",
        }
    if partition.kind == "year":
        return {"type": "integer", "range": f"{FIRST_YEAR},{LAST_YEAR}"}
    if partition.kind == "month":
        return {"type": "integer", "range": "1,12"}
    if partition.values:
        return {"type": "enum", "values": ",".join(partition.values)}
    return {"type": "injected"}


def manifest_of(folder: str) -> str | None:
    """The key in the bucket of the manifest of a partition, which ``DataFile.folder`` names. None
    for a table that Athena does not have: one of results."""
    name, *parts = folder.split("/")
    table = TABLES.get(name)
    if table is None:
        return None
    values = dict(part.split("=", 1) for part in parts)
    said = [f"{p.name}={_in_athena(p, values[p.name])}" for p in table.partitions]
    return "/".join([MANIFESTS, table.name, *said, "files"])


def _in_athena(partition: Partition, value: str) -> str:
    return value.replace("-", "/") if partition.kind == "day_text" else value


def _text(value: str) -> str:
    """A literal of Hive's DDL, in which a quote is escaped and not doubled."""
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
