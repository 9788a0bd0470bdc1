"""SQL over HTTP: pages, files, saved queries, executions (SPEC 8)."""

import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from tests.server.running import Account, Running, assert_problem, event
from tests.support import wait_for

if TYPE_CHECKING:
    import pandas

ROWS = 25
NOW = datetime.now(UTC).replace(microsecond=123_000)
SQL = (
    "SELECT seq, event_id, timestamp, date, CAST(seq AS double) / 4 AS share, seq % 2 = 0 AS even,"
    " if(seq % 5 > 0, user_id) AS who, sum(seq) OVER () AS total FROM events"
    " WHERE date >= date_add('day', -2, current_date) ORDER BY event_id"
)
COLUMNS = ["seq", "event_id", "timestamp", "date", "share", "even", "who", "total"]


@pytest.fixture(scope="module")
def asked(server: Running) -> Iterator[Account]:
    account = server.account("sqlhttp")
    stamps = [(NOW - timedelta(minutes=n)).isoformat() for n in range(ROWS)]
    account.send(
        *(
            event(user=f'=u{n};,"x"', event_id=f"e{n:03}", timestamp=stamp)
            for n, stamp in enumerate(stamps)
        )
    )
    yield account
    account.close()


def ask(account: Account, path: str = "/query", **body: Any) -> Any:
    reply = account.http.post(path, json=body)
    assert reply.status_code == 200, reply.text
    return reply


def test_pages_join_without_a_gap(asked: Account) -> None:
    """Pages of an answer hold all rows once, by the body and by the execution; and the same
    question is answered from what is kept, until an event comes in."""
    first = ask(asked, sql=SQL, page_rows=10).json()
    pages = [first]
    while token := pages[-1]["metadata"]["next_token"]:
        pages.append(ask(asked, next_token=token, page_rows=10).json())
    rows = [row for page in pages for row in page["rows"]]
    assert [len(page["rows"]) for page in pages] == [10, 10, 5]
    assert [row[1] for row in rows] == [f"e{n:03}" for n in range(ROWS)]
    path = f"/executions/{first['execution_id']}/results"
    assert asked.get(path, page_rows=1000)["rows"] == rows
    again = ask(asked, path="/api/analytics/query", sql=SQL).json()
    assert again["metadata"]["from_cache"]
    assert again["metadata"]["scanned_bytes"] == 0
    assert again["rows"] == rows
    assert ask(asked, sql=SQL, format="json").json()["rows"] == rows
    asked.send(event(event_id="new", timestamp=NOW.isoformat()))
    fresh = ask(asked, sql=SQL).json()
    assert not fresh["metadata"]["from_cache"]
    assert len(fresh["rows"]) == ROWS + 1


@pytest.fixture(scope="module")
def plain(asked: Account) -> list[list[Any]]:
    """The rows as JSON cells."""
    rows: list[list[Any]] = ask(asked, sql=SQL + " LIMIT 20").json()["rows"]
    return rows


def test_csv_and_ndjson(asked: Account, plain: list[list[Any]]) -> None:
    """Read by pandas with their types, text with quotes, commas and formulas as it was."""
    import pandas

    reply = ask(asked, sql=SQL, format="csv", limit=20)
    assert reply.headers["content-type"].startswith("text/csv")
    assert "attachment" in reply.headers["content-disposition"]
    frame = pandas.read_csv(io.BytesIO(reply.content), parse_dates=["timestamp", "date"])
    check(frame, plain)
    lines = ask(asked, sql=SQL, format="ndjson", limit=20).text.splitlines()
    documents = [json.loads(line) for line in lines]
    assert [list(document.values())[4:] for document in documents] == [row[4:] for row in plain]
    assert [d["timestamp"][:19] for d in documents] == [row[2][:19] for row in plain]


def test_parquet(asked: Account, plain: list[list[Any]], tmp_path: Path) -> None:
    """Read by pandas and by DuckDB, with the types of the answer."""
    import pandas

    content = ask(asked, sql=SQL, format="parquet", limit=20).content
    check(pandas.read_parquet(io.BytesIO(content)), plain)
    (tmp_path / "x.parquet").write_bytes(content)
    found = duckdb.sql(f"DESCRIBE FROM '{tmp_path / 'x.parquet'}'").fetchall()
    assert [row[1] for row in found] == [
        "BIGINT", "VARCHAR", "TIMESTAMP", "DATE", "DOUBLE", "BOOLEAN", "VARCHAR", "BIGINT",
    ]  # fmt: skip


def test_xlsx(asked: Account, plain: list[list[Any]]) -> None:
    """Opened by openpyxl: numbers, booleans, dates and text are cells of their type, and no text
    is a formula."""
    import openpyxl
    import pandas

    content = ask(asked, sql=SQL, format="xlsx", limit=20).content
    sheet = openpyxl.load_workbook(io.BytesIO(content)).worksheets[0]
    rows = list(sheet.iter_rows(values_only=True))
    assert list(rows[0]) == COLUMNS
    kinds = [type(cell).__name__ for cell in rows[2]]
    assert kinds[:4] == ["int", "str", "datetime", "datetime"]
    assert kinds[5] == "bool"
    assert [row[6] for row in rows[1:]] == [row[6] for row in plain]
    assert {c.data_type for c in sheet["G"][1:] if c.value} == {"s"}
    frame = pandas.read_excel(io.BytesIO(content))
    assert [str(d)[:19] for d in frame["timestamp"]] == [r[2][:19].replace("T", " ") for r in plain]


