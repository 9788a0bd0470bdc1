"""The guard, as text pairs: what runs, what is refused, and with which advice."""

import random
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallybrook.ports.sql import QueryRefusedError
from tallybrook.sql.grammar import FUNCTIONS
from tallybrook.sql.guard import guard

NOW_US = 1_714_521_600_000_000  # 2024-05-01
DAY = "date = date '2024-05-01'"

ALLOWED = [
    "SELECT 1",
    "SELECT 1;",
    "(SELECT 1)",
    "SELECT 1 UNION ALL SELECT 2",
    "SELECT count(*) FROM events WHERE " + DAY,
    "SELECT count(*) FROM EVENTS WHERE DATE = date '2024-05-01'",
    'SELECT count(*) FROM "events" WHERE "date" = date \'2024-05-01\'',
    "SELECT e.user_id FROM events AS e WHERE e.date >= current_date LIMIT 5",
    "SELECT 1 FROM events WHERE timestamp BETWEEN timestamp '2024-05-01 00:00:00' AND now()",
    "SELECT 1 FROM events WHERE '2024-05-01' <= date",
    "SELECT 1 FROM events WHERE date IN (date '2024-05-01', current_date)",
    "SELECT 1 FROM events WHERE date = current_date OR (date = date '2024-05-01' AND seq > 1)",
    "SELECT 1 FROM events WHERE CAST(timestamp AS date) = date '2024-05-01'",
    "SELECT 1 FROM events WHERE date(timestamp) = date '2024-05-01'",
    "SELECT 1 FROM events WHERE date_trunc('month', timestamp) = date '2024-05-01'",
    "WITH a AS (SELECT * FROM events WHERE date = current_date), b AS (SELECT * FROM a)"
    " SELECT count(*) FROM b JOIN a ON a.seq = b.seq",
    "SELECT 1 FROM events a JOIN events b ON a.seq = b.seq AND b.date = current_date"
    " WHERE a.date = current_date",
    "SELECT d FROM UNNEST(sequence(date '2024-05-01', current_date)) AS t(d)",
    "SELECT x FROM (VALUES (1), (2)) AS v(x)",
    "SELECT event_type, row_number() OVER (PARTITION BY user_id ORDER BY timestamp DESC)"
    " FROM events WHERE " + DAY,
    "SELECT event_type, count(*) FILTER (WHERE user_id IS NOT NULL) FROM events WHERE "
    + DAY
    + " GROUP BY GROUPING SETS ((event_type), ()) HAVING count(*) > 1 ORDER BY 2 DESC OFFSET 1",
    "SELECT 'drop table events; -- read_csv(''/etc/passwd'')' AS text",
    "SELECT 1 -- ; DROP TABLE events",
    "/* ; */ SELECT /* {{not}} */ '{{not}}' AS \"{{not}}\"",
    "SHOW TABLES",
    "show columns from events",
    "DESCRIBE events",
    "EXPLAIN SELECT count(*) FROM events WHERE " + DAY,
]


@pytest.mark.parametrize("sql", ALLOWED)
def test_allowed(sql: str) -> None:
    """Read-only statements over known tables run."""
    guard(sql, now_us=NOW_US)


