"""docs/reference/tables.md from the lake's tables."""

from tallybrook.lake.tables import TABLES, Table
from tools.pages.markdown import code, table

INTRO = """# Tables

What SQL can read, over the rows of your account. Types are those of the query's dialect (Trino's,
as in Athena). On disk the tables are Parquet files below `lake/` in the data directory, a folder a
partition.

"""


def section(described: Table) -> str:
    partitions = {column.name for column in described.partitions}
    rows = [
        (
            code(column.name),
            column.trino_type,
            "partition" if column.name in partitions else "",
            column.description,
        )
        for column in described.all_columns
    ]
    head = f"## {described.name}\n\n{described.description}\n\n"
    return head + table(["column", "type", "", "meaning"], rows) + "\n"


def page() -> str:
    return INTRO + "".join(section(TABLES[name]) for name in sorted(TABLES))
