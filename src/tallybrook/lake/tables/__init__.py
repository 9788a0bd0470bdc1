"""The lake's tables as data: Parquet columns, SQL views, Athena's DDL, guard and docs are all made
from here.

A column may be added to a table at any time: files from before read as NULL in it. One that is
there keeps its name and type.
"""

from tallybrook.lake.tables.assessments import ASSESSMENT_EVENTS, OCEAN_SCORES
from tallybrook.lake.tables.derived import INDUSTRY_BENCHMARKS, USER_ENGAGEMENT
from tallybrook.lake.tables.events import EVENTS
from tallybrook.lake.tables.model import (
    Column,
    ColumnType,
    Partition,
    PartitionKind,
    Person,
    Table,
    Tables,
)
from tallybrook.lake.tables.selecting import incoming_select
from tallybrook.lake.tables.usage import COST_TRACKING

__all__ = [
    "ASSESSMENT_EVENTS",
    "COST_TRACKING",
    "EVENTS",
    "INDUSTRY_BENCHMARKS",
    "OCEAN_SCORES",
    "TABLES",
    "USER_ENGAGEMENT",
    "Column",
    "ColumnType",
    "Partition",
    "PartitionKind",
    "Person",
    "Table",
    "Tables",
    "incoming_select",
]

TABLES: dict[str, Table] = {
    table.name: table
    for table in (
        EVENTS,
        ASSESSMENT_EVENTS,
        OCEAN_SCORES,
        USER_ENGAGEMENT,
        COST_TRACKING,
        INDUSTRY_BENCHMARKS,
    )
}