REFUSED = [
    "",
    ";",
    "-- nothing",
    "/* open",
    "SELECT",
    "SELECT 'open",
    "SELECT 1; SELECT 2",
    "SELECT 1;; DROP TABLE events",
    "SELECT 1 /* */; ATTACH 'x' AS y",
    # other statements
    "DROP TABLE events",
    "DELETE FROM events",
    "INSERT INTO events SELECT * FROM events",
    "UPDATE events SET seq = 1",
    "MERGE INTO events USING events ON true WHEN MATCHED THEN DELETE",
    "CREATE TABLE x AS SELECT 1",
    "CREATE MACRO f(x) AS x",
    "ALTER TABLE events ADD COLUMN x int",
    "TRUNCATE TABLE events",
    "COPY events TO '/tmp/x.csv'",
    "COPY (SELECT 1) TO '/tmp/x.csv'",
    "EXPORT DATABASE '/tmp/x'",
    "IMPORT DATABASE '/tmp/x'",
    "ATTACH '/tmp/x.db' AS x",
    "DETACH x",
    "USE memory",
    "INSTALL httpfs",
    "LOAD httpfs",
    "FORCE INSTALL httpfs FROM 'http://127.0.0.1/'",
    "PRAGMA database_list",
    "PRAGMA enable_external_access = true",
    "SET enable_external_access = true",
    "RESET lock_configuration",
    "CALL pragma_version()",
    "CHECKPOINT",
    "VACUUM",
    "PREPARE p AS SELECT 1",
    "EXECUTE p",
    "EXPLAIN ANALYZE SELECT 1",
    "EXPLAIN DROP TABLE events",
    "EXPLAIN EXPLAIN SELECT 1",
    "EXPLAIN",
    "SHOW ALL TABLES",
    "SHOW DATABASES",
    "SHOW TABLES FROM information_schema",
    "SHOW TABLES; DROP TABLE events",
    "DESCRIBE SELECT 1",
    "DESCRIBE duckdb_settings",
    "DESCRIBE 'x.parquet'",
    "SUMMARIZE events",
    "VALUES (1)",
    "TABLE events",
    "FROM events",
    "FROM 'x.parquet' SELECT *",
    "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t) SELECT * FROM t",
    "PIVOT events ON event_type USING count(*)",
    # files as tables and functions that read
    "SELECT * FROM read_csv('/etc/passwd')",
    "SELECT * FROM read_csv_auto('/etc/passwd')",
    "SELECT * FROM read_parquet('/**/*.parquet')",
    "SELECT * FROM parquet_scan('x')",
    "SELECT * FROM parquet_metadata('x')",
    "SELECT * FROM read_json('/etc/passwd')",
    "SELECT * FROM read_text('/etc/passwd')",
    "SELECT * FROM read_blob('/etc/passwd')",
    "SELECT * FROM glob('/*')",
    "SELECT * FROM sniff_csv('/etc/passwd')",
    "SELECT * FROM '/etc/passwd'",
    "SELECT * FROM '/tmp/*.parquet'",
    'SELECT * FROM "/tmp/*.parquet"',
    'SELECT * FROM "s3://bucket/x.parquet"',
    'SELECT * FROM "http://127.0.0.1/x.parquet"',
    "SELECT * FROM sqlite_scan('x.db', 't')",
    "SELECT * FROM postgres_scan('', '', '')",
    "SELECT * FROM query('SELECT 1')",
    "SELECT * FROM query_table('events')",
    "SELECT * FROM LATERAL (SELECT * FROM read_csv('/etc/passwd'))",
    "SELECT (SELECT content FROM read_text('/etc/passwd'))",
    "SELECT 1 WHERE EXISTS (SELECT * FROM glob('*'))",
    "WITH a AS (SELECT * FROM read_csv('/etc/passwd')) SELECT * FROM a",
    "SELECT 1 ORDER BY (SELECT count(*) FROM glob('*'))",
    "SELECT 1 LIMIT (SELECT count(*) FROM glob('*'))",
    # the system
    "SELECT getenv('HOME')",
    "SELECT current_setting('home_directory')",
    "SELECT * FROM duckdb_settings()",
    "SELECT * FROM duckdb_settings",
    "SELECT * FROM duckdb_secrets()",
    "SELECT * FROM duckdb_extensions()",
    "SELECT * FROM duckdb_logs",
    "SELECT * FROM information_schema.tables",
    'SELECT * FROM "information_schema"."tables"',
    "SELECT * FROM pg_catalog.pg_tables",
    "SELECT * FROM sqlite_master",
    "SELECT * FROM main.events",
    "SELECT * FROM memory.main.events",
    "SELECT * FROM system.information_schema.tables",
    "SELECT * FROM tb_scan_0",
    "SELECT * FROM tb_tail",
    "SELECT tb_json_scalar('{}', '$')",
    "SELECT version()",
    "SELECT current_user",
    "SELECT current_schema",
    "SELECT current_database()",
    "SELECT pg_sleep(5)",
    "SELECT txid_current()",
    "SELECT nextval('x')",
    "SELECT random()",
    "SELECT uuid()",
    "SELECT error('x')",
    "SELECT system('id')",
    "SELECT pg_read_file('/etc/passwd')",
    "SELECT load_extension('x')",
    "SELECT write_log('x')",
    "SELECT main.count(*) FROM events",
    "SELECT events.seq.x.y.z FROM events WHERE date = current_date",
    # names that hide
    "WITH events AS (SELECT 1) SELECT * FROM events",
    'WITH "EVENTS" AS (SELECT 1) SELECT * FROM events',
    "WITH duckdb_settings AS (SELECT * FROM duckdb_settings) SELECT * FROM duckdb_settings",
    "SELECT * FROM duckdb_settings WHERE EXISTS (WITH duckdb_settings AS (SELECT 1 AS x)"
    " SELECT * FROM duckdb_settings)",
    "WITH a AS (SELECT * FROM duckdb_settings), duckdb_settings AS (SELECT 1) SELECT * FROM a",
    "WITH \"/etc/passwd\" AS (SELECT 1) SELECT * FROM '/etc/passwd'",
    "SELECT * FROM (WITH pg_tables AS (SELECT 1 AS x) SELECT * FROM pg_tables) a, pg_tables b",
    # unicode, quoting, comments
    "SELECT * FROM ｅｖｅｎｔｓ",
    "SELECT * FROM ev\u0435nts",
    "SELECT * FROM events\u200b WHERE date = current_date",
    "SELECT\u0000 1",
    'SELECT * FROM U&"\\0065vents2"',
    "SELECT ｇｅｔｅｎｖ('HOME')",
    "SELECT \"getenv\"('HOME')",
    "SELECT gEtEnV/**/('HOME')",
    "SELECT getenv /* ( */ ( 'HOME' )",
    "SELECT $$x$$",
    "SELECT 'a' || getenv('HOME')",
    "SELECT try(getenv('HOME'))",
    "SELECT count(getenv('HOME')) OVER ()",
    "SELECT CASE WHEN true THEN getenv('HOME') END",
    "SELECT * FROM UNNEST(ARRAY[getenv('HOME')]) AS t(x)",
    "SELECT 1 FROM events WHERE date = CAST(getenv('HOME') AS date)",
    # syntax outside the list
    "SELECT * FROM events FOR VERSION AS OF 5",
    "SELECT * FROM events TABLESAMPLE BERNOULLI (10)",
    "SELECT seq INTO x FROM events",
    "SELECT seq FROM events WHERE date = current_date FOR UPDATE",
    "SELECT timestamp AT TIME ZONE 'Europe/Berlin' FROM events WHERE date = current_date",
    "SELECT transform(ARRAY[1], x -> x + 1)",
    "SELECT ?",
    "SELECT $1",
    "SELECT :p0",
    "SELECT @x",
    "SELECT {'a': 1}",
    "SELECT CAST(1 AS regclass)",
    "SELECT CAST('x' AS blob)",
    "SELECT COLUMNS('.*') FROM events WHERE date = current_date",
    "SELECT nothing FROM events WHERE date = current_date",
    "SELECT filename FROM events WHERE date = current_date",
    "SELECT rowid FROM events WHERE date = current_date",
    "SELECT json_extract_scalar(properties, user_id) FROM events WHERE date = current_date",
    "SELECT json_extract_scalar(properties, '$.*') FROM events WHERE date = current_date",
    "SELECT date_diff('fortnight', timestamp, now()) FROM events WHERE date = current_date",
]