def check(frame: "pandas.DataFrame", plain: list[list[Any]]) -> None:
    import pandas

    assert list(frame.columns) == COLUMNS
    assert list(frame["seq"]) == [row[0] for row in plain]
    assert frame["seq"].dtype.kind == "i"
    assert frame["even"].dtype == bool
    assert list(frame["share"]) == [row[4] for row in plain]
    assert [None if pandas.isna(who) else who for who in frame["who"]] == [r[6] for r in plain]
    stamps = [pandas.Timestamp(row[2]).tz_localize(None) for row in plain]
    assert [stamp.tz_localize(None) for stamp in frame["timestamp"]] == stamps


def test_saved_queries(asked: Account) -> None:
    """Listed, shown, run with defaults and parameters, and refused with the parameter named."""
    listed = asked.get("/queries")
    assert len(listed["queries"]) >= 14
    shown = asked.get("/queries/daily_active_users")
    assert shown["parameters"][0]["default"] == 30
    reply = ask(asked, path="/queries/daily_active_users/run", parameters={"days": 3})
    answer = reply.json()
    assert [c["name"] for c in answer["columns"]] == [c["name"] for c in shown["columns"]]
    assert sum(row[1] for row in answer["rows"]) >= ROWS
    assert asked.http.post("/queries/daily_active_users/run").status_code == 200
    wrong = asked.http.post("/queries/user_journey/run", json={"parameters": {"days": "x"}})
    pointers = {fault["pointer"] for fault in assert_problem(wrong, 422)["errors"]}
    assert pointers == {"/parameters/user", "/parameters/days"}
    assert_problem(asked.http.post("/queries/none/run"), 404)
    assert_problem(asked.http.get("/queries/user_journey/result"), 404)


def test_executions(asked: Account, new_account: Any) -> None:
    """Begun without waiting, looked at, cancelled; kept in the history with what they cost (prices
    that were asked are not), and nobody else's business."""
    endless = "SELECT count(*) FROM " + ", ".join(
        f"UNNEST(sequence(1, 100000)) AS t{n}(x{n})" for n in range(4)
    )
    begun = asked.http.post("/query", json={"sql": endless, "wait": False})
    assert begun.status_code == 202
    execution = begun.json()
    path = f"/executions/{execution['execution_id']}"
    assert asked.get(path)["state"] in ("queued", "running")
    other = new_account()
    assert_problem(other.http.get(path), 404)
    assert_problem(other.http.delete(path), 404)
    assert asked.http.delete(path).json()["cancelled"]
    wait_for(lambda: asked.get(path)["state"] == "cancelled", 20, "the end")
    assert not asked.http.delete(path).json()["cancelled"]
    assert_problem(asked.http.get(f"{path}/results"), 409)
    done = ask(asked, sql="SELECT 1").json()
    refused = asked.http.post("/query", json={"sql": "DROP TABLE events"})
    assert_problem(refused, 400)
    assert_problem(asked.http.post("/query", json={"sql": "SELECT", "dry_run": True}), 400)
    newest = asked.get("/executions", limit=3)
    states = [one["state"] for one in newest["executions"]]
    assert states == ["failed", "succeeded", "cancelled"]
    assert newest["executions"][1]["execution_id"] == done["execution_id"]
    assert newest["executions"][1]["usd"] == done["metadata"]["estimated_usd"]
    older = asked.get("/executions", limit=3, cursor=newest["next_cursor"])["executions"]
    assert older[0]["execution_id"] not in [one["execution_id"] for one in newest["executions"]]


@pytest.mark.parametrize(
    "body",
    [
        {"sql": "SELECT 1", "format": "pdf"},
        {"sql": "SELECT 1", "page_rows": 0},
        {"sql": "SELECT 1", "limit": 10**9, "format": "csv"},
        {"next_token": "x"},
        {"next_token": "x.10", "page_rows": 99_999},
    ],
)
def test_bad_requests(asked: Account, body: dict[str, Any]) -> None:
    """Refused with a problem document."""
    reply = asked.http.post("/query", json=body)
    assert_problem(reply, 404 if body == {"next_token": "x"} else 422)


def test_a_file_that_cannot_be_made_is_an_error(asked: Account, server: Running) -> None:
    """Not half a file; and nothing is left of it."""
    sql = "SELECT CAST(event_id AS bigint) FROM events WHERE date = current_date"
    assert_problem(asked.http.post("/query", json={"sql": sql, "format": "parquet"}), 400)
    long = {"sql": "SELECT rpad('', 40000, 'x')", "format": "xlsx"}
    assert "Excel" in assert_problem(asked.http.post("/query", json=long), 400)["detail"]
    assert list((server.data / "answers").iterdir()) == []
