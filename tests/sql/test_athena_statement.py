"""What Athena is sent: the guarded statement over one account's rows, values as typed literals."""

import re

import pytest
from sqlglot import exp, parse_one

from tallybrook.lake.tables import TABLES
from tallybrook.ports.sql import Parameter, QueryRefusedError
from tallybrook.sql.athena import as_json, athena
from tallybrook.sql.libraries import Library
from tallybrook.sql.saved import SavedQuery, bind
from tests.sql.test_hostile import HARMLESS, HOSTILE

QUERIES = Library().queries()
NOW_US = 1_732_200_000_000_000
DAY = "date = date '2024-05-01'"


def sent(sql: str, account: str = "acme", **given: Parameter) -> str:
    return athena(sql, given, account_id=account, database="tb_x", now_us=NOW_US).sql


def require_own(text: str, account: str = "acme") -> int:
    """Every table of the lake is read in a SELECT of its own that names the account and nothing
    else; how many there are."""
    tree = parse_one(re.sub(r"^EXPLAIN ", "", text), dialect="athena")
    read = [table for table in tree.find_all(exp.Table) if table.db or table.name in TABLES]
    for table in read:
        assert table.db == "tb_x"
        select = table.find_ancestor(exp.Select)
        assert select is not None
        assert select.args["where"].this == exp.EQ(
            this=exp.column(exp.to_identifier("account_id", quoted=True)),
            expression=exp.Literal.string(account),
        )
        assert not select.args.get("joins")
    return len(read)


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query.id)
def test_saved_queries_run_unchanged_on_athena(query: SavedQuery) -> None:
    """Each is written for Athena, parses as its dialect, and reads the caller's rows alone."""
    given = {"user": "u"} if query.id == "user_journey" else {}
    text = sent(query.sql, **bind(query, given))
    assert require_own(text) >= 1
    assert "tb_scan" not in text


def test_every_place_names_the_account() -> None:
    """In joins, unions, WITH, subqueries and EXPLAIN, whatever the aliases are called."""
    cases = {
        f"SELECT * FROM events WHERE {DAY}": 1,
        f"SELECT a.seq FROM events a JOIN events AS b USING (seq) WHERE a.{DAY} AND b.{DAY}": 2,
        f"WITH w AS (SELECT * FROM events WHERE {DAY}) SELECT * FROM w, w AS v": 1,
        f"SELECT seq FROM events WHERE {DAY} UNION SELECT seq FROM events WHERE {DAY}": 2,
        f"SELECT (SELECT max(seq) FROM EVENTS WHERE {DAY}) FROM events AS acme WHERE {DAY}": 2,
        f"EXPLAIN SELECT * FROM events WHERE account_id = 'other' AND {DAY}": 1,
        f"SELECT * FROM events WHERE {DAY} OR account_id = 'other' OR true -- WHERE": 1,
    }
    for sql, places in cases.items():
        found = athena(
            sql, {}, account_id="acme", database="tb_x", now_us=NOW_US, full_scan=True
        ).sql
        assert require_own(found) == places, found


@pytest.mark.parametrize("account", ["", "a' OR '1'='1", "Acme", "a" * 64, "../b"])
def test_no_account_is_pasted(account: str) -> None:
    """What is no account id is refused before a statement is written."""
    with pytest.raises(QueryRefusedError, match="account"):
        sent(f"SELECT 1 FROM events WHERE {DAY}", account)


def test_what_the_guard_refuses_is_not_written() -> None:
    """Athena never gets a hostile statement; what a harmless one reads is the account's own."""
    for sql in HOSTILE[::8]:
        with pytest.raises(QueryRefusedError):
            sent(sql)
    for sql in HARMLESS[::3]:
        require_own(sent(sql))


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("it's -- /* \\' ", "'it''s -- /* \\'' '"),
        ("'); DROP TABLE events; --", "'''); DROP TABLE events; --'"),
        (7, "7"),
        (-7, "(-7)"),
        (1.5, "CAST('1.5' AS DOUBLE)"),
        (-1e300, "(-CAST('1e+300' AS DOUBLE))"),
        (True, "TRUE"),
        (None, "NULL"),
    ],
)
def test_parameters_are_literals_of_their_type(value: Parameter, written: str) -> None:
    """A text stays one text whatever is in it, a float is a double and no decimal; behind a minus
    no comment begins."""
    assert sent("SELECT {{v}} AS v", v=value).startswith(f"SELECT {written} AS v ")
    if isinstance(value, int) and not isinstance(value, bool):
        assert "--" not in sent("SELECT -{{v}} AS v", v=value)


def test_no_comment_reaches_athena() -> None:
    """Two parsers may disagree about where a comment ends, so none is sent."""
    text = sent(f"SELECT 1 /* a */ AS x /*+ b */ FROM events -- d\nWHERE {DAY};")
    assert not set(re.findall(r"--|/\*|\*/|;", text))


def test_limits() -> None:
    """A statement gets one row more than will be shown, and keeps a limit of its own; one that is
    too long with its parameters is refused."""
    assert sent("SELECT 1 AS x").endswith(" LIMIT 1000001")
    assert sent("SELECT 1 AS x LIMIT 5").endswith(" LIMIT 5")
    with pytest.raises(QueryRefusedError, match="bytes"):
        sent("SELECT {{v}} AS v", v="x" * 270_000)


def test_what_cannot_be_read_back_is_asked_for_as_json() -> None:
    """Lists, maps and rows become JSON, the other columns stay."""
    text = as_json("SELECT 1, 2", ["bigint", "map"])
    assert text == (
        "SELECT c0, json_format(CAST(c1 AS json)) AS c1 FROM (SELECT 1, 2) AS tb_result(c0, c1)"
    )