@pytest.mark.parametrize("sql", REFUSED)
def test_refused(sql: str) -> None:
    """Everything else is refused with a reason, whatever it hides behind."""
    with pytest.raises(QueryRefusedError) as refusal:
        guard(sql, now_us=NOW_US, full_scan=True)
    assert refusal.value.status == 400
    assert refusal.value.reason


DEEP = {
    "brackets": "SELECT " + "(" * 20_000 + "1" + ")" * 20_000,
    "some brackets": "SELECT " + "(" * 3_000 + "1" + ")" * 3_000,
    "subqueries": "SELECT * FROM " + "(SELECT * FROM " * 500 + "events" + ")" * 500,
    "not": "SELECT " + "NOT " * 7_000 + "true",
    "minus": "SELECT " + "- " * 7_000 + "1",
    "plus": "SELECT " + "1+" * 3_000 + "1",
    "or": "SELECT 1 WHERE " + "1=1 OR " * 1_500 + "1=1",
    "case": "SELECT " + "CASE WHEN 1=1 THEN " * 900 + "1" + " END" * 900,
    "arrays": "SELECT " + "ARRAY[" * 3_000 + "]" * 3_000,
    "unions": "SELECT 1" + " UNION SELECT 1" * 1_500,
    "in": "SELECT 1 WHERE 1 IN (" + ",".join("1" * 20_000) + ")",
    "comments": "/*" * 5_000 + " SELECT 1 " + "*/" * 5_000,
    "functions": "SELECT " + "abs(" * 3_000 + "1" + ")" * 3_000,
    "dots": "SELECT " + ".".join("a" * 7_000),
    "casts": "SELECT 1" + "::int" * 5_000,
    "long": "SELECT '" + "x" * 40_000 + "'",
    "braces": "SELECT " + "{{" * 5_000,
    "joins": "SELECT 1 FROM events a0" + "".join(f", events a{n}" for n in range(1, 400)),
}


