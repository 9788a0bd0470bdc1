"""How many bytes a stack keeps: its tables as DynamoDB describes them, its objects by their list.

Approximate: DynamoDB works its figures out about every six hours, and old versions of objects,
which are gone after a day (the lake) or thirty, are not listed.
"""

from collections.abc import Iterable

from tallybrook.events.instants import DAY_US
from tallybrook.ports.aws.clients import client, translated
from tallybrook.ports.aws.tables import LOG, SOCKETS, TABLES, Table, physical, records_table
from tallybrook.ports.objects import Objects, everything
from tallybrook.ports.usage import Stored

ROW_BYTES = 100
"""What DynamoDB bills for each row, of a table or an index, beside what is in it."""

SELDOM = "archive/"
SELDOM_FROM_US = 30 * DAY_US
"""What the bucket takes into the storage class of what is seldom read, and when."""


def stored(stack: str, record_types: Iterable[str], objects: Objects, now_us: int) -> Stored:
    """The bytes at this moment. A thousand objects are one call. Raises ``StorageError``."""
    tables = [*TABLES, *map(records_table, record_types)]
    described = {table.name: _described(stack, table) for table in tables}
    seldom = listed = 0
    for found in everything(objects):
        if found.key.startswith(SELDOM) and found.modified_at < now_us - SELDOM_FROM_US:
            seldom += found.size_bytes
        else:
            listed += found.size_bytes
    return Stored(
        table_bytes=sum(table + indexes for table, indexes in described.values()),
        backed_up_bytes=sum(
            table for name, (table, _) in described.items() if name != SOCKETS.name
        ),
        object_bytes=listed,
        seldom_bytes=seldom,
    )


def counted_bytes(stack: str, record_types: Iterable[str]) -> int:
    """What counting from scratch reads: the log and the records. Raises ``StorageError``."""
    tables = (LOG, *map(records_table, record_types))
    return sum(_described(stack, table)[0] for table in tables)


def _described(stack: str, table: Table) -> tuple[int, int]:
    """Bytes of a table, and of its indexes."""
    with translated("describe a table"):
        found = client("dynamodb").describe_table(TableName=physical(stack, table))["Table"]
    indexes = [
        *found.get("GlobalSecondaryIndexes", ()), *found.get("LocalSecondaryIndexes", ()),
    ]  # fmt: skip
    return _bytes(found, "TableSizeBytes"), sum(_bytes(one, "IndexSizeBytes") for one in indexes)


def _bytes(found: dict[str, int], size: str) -> int:
    return int(found.get(size, 0)) + ROW_BYTES * int(found.get("ItemCount", 0))
