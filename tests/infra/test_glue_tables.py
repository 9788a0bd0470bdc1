"""The catalog and the workgroup that the template makes: deployed in the emulated account, read
back, and every table read by them alone from files that the lake's writer put in S3."""

import json
from collections.abc import Iterator
from typing import Any

import duckdb
import pytest
from msgspec import Struct
from sqlglot import parse_one
from sqlglot.errors import OptimizeError
from sqlglot.optimizer.qualify import qualify

from infra.charts import CHARTS, statement
from infra.settings import StackSettings
from infra.template import Template
from tallybrook.lake.chores import Task, perform
from tallybrook.lake.consumer import LakeConsumer
from tallybrook.lake.ddl import database_of, manifest_of
from tallybrook.lake.scan import select_files
from tallybrook.lake.tables import TABLES
from tallybrook.ports.aws.clients import client
from tallybrook.settings import Settings
from tallybrook.sql.athena import athena
from tallybrook.sql.libraries import Library
from tallybrook.sql.saved import SavedQuery, bind
from tallybrook.wiring.lake import refreshed
from tests.contracts.lakes import Aws
from tests.lake.scored import NOW_US, chunk_of, cost_line, scored_line
from tests.support.athena.catalog import IN_FILES, Catalog, held_types
from tests.support.emulator import REGION, new_stack
from tests.support.waiting import wait_for

KINDS = ("AWS::Glue::Database", "AWS::Glue::Table", "AWS::Athena::WorkGroup")
NAME = "tallybrook"
QUERIES = Library().queries()


class Lake(Struct):
    """A lake with rows of every table, and the catalog by which Athena finds them."""

    backend: Aws
    catalog: Catalog


def alone(template: Template) -> dict[str, Any]:
    """What the template has for Athena."""
    kept = {name: made for name, made in template["Resources"].items() if made["Type"] in KINDS}
    return {"Resources": kept}


@pytest.fixture(scope="module")
def lake(
    emulator: object, highest: Template, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Lake]:
    folder = tmp_path_factory.mktemp("glue")
    backend = Aws(folder, new_stack())
    account = client("sts").get_caller_identity()["Account"]
    backend.bucket = f"{NAME}-{account}-{REGION}"
    client("s3").create_bucket(Bucket=backend.bucket)
    fill(backend)
    stacks, name = client("cloudformation"), f"{backend.stack}-catalog"
    stacks.create_stack(StackName=name, TemplateBody=json.dumps(alone(highest)))
    wait_for(lambda: _status(stacks, name) == "CREATE_COMPLETE")
    found = client("glue").get_tables(DatabaseName=database_of(NAME))["TableList"]
    tables = {table["Name"]: table for table in found}
    yield Lake(backend, Catalog(tables, client("s3"), folder / "athena"))
    stacks.delete_stack(StackName=name)


def _status(stacks: Any, name: str) -> str:
    (told,) = stacks.describe_stacks(StackName=name)["Stacks"]
    status: str = told["StackStatus"]
    assert not status.endswith("FAILED"), told
    return status


def fill(backend: Aws) -> None:
    """Rows of every table, by the product's own writers, in several partitions and files."""
    store = backend.open(manifest_of=manifest_of, now_us=lambda: NOW_US)
    lake = LakeConsumer(store, lambda record: None, now_us=lambda: NOW_US)
    users = [f"u{number}" for number in range(6)]
    scores = [scored_line(seq, user, seq % 2) for seq, user in enumerate(users, 1)]
    lake.handle([chunk_of(1, *scores, cost_line(7, estimated_cost=1.5))])
    more = scored_line(8, "u0", 3), cost_line(9, estimated_cost=0, function="x"), seen_line(10)
    lake.handle([chunk_of(8, *more)])
    perform(lake.writer, Task(op="refresh"), refreshed(Settings(min_people=2)))
    lake.close()


def seen_line(seq: int) -> bytes:
    """Somebody's event, which engagement is worked out of."""
    event = {
        "seq": seq, "event_id": f"s{seq}", "event_type": "page_view", "timestamp": NOW_US + seq,
        "ingested_at": NOW_US, "account_id": "acme", "time_source": "event", "user_id": "u1",
        "properties": {"path": "/"},
    }  # fmt: skip
    return json.dumps(event).encode() + b"\n"