@pytest.mark.parametrize("sql", DEEP.values(), ids=DEEP.keys())
def test_deep_and_long(sql: str) -> None:
    """Statements made to exhaust the parser are refused, not crashed on."""
    with pytest.raises(QueryRefusedError):
        guard(sql, now_us=NOW_US, full_scan=True)


@given(st.text(max_size=200))
def test_any_text(sql: str) -> None:
    """Whatever the text, the answer is a statement or a refusal."""
    refused_or_fine(sql)


WORDS = (*FUNCTIONS.values(), "SELECT", "FROM", "events", "WHERE", "date", "=", "(", ")", ",")
MORE = ("*", "{{", "}}", "a", "'", '"', ";", "--", "/*", "WITH", "AS", "1", ".", "CASE", "UNION")


def test_any_words() -> None:
    """SQL-like nonsense too."""
    rng = random.Random(3)
    for _ in range(300):
        refused_or_fine(" ".join(rng.choices(WORDS + MORE, k=rng.randrange(1, 30))))


def refused_or_fine(sql: str) -> None:
    with suppress(QueryRefusedError):
        guard(sql, now_us=NOW_US)


UNFILTERED = [
    "SELECT count(*) FROM events",
    "SELECT count(*) FROM events WHERE user_id = 'u'",
    "SELECT count(*) FROM events WHERE date IS NOT NULL",
    "SELECT count(*) FROM events WHERE date <> current_date",
    "SELECT count(*) FROM events WHERE NOT date = current_date",
    "SELECT count(*) FROM events WHERE date = current_date OR user_id = 'u'",
    "SELECT count(*) FROM events WHERE date = date",
    "SELECT count(*) FROM events WHERE timestamp > ingested_at",
    "SELECT count(*) FROM events WHERE ingested_at > now()",
    "SELECT count(*) FROM events HAVING max(date) = current_date",
    "SELECT count(*) FROM (SELECT * FROM events) WHERE date = current_date",
    "SELECT 1 FROM events a, events b WHERE a.date = current_date",
    "SELECT 1 FROM events a JOIN events b ON a.seq = b.seq WHERE date = current_date",
    "SELECT 1 FROM events a LEFT JOIN events b ON a.date = current_date"
    " WHERE b.date = current_date",
    "SELECT 1 FROM events WHERE date = current_date UNION SELECT 1 FROM events",
    "SELECT (SELECT count(*) FROM events) FROM events WHERE date = current_date",
    "SELECT 1 FROM events WHERE date = (SELECT max(date) FROM events WHERE date = current_date)",
    "SELECT 1 FROM events WHERE CAST(timestamp AS varchar) > '2024'",
]


@pytest.mark.parametrize("sql", UNFILTERED)
def test_partition_filter_is_required(sql: str) -> None:
    """Every place that reads ``events`` is bounded in time, unless a full scan is asked for."""
    with pytest.raises(QueryRefusedError, match="WHERE date >= date_add"):
        guard(sql, now_us=NOW_US)
    guard(sql, now_us=NOW_US, full_scan=True)


