"""TPC-H: the same question in Trino's words and in DuckDB's has the same rows.

The texts are ours, after the questions of the specification. Where the two dialects have different
words a text has both: ``[[Trino's || DuckDB's]]``.
"""

import re
import subprocess
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tallybrook.lake.tables import TABLES, Column, Table
from tallybrook.ports.sql import Limits
from tallybrook.sql.connection import open_connection
from tallybrook.sql.guard import guard

TEXTS = sorted((Path(__file__).parent / "tpch").glob("q*.sql"))
_EITHER = re.compile(r"\[\[(.*?) \|\| (.*?)\]\](?!\])", re.DOTALL)
_EMPTY_BELOW = {"q18": 0.02}
"""The smallest scale at which a question has rows."""

Database = duckdb.DuckDBPyConnection


def generate(folder: Path, scale: float) -> Path:
    """The tables, by the specification's generator (a package used in tests alone)."""
    command = Path(sysconfig.get_path("scripts")) / "tpchgen-cli"
    subprocess.run(
        [command, "parquet", "-s", str(scale), "-o", folder], check=True, capture_output=True
    )
    return folder


@pytest.fixture(scope="module", params=[0.01, pytest.param(1.0, marks=pytest.mark.slow)])
def database(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Database]:
    """A connection as a query's, the tables known to the guard and in ``main``."""
    folder = generate(tmp_path_factory.mktemp("tpch"), request.param)
    connection = open_connection(Limits(4 << 30, 2))
    with pytest.MonkeyPatch.context() as patch:
        for path in sorted(folder.glob("*.parquet")):
            connection.execute(f"CREATE TABLE {path.stem} AS FROM '{path}'")
            described = connection.execute(f"DESCRIBE {path.stem}").fetchall()
            columns = tuple(Column(name, "VARCHAR", "") for name, *_ in described)
            patch.setitem(TABLES, path.stem, a_table(path.stem, columns))
        yield connection
    connection.close()


def a_table(name: str, columns: tuple[Column, ...]) -> Table:
    return Table(name=name, description="", columns=columns, partitions=(), sort=(), time=None)


def dialects(path: Path) -> tuple[str, str]:
    """Trino's text and DuckDB's."""
    text = path.read_text()
    return _EITHER.sub(r"\1", text), _EITHER.sub(r"\2", text)


def answer(connection: Database, sql: str) -> tuple[list[str], list[Any]]:
    """Column names and rows."""
    found = connection.execute(sql)
    return [column[0] for column in found.description], found.fetchall()


def test_all_questions_are_there() -> None:
    """Twenty-two, and most of them are written differently in the two dialects."""
    assert [path.stem for path in TEXTS] == [f"q{n:02}" for n in range(1, 23)]
    assert sum(trino != native for trino, native in map(dialects, TEXTS)) >= 17


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.stem)
def test_native_and_translated_rows_are_identical(database: Database, path: Path) -> None:
    """Through the whole guard, with every place that reads a table behind a view of its own."""
    trino, native = dialects(path)
    statement = guard(trino, now_us=0)
    for scan in statement.scans:
        database.execute(f"CREATE OR REPLACE VIEW {scan.view} AS FROM {scan.table}")
    translated = answer(database, statement.sql)
    database.execute("SET integer_division = false")
    try:
        assert translated == answer(database, native)
    finally:
        database.execute("SET integer_division = true")
    (rows,) = database.execute("SELECT count(*) FROM region, lineitem").fetchone() or (0,)
    big_enough = rows / 5 / 6_000_000 >= _EMPTY_BELOW.get(path.stem, 0)
    assert translated[1] or not big_enough