def test_the_workgroup_is_as_the_template_says(lake: Lake) -> None:
    """Deployed, its limit and its place of results are enforced."""
    found = client("athena").get_work_group(WorkGroup=NAME)["WorkGroup"]["Configuration"]
    assert found["EnforceWorkGroupConfiguration"] is True
    assert found["BytesScannedCutoffPerQuery"] == 1 << 30
    place = found["ResultConfiguration"]["OutputLocation"]
    assert place == f"s3://{lake.backend.bucket}/results/athena/"


@pytest.mark.parametrize("name", TABLES)
def test_a_table_reads_what_the_writer_wrote(lake: Lake, name: str) -> None:
    """By the catalog's projection, locations and columns alone come exactly the rows of the lake,
    from files that hold these columns in these types and no others."""
    table = TABLES[name]
    parts = list(lake.catalog.parts(name, {"account_id": "acme"}))
    files = [file for part in parts for file in part.files]
    reader = lake.backend.reader()
    live = reader.snapshot("acme").of(name)
    located = list(zip(live, reader.locate(live), strict=True))
    reader.close()
    assert len(files) == len(live) > 0
    declared = lake.catalog.tables[name]["StorageDescriptor"]["Columns"]
    for file in files:
        assert held_types(file) == {c["Name"]: IN_FILES[c["Type"]] for c in declared}
    names = ", ".join(f'"{column.name}"' for column in table.all_columns)
    with duckdb.connect() as db:
        db.execute("SET TimeZone = 'UTC'")
        by_glue = db.execute(
            f"SELECT {names} FROM ({lake.catalog.select(name, parts)}) ORDER BY ALL"
        )
        seen, kinds = by_glue.fetchall(), [str(column[1]) for column in by_glue.description]
        ours = db.execute(f"SELECT {names} FROM ({select_files(table, located)}) ORDER BY ALL")
        assert kinds == [str(column[1]) for column in ours.description]
        assert [rounded(row) for row in ours.fetchall()] == seen
    assert {len(row) for row in seen} == {len(table.all_columns)}


def rounded(row: tuple[Any, ...]) -> tuple[Any, ...]:
    """To the milliseconds of Athena's timestamps; the rows have no more than microseconds below."""
    return tuple(
        value.replace(microsecond=value.microsecond // 1000 * 1000)
        if hasattr(value, "microsecond")
        else value
        for value in row
    )


def test_another_account_has_none_of_it(lake: Lake) -> None:
    """What is injected into the location is the account that the statement names."""
    for name in TABLES:
        assert list(lake.catalog.parts(name, {"account_id": "acm"})) == []


def test_rows_that_are_not_projected_are_not_found(lake: Lake) -> None:
    """The ranges are those that the page names: a manifest outside of them is passed over."""
    prefix = "lake/manifests/events/account_id=odd"
    for day in ("1999-12-31", "2000-01-01", "9999-01-01"):
        key = f"{prefix}/date={day}/files"
        client("s3").put_object(Bucket=lake.backend.bucket, Key=key, Body=b"")
    found = lake.catalog.parts("events", {"account_id": "odd"})
    assert [part.values["date"] for part in found] == ["2000-01-01"]


def columns_of(tables: dict[str, Any]) -> dict[str, Any]:
    """The catalog as the optimizer wants it."""
    return {
        database_of(NAME): {
            name: {
                column["Name"]: column["Type"]
                for column in [*table["StorageDescriptor"]["Columns"], *table["PartitionKeys"]]
            }
            for name, table in tables.items()
        }
    }


def require_known(sql: str, tables: dict[str, Any]) -> None:
    """Every column of a statement is one of the catalog's, or of the statement's own."""
    qualify(parse_one(sql, dialect="athena"), schema=columns_of(tables), dialect="athena")


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query.id)
def test_a_saved_query_names_what_the_catalog_has(lake: Lake, query: SavedQuery) -> None:
    """As Athena gets it, in Athena's dialect."""
    given = {"user": "u"} if query.id == "user_journey" else {}
    sent = athena(
        query.sql, bind(query, given), account_id="acme", database=database_of(NAME), now_us=NOW_US
    )
    require_known(sent.sql, lake.catalog.tables)


def test_a_chart_names_what_the_catalog_has(lake: Lake) -> None:
    """The dashboard's statements, too; a column that is not there would be found out."""
    settings = StackSettings(mrr_usd=5000, quicksight_account="acme")
    for chart in CHARTS:
        require_known(statement(chart, settings), lake.catalog.tables)
    with pytest.raises(OptimizeError, match="nothing"):
        require_known(
            f'SELECT nothing FROM (SELECT "seq" FROM "{NAME}"."events") AS e', lake.catalog.tables
        )