PARAMETERS: list[tuple[str, dict[str, Any]]] = [
    ("SELECT {{a}}", {"a": 1}),
    ("SELECT {{ a }}, {{a}}", {"a": "'; DROP TABLE events; --"}),
    ("SELECT {{a}} + {{b}}", {"a": 1.5, "b": None}),
    (
        "SELECT 1 FROM events WHERE date >= CAST({{from}} AS date) LIMIT {{limit}}",
        {"from": "2024-05-01", "limit": 5},
    ),
    ('SELECT \'{{x}}\', "{{y}}" /* {{z}} */ FROM (VALUES (1)) AS v("{{y}}") -- {{z}}', {}),
]


@pytest.mark.parametrize(("sql", "given"), PARAMETERS)
def test_parameters_are_bound(sql: str, given: dict[str, Any]) -> None:
    """A value never becomes text of the statement."""
    statement = guard(sql, given, now_us=NOW_US)
    assert sorted(map(repr, statement.parameters.values())) == sorted(map(repr, given.values()))
    assert "DROP" not in statement.sql


BAD_PARAMETERS: list[tuple[str, dict[str, Any], str]] = [
    ("SELECT {{a}}", {}, "No value"),
    ("SELECT 1", {"a": 1}, "no parameter"),
    ("SELECT '{{a}}'", {"a": 1}, "no parameter"),
    ("SHOW TABLES", {"a": 1}, "no parameter"),
    ("SELECT {{a}}", {"a": 2**63}, "cannot be bound"),
    ("SELECT {{a}}", {"a": float("nan")}, "cannot be bound"),
    ("SELECT {{a}}", {"a": [1]}, "cannot be bound"),
    ("SELECT {{a b}}", {"a": 1}, "brace"),
    ("SELECT {{a}", {"a": 1}, "brace"),
    ("SELECT {a}", {"a": 1}, "brace"),
    ("SELECT {{1}}", {"1": 1}, "brace"),
    ("SELECT {{a}}}", {"a": 1}, "brace"),
    ("SELECT * FROM {{t}}", {"t": "events"}, "."),
    ("SELECT 1 AS {{t}}", {"t": "x"}, "."),
    ("SELECT 'a'{{t}}", {"t": "x"}, "."),
    ("SELECT ab{{t}}", {"t": "x"}, "."),
]


@pytest.mark.parametrize(("sql", "given", "reason"), BAD_PARAMETERS)
def test_bad_parameters(sql: str, given: dict[str, Any], reason: str) -> None:
    """Missing, unused, unbindable and misplaced parameters are refused."""
    with pytest.raises(QueryRefusedError, match=reason):
        guard(sql, given, now_us=NOW_US)


def test_hints() -> None:
    """Advice that costs nothing: stars, missing limits, exact distinct counts."""
    statement = guard("SELECT * FROM events WHERE date = current_date", now_us=NOW_US)
    assert [hint.split(":")[0] for hint in statement.hints] == [
        "SELECT * reads every column",
        "There is no LIMIT",
    ]
    statement = guard(
        "SELECT count(DISTINCT user_id) FROM events WHERE date = current_date", now_us=NOW_US
    )
    assert ["approx_distinct" in hint for hint in statement.hints] == [True]
    assert guard("SELECT 1", now_us=NOW_US).hints == ()


def test_touched_columns() -> None:
    """Only named columns are priced; a star is all of them; count(*) is none."""
    statement = guard("SELECT count(*) FROM events WHERE " + DAY, now_us=NOW_US)
    assert statement.columns == {"date"}
    statement = guard("SELECT count(USER_ID) FROM events e WHERE e.date > '2024'", now_us=NOW_US)
    assert statement.columns == {"date", "user_id"}
    statement = guard("SELECT e.* FROM events e WHERE " + DAY, now_us=NOW_US)
    assert "properties" in statement.columns


def test_now_is_one_instant() -> None:
    """Every mention of the present is the same instant."""
    statement = guard("SELECT now(), current_timestamp, current_date", now_us=NOW_US)
    assert statement.sql.count("2024-05-01 00:00:00.000000") == 2
    assert "CURRENT" not in statement.sql
