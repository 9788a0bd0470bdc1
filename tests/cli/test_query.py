"""``tallybrook query``: rows on stdout in the asked form, the rest on stderr."""

import csv
import io
import json
from pathlib import Path

import duckdb
import pytest

from tests.cli.conftest import Remote
from tests.support import wait_for


@pytest.fixture(scope="module", autouse=True)
def some_events(product: object) -> None:
    from tests.support import Running

    assert isinstance(product, Running)
    events = [
        {
            "event_type": "asked", "user_id": f"u{n % 2}", "event_id": f"asked-{n}",
            "properties": {"n": n},
        }
        for n in range(4)
    ]  # fmt: skip
    assert product.client.post("/events/batch", json={"events": events}).status_code == 202


SQL = (
    "SELECT user_id, count(*) AS n, 'a,\"b' AS odd FROM events"
    " WHERE event_type = 'asked' GROUP BY 1 ORDER BY 1"
)
ROWS = [{"user_id": "u0", "n": 2, "odd": 'a,"b'}, {"user_id": "u1", "n": 2, "odd": 'a,"b'}]


def test_json_and_ndjson_keep_types(remote: Remote) -> None:
    """For programs: one array, or an object a line; nothing else on stdout."""
    ran = remote("query", SQL, "--format", "json", "--full-scan")
    assert (ran.code, json.loads(ran.out)) == (0, ROWS), ran.err
    ran = remote("query", SQL, "--format", "ndjson", "--full-scan")
    assert [json.loads(line) for line in ran.out.splitlines()] == ROWS


def test_csv_is_read_back_as_it_was(remote: Remote) -> None:
    """Commas and quotes in cells are quoted."""
    ran = remote("query", SQL, "--format", "csv", "--full-scan")
    assert list(csv.DictReader(io.StringIO(ran.out))) == [
        {name: str(value) for name, value in row.items()} for row in ROWS
    ]


def test_a_table_is_for_people_and_what_it_took_goes_to_stderr(remote: Remote) -> None:
    """Piped, nothing is cut or folded."""
    ran = remote("query", SQL + " LIMIT 9", "--full-scan")
    assert ran.code == 0
    assert all(name in ran.out for name in ("user_id", "u0", "u1"))
    assert "2 rows" in ran.err
    assert "bytes scanned" in ran.err
    # Not at once where the lake has taken in events between the two.
    wait_for(lambda: "from the cache" in remote("query", SQL + " LIMIT 9", "--full-scan").err)


def test_a_parameter_is_bound(remote: Remote) -> None:
    """Quotes in a value are only quotes."""
    sql = "SELECT {{text}} AS t, {{n}} + 1 AS n"
    ran = remote(
        "query", "-", "--param", "text=it's", "--param", "n=41", "--format", "json", stdin=sql
    )
    assert (ran.code, json.loads(ran.out or "null")) == (0, [{"t": "it's", "n": 42}]), ran.err


def test_a_cut_result_says_so(remote: Remote) -> None:
    """--limit never passes for everything."""
    ran = remote(
        "query", "SELECT event_id FROM events WHERE event_type = 'asked'",
        "--limit", "3", "--format", "ndjson", "--full-scan",
    )  # fmt: skip
    assert len(ran.out.splitlines()) == 3
    assert "more rows" in ran.err


@pytest.mark.parametrize(
    "sql", ["DROP TABLE events", "SELEC 1", "SELECT * FROM read_csv('/etc/passwd')"]
)
def test_a_refused_statement_is_exit_code_1_and_its_reason(remote: Remote, sql: str) -> None:
    """One line on stderr, nothing on stdout."""
    ran = remote("query", sql)
    assert (ran.code, ran.out) == (1, "")
    assert len(ran.err.strip().splitlines()) == 1


def test_a_file_is_made_by_the_server(remote: Remote, tmp_path: Path) -> None:
    """Its form is that of its name's ending; a refused statement leaves no file."""
    to = tmp_path / "asked.parquet"
    ran = remote("query", SQL, "--full-scan", "--output", str(to))
    assert ran.code == 0, ran.err
    found = duckdb.sql(f"FROM '{to}'")
    assert [dict(zip(found.columns, row, strict=True)) for row in found.fetchall()] == ROWS
    assert "2 rows" in ran.err
    ran = remote("query", "DROP TABLE events", "--output", str(tmp_path / "x.csv"))
    assert ran.code == 1
    assert [path.name for path in tmp_path.iterdir()] == ["asked.parquet"]


def test_a_saved_query_is_run_by_its_id(remote: Remote) -> None:
    """With its defaults and parameters; listed and shown with them."""
    ran = remote("query", "--saved", "daily_active_users", "--param", "days=2", "--format", "json")
    assert ran.code == 0, ran.err
    assert sum(row["users"] for row in json.loads(ran.out)) >= 2
    assert "daily_active_users" in remote("queries", "list").out
    assert "days integer, default 30" in remote("queries", "show", "daily_active_users").out


@pytest.mark.parametrize(
    "arguments",
    [
        ("query",),
        ("query", "SELECT 1", "--saved", "x"),
        ("query", "SELECT 1", "--format", "xlsx"),
        ("query", "SELECT 1", "--output", "x.pdf"),
    ],
)
def test_what_cannot_be_meant(remote: Remote, arguments: tuple[str, ...]) -> None:
    """A usage error, exit code 2."""
    assert remote(*arguments).code == 2
