"""The saved queries: each on generated rows, against answers computed without SQL."""

import json
import re
from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

import duckdb
import pytest
from sqlglot import parse_one

from tallybrook.lake.tables import TABLES
from tallybrook.lake.tables.naming import type_name
from tallybrook.ports.sql import Limits
from tallybrook.sql.connection import open_connection
from tallybrook.sql.guard import guard
from tallybrook.sql.libraries import Library
from tallybrook.sql.saved import SavedQuery, bind
from tests.sql.answers import ANSWERS, ocean_distribution_industry
from tests.sql.rows import NOW, Row, generate

QUERIES = Library().queries()


@pytest.fixture(scope="module")
def data() -> dict[str, list[Row]]:
    return generate()


@pytest.fixture(scope="module")
def database(
    data: dict[str, list[Row]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[duckdb.DuckDBPyConnection]:
    folder = tmp_path_factory.mktemp("rows")
    connection = open_connection(Limits(512 << 20, 2))
    for name, rows in data.items():
        path = folder / f"{name}.ndjson"
        path.write_text("\n".join(json.dumps(row, default=_plain) for row in rows))
        columns = ", ".join(f"'{c.name}': '{c.type}'" for c in TABLES[name].all_columns)
        connection.execute(
            f"CREATE TABLE {name} AS FROM read_json('{path}', format = 'newline_delimited',"
            f" columns = {{{columns}}})"
        )
    yield connection
    connection.close()


def _plain(value: date) -> str:
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S.%f")
    return value.isoformat()


def run(connection: duckdb.DuckDBPyConnection, query: SavedQuery, **given: Any) -> list[Row]:
    """The rows by name; the columns are those that the file promises."""
    now_us = int(NOW.timestamp() * 1_000_000)
    statement = guard(query.sql, bind(query, given), now_us=now_us)
    for scan in statement.scans:
        connection.execute(f"CREATE OR REPLACE VIEW {scan.view} AS FROM {scan.table}")
    sql = statement.exact_sql
    used = {k: v for k, v in statement.parameters.items() if re.search(rf"\${k}\b", sql)}
    found = connection.execute(sql, used)
    columns = [(column[0], type_name(str(column[1]))) for column in found.description]
    assert columns == [(column.name, column.type) for column in query.columns]
    return [dict(zip([c[0] for c in columns], row, strict=True)) for row in found.fetchall()]


def test_every_query_is_there() -> None:
    """All that the specification names, each with an answer to compare with."""
    assert {query.id for query in QUERIES} == set(ANSWERS)


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query.id)
def test_answers(
    query: SavedQuery, database: duckdb.DuckDBPyConnection, data: dict[str, list[Row]]
) -> None:
    """The same rows, in the same order, as without SQL; and there are some."""
    given = {"user": "u7"} if query.id == "user_journey" else {}
    found, expected = run(database, query, **given), ANSWERS[query.id](data)
    assert len(found) == len(expected) > 0
    for row, wanted in zip(found, expected, strict=True):
        assert row == {
            name: pytest.approx(value) if isinstance(value, float) else value
            for name, value in wanted.items()
        }


def test_parameters_change_the_answer(
    database: duckdb.DuckDBPyConnection, data: dict[str, list[Row]]
) -> None:
    """Fewer people are enough when it is said so."""
    library = Library()
    query = library.get("ocean_distribution_industry")
    assert len(run(database, query, min_people=5)) == len(ocean_distribution_industry(data, 5)) > 5


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query.id)
def test_valid_on_athena(query: SavedQuery) -> None:
    """Parses as Athena's SQL with values in the places of parameters, comes out of it unchanged in
    meaning, and leaves nothing to be said against it: no decimals that are divided, no star."""
    sql = re.sub(r"\{\{\w+\}\}", "1", query.sql)
    tree = parse_one(sql, dialect="athena")
    assert parse_one(tree.sql(dialect="athena"), dialect="athena") == tree
    given = {"user": "u"} if query.id == "user_journey" else {}
    hints = guard(query.sql, bind(query, given), now_us=0).hints
    assert [hint for hint in hints if "exact" not in hint and "LIMIT" not in hint] == []
