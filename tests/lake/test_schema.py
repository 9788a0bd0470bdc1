"""From one definition: Athena's DDL, what SQL reads of old files, the page."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
import sqlglot
from sqlglot import exp

from tallybrook.assessments.library import built_in
from tallybrook.lake import routes, scan
from tallybrook.lake.chores import Task, perform
from tallybrook.lake.ddl import create_statement, manifest_of, table_input
from tallybrook.lake.tables import EVENTS, TABLES, Table
from tallybrook.lake.tables.assessments import INVENTORIES
from tallybrook.lake.tables.model import Column
from tests.lake.product import Embedded

EVERY = pytest.mark.parametrize("table", TABLES.values(), ids=list(TABLES))


@EVERY
@pytest.mark.parametrize("dialect", ["athena", "hive"])
def test_the_ddl_is_what_the_table_is(table: Table, dialect: str) -> None:
    """It parses, with every column once, quoted, in its type; no partition is a column too."""
    tree = sqlglot.parse_one(create_statement(table, "bucket", "lake"), dialect=dialect)
    assert isinstance(tree, exp.Create)
    columns = [c.name for c in tree.this.expressions]
    keys = tree.find(exp.PartitionedByProperty).this.expressions
    parted = [c.name for c in keys]
    assert columns == [c.name for c in table.columns]
    assert parted == [p.name for p in table.partitions]
    assert not set(columns) & set(parted)
    assert all(c.this.quoted for c in [*tree.this.expressions, *keys])
    kinds = {c.name: c.args["kind"].sql("hive").lower() for c in tree.this.expressions}
    assert kinds == {c.name: _hive(c.hive_type) for c in table.columns}


def _hive(kind: str) -> str:
    """As sqlglot writes it."""
    return sqlglot.parse_one(kind, into=exp.DataType, dialect="hive").sql("hive").lower()


@EVERY
def test_every_partition_is_projected(table: Table) -> None:
    """Athena needs nobody to register a partition: each is a range, a list, or named by the query
    (which only the account always is)."""
    found = table_input(table, "bucket")["Parameters"]
    kinds = {p.name: found[f"projection.{p.name}.type"] for p in table.partitions}
    assert found["projection.enabled"] == "true"
    assert kinds.pop("account_id") == "injected"
    assert set(kinds.values()) <= {"date", "integer", "enum"}
    for partition in table.partitions:
        assert f"${{{partition.name}}}" in found["storage.location.template"]


def test_a_manifest_lies_where_athena_looks() -> None:
    """Under the template of the table, with the partition's values as a query has them."""
    folder = "assessment_events/account_id=acme/date=2026-03-01/assessment_type=ocean-120"
    found = table_input(TABLES["assessment_events"], "b")["Parameters"]
    place = found["storage.location.template"]
    for name, value in {
        "account_id": "acme", "date": "2026/03/01", "assessment_type": "ocean-120",
    }.items():  # fmt: skip
        place = place.replace(f"${{{name}}}", value)
    assert f"s3://b/{manifest_of(folder)}" == f"{place}files"


def test_athena_knows_the_inventories() -> None:
    """Those that come with the product are in the projection's list."""
    assert set(built_in()) <= set(INVENTORIES)


@pytest.fixture
def world(tmp_path: Path) -> Any:
    opened = Embedded(tmp_path)
    yield opened
    opened.close()


def test_an_added_column_works_on_old_files(world: Embedded, monkeypatch: Any) -> None:
    """Rows from before read as NULL in it, beside rows that have it; so they do when both were
    merged, and when people were erased from the old ones."""
    world.append({"user_id": "old"}, {"user_id": "gone"})
    world.flush()
    added = Column("score", "DOUBLE", "New.")
    wider = msgspec.structs.replace(EVENTS, columns=(*EVENTS.columns, added))
    monkeypatch.setitem(TABLES, "events", wider)
    monkeypatch.setattr(routes, "EVENTS", wider)
    real = routes.columns

    def columns(events: Any) -> Any:
        return real(events) | {"score": routes.text_array([1.5] * len(events))}

    monkeypatch.setattr(routes, "columns", columns)
    ask = "SELECT user_id, score FROM events ORDER BY user_id DESC"
    assert world.ask(ask.replace("score", "1 AS score")) == [["old", 1], ["gone", 1]]
    world.append({"user_id": "new"})
    world.flush()
    files = world.lake.writer.store.snapshot("acme").files
    assert scan.select_files(wider, [(f, "x") for f in files]).count("CAST(NULL AS DOUBLE)") == 1
    rows = "SELECT user_id, score FROM (" + _located(world, wider) + ") ORDER BY user_id DESC"
    engine = world.lake.writer.engine
    assert engine.execute(rows).fetchall() == [("old", None), ("new", 1.5), ("gone", None)]
    erased = Task(op="erase", account_id="acme", names=["gone"], up_to=world.reader.head())
    perform(world.lake.writer, erased)
    perform(world.lake.writer, Task(op="compact"))
    assert len(world.lake.writer.store.snapshot("acme").files) == 1
    rows = "SELECT user_id, score FROM (" + _located(world, wider) + ") ORDER BY user_id DESC"
    assert engine.execute(rows).fetchall() == [("old", None), ("new", 1.5)]


def _located(world: Embedded, table: Table) -> str:
    store = world.lake.writer.store
    files = store.snapshot("acme").of(table.name)
    return scan.select_files(table, list(zip(files, store.locate(files), strict=True)))
