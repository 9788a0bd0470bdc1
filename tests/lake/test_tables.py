"""The table as data and the page that describes it are one."""

from pathlib import Path

from tallybrook.lake.tables import EVENTS

PAGE = Path(__file__).parents[2] / "docs" / "concepts" / "lake-and-sql.md"


def test_page_lists_every_column() -> None:
    """The page's table is the schema: names, types, descriptions, in order."""
    keys = {column.name for column in EVENTS.partitions}
    rows = [
        f"| {c.name} | {c.trino_type} | {c.description}{' (partition)' * (c.name in keys)} |"
        for c in EVENTS.all_columns
    ]
    assert "\n".join(rows) in PAGE.read_text()
