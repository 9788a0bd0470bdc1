"""Statements that mean harm, and statements that only look like it: no wrong verdict on either.

Those of ``test_guard`` count too. What is refused here is refused by the guard, before an engine
sees it; what is allowed here also runs.
"""

from typing import Any

import duckdb
import pytest

from tallybrook.lake.tables import TABLES
from tallybrook.ports.sql import Limits, QueryRefusedError
from tallybrook.sql.connection import open_connection
from tallybrook.sql.guard import guard
from tests.sql import test_guard as plain

NOW_US = plain.NOW_US
TODAY = "date = current_date"

FILES = [
    "SELECT * FROM read_ndjson('/etc/passwd')",
    "SELECT * FROM read_ndjson_objects('x')",
    "SELECT * FROM read_json_auto('x')",
    "SELECT * FROM read_xlsx('x')",
    "SELECT * FROM read_duckdb('x.db')",
    "SELECT * FROM parquet_schema('x')",
    "SELECT * FROM parquet_file_metadata('x')",
    "SELECT * FROM parquet_kv_metadata('x')",
    "SELECT * FROM parquet_bloom_probe('x', 'a', 1)",
    "SELECT * FROM iceberg_scan('x')",
    "SELECT * FROM delta_scan('x')",
    "SELECT * FROM mysql_scan('', '', '')",
    "SELECT * FROM arrow_scan(1, 2, 3)",
    "SELECT * FROM pandas_scan(1)",
    "SELECT * FROM seq_scan('events')",
    "SELECT * FROM json_execute_serialized_sql('{}')",
    "SELECT json_serialize_sql('SELECT 1')",
    "SELECT * FROM st_read('x')",
    "SELECT content FROM read_text(concat('/etc/', 'passwd'))",
    "SELECT * FROM events WHERE date = current_date AND seq IN (SELECT 1 FROM read_csv('x'))",
    "SELECT * FROM events e JOIN '/tmp/x.parquet' p ON p.seq = e.seq WHERE e.date = current_date",
    "SELECT * FROM events, 'data.csv' WHERE date = current_date",
    'SELECT * FROM "data.json"',
    'SELECT * FROM "C:\\Windows\\win.ini"',
    "SELECT * FROM 'https://127.0.0.1/x.csv'",
    "SELECT * FROM 'az://x/y'",
    'SELECT * FROM "file:///etc/passwd"',
    "SELECT * FROM TABLE(read_csv('/etc/passwd'))",
    "SELECT * FROM TABLE(system.query('SELECT 1'))",
    "SELECT * FROM events WHERE date = current_date UNION SELECT * FROM read_parquet('x')",
    "SELECT (SELECT max(content) FROM read_text('/proc/self/environ'))",
    "SELECT * FROM (VALUES ((SELECT content FROM read_text('x')))) AS v(x)",
    "SELECT 1 FROM UNNEST(ARRAY(SELECT * FROM glob('*'))) AS t(x)",
]
METADATA = [
    "SELECT * FROM duckdb_tables()",
    "SELECT * FROM duckdb_views",
    "SELECT * FROM duckdb_columns()",
    "SELECT * FROM duckdb_functions()",
    "SELECT * FROM duckdb_memory()",
    "SELECT * FROM duckdb_temporary_files()",
    "SELECT * FROM duckdb_log_contexts()",
    "SELECT * FROM pragma_table_info('events')",
    "SELECT * FROM pragma_storage_info('events')",
    "SELECT * FROM pragma_database_size()",
    "SELECT * FROM show_tables",
    "SELECT * FROM information_schema.columns",
    'SELECT * FROM "INFORMATION_SCHEMA".columns',
    "SELECT * FROM awsdatacatalog.information_schema.schemata",
    "SELECT * FROM sys.runtime.nodes",
    "SELECT * FROM pg_stat_activity",
    "SELECT * FROM pg_class",
    "SELECT * FROM sqlite_schema",
    "SELECT * FROM temp.events",
    "SELECT * FROM main.tb_tail",
    "SELECT * FROM tb_incoming",
    "SELECT * FROM tb_scan_1",
    "SELECT * FROM tb_result",
    'SELECT * FROM "events$partitions"',
    'SELECT * FROM "events$files"',
    'SELECT "$path" FROM events WHERE date = current_date',
    'SELECT "$file_size" FROM events WHERE date = current_date',
    "SELECT file_row_number FROM events WHERE date = current_date",
    "SELECT file_index FROM events WHERE date = current_date",
    "SHOW CREATE TABLE events",
    "SHOW SCHEMAS",
    "SHOW CATALOGS",
    "SHOW FUNCTIONS",
    "SHOW SESSION",
    "SHOW GRANTS",
    "SHOW STATS FOR events",
    "SHOW TABLES LIKE '%'",
    "SHOW PARTITIONS events",
    "DESCRIBE FORMATTED events",
    "DESCRIBE INPUT p",
    "DESC information_schema.tables",
]
OTHER_STATEMENTS = [
    "GRANT SELECT ON events TO x",
    "REVOKE ALL ON events FROM x",
    "COMMENT ON TABLE events IS 'x'",
    "ANALYZE events",
    "MSCK REPAIR TABLE events",
    "UNLOAD (SELECT 1) TO 's3://x/' WITH (format = 'CSV')",
    "CREATE OR REPLACE VIEW events AS SELECT 1",
    "CREATE TEMP TABLE x AS SELECT 1",
    "CREATE SECRET (TYPE s3)",
    "CREATE FUNCTION f(x int) RETURNS int RETURN x",
    "CREATE SCHEMA x",
    "CREATE TYPE x AS ENUM ('a')",
    "DROP VIEW tb_scan_0",
    "DEALLOCATE PREPARE p",
    "EXECUTE IMMEDIATE 'SELECT 1'",
    "BEGIN",
    "START TRANSACTION",
    "COMMIT",
    "ROLLBACK",
    "SET SESSION query_max_memory = '1TB'",
    "SET memory_limit = '1TB'; SELECT 1",
    "RESET SESSION query_max_memory",
    "SET ROLE admin",
    "SET PATH x",
    "USE information_schema",
    "UPDATE EXTENSIONS",
    "DETACH DATABASE memory",
    "EXPLAIN (TYPE IO) SELECT 1",
    "EXPLAIN ANALYZE VERBOSE SELECT 1",
    "EXPLAIN SHOW TABLES",
    "WITH x AS (DELETE FROM events RETURNING *) SELECT * FROM x",
    "WITH x AS (INSERT INTO events VALUES (1)) SELECT 1",
    "SELECT * FROM (DELETE FROM events)",
    "SELECT 1; --\nDROP TABLE events",
    "SELECT 1;/**/SELECT 2",
    "SELECT 1 \\; DROP TABLE events",
    "/*+ hint */ DROP TABLE events",
    "-- SELECT\nDROP TABLE events",
    "/* SELECT 1 */ COPY events TO 'x'",
    "SELECT /* */ 1 INTO OUTFILE '/tmp/x'",
    "SELECT 1 UNION ALL (DROP TABLE events)",
    "MATCH_RECOGNIZE",
    "(DROP TABLE events)",
]
FUNCTIONS = [
    "SELECT pg_ls_dir('/')",
    "SELECT set_config('a', 'b', false)",
    "SELECT current_role",
    "SELECT session_user",
    "SELECT user",
    "SELECT current_catalog",
    "SELECT current_path",
    "SELECT current_query()",
    "SELECT inet_server_addr()",
    "SELECT txid_snapshot_xmin('x')",
    "SELECT currval('x')",
    "SELECT setseed(0.5)",
    "SELECT gen_random_uuid()",
    "SELECT rand()",
    "SELECT now() = clock_timestamp()",
    "SELECT sleep(10)",
    "SELECT sleep_ms(10)",
    "SELECT parse_path('/etc/passwd')",
    "SELECT parse_dirpath('/etc/passwd')",
    "SELECT stats(1)",
    "SELECT getvariable('x')",
    "SELECT which_secret('x', 's3')",
    "SELECT can_cast_implicitly(1, 2)",
    "SELECT to_base64(CAST('x' AS varbinary))",
    "SELECT http_get('http://127.0.0.1/')",
    "SELECT url_decode('x')",
    "SELECT query_table('events')",
    "SELECT list_transform([1], x -> x)",
    "SELECT reduce(ARRAY[1], 0, (s, x) -> s + x, s -> s)",
    "SELECT apply(ARRAY[1], x -> getenv('HOME'))",
    "SELECT tb_value(map(ARRAY['a'], ARRAY[1]), 'a')",
    "SELECT TB_SHIFT(current_date, INTERVAL '1' DAY)",
    "SELECT tb_text(1)",
    'SELECT "tb_text"(1)',
    "SELECT alias(1)",
    "SELECT md5_number('x')",
    "SELECT hash(1)",
    "SELECT encode('x')",
    "SELECT array_agg(getenv('HOME') ORDER BY 1)",
    "SELECT sum(1) FILTER (WHERE getenv('HOME') IS NULL)",
    "SELECT row_number() OVER (ORDER BY getenv('HOME'))",
    "SELECT 1 GROUP BY getenv('HOME')",
    "SELECT 1 HAVING getenv('HOME') = 'x'",
    "SELECT 1 ORDER BY getenv('HOME')",
    "SELECT 1 LIMIT getenv('HOME')",
    "SELECT 1 OFFSET length(getenv('HOME'))",
    "SELECT * FROM (VALUES (getenv('HOME'))) AS v(x)",
    "SELECT 1 BETWEEN 0 AND length(getenv('HOME'))",
    "SELECT 1 IN (length(getenv('HOME')))",
    "SELECT 'x' LIKE getenv('HOME')",
    "SELECT CAST(getenv('HOME') AS varchar(9))",
    "SELECT ARRAY[getenv('HOME')][1]",
    "SELECT coalesce(NULL, getenv('HOME'))",
    "SELECT -length(getenv('HOME'))",
    "SELECT if(true, getenv('HOME'))",
    "SELECT date_add('day', length(getenv('HOME')), current_date)",
    "SELECT 1 FROM events a JOIN events b ON a.date = CAST(getenv('X') AS date)"
    " AND b.date = current_date WHERE a.date = current_date",
]
SYNTAX = [
    "SELECT 1 FROM events a ASOF JOIN events b ON a.seq = b.seq WHERE a.date = current_date",
    "SELECT 1 FROM events a SEMI JOIN events b ON a.seq = b.seq WHERE a.date = current_date",
    "SELECT 1 FROM events a ANTI JOIN events b ON a.seq = b.seq WHERE a.date = current_date",
    "SELECT 1 FROM events a POSITIONAL JOIN events b WHERE a.date = current_date",
    "SELECT * EXCLUDE (seq) FROM events WHERE date = current_date",
    "SELECT * REPLACE (1 AS seq) FROM events WHERE date = current_date",
    "SELECT DISTINCT ON (user_id) user_id FROM events WHERE date = current_date",
    "SELECT user_id FROM events WHERE date = current_date GROUP BY ALL",
    "SELECT user_id FROM events WHERE date = current_date ORDER BY seq LIMIT 5 PERCENT",
    "SELECT seq FROM events WHERE date = current_date ORDER BY 1 FETCH FIRST 3 ROWS WITH TIES",
    "SELECT seq FROM events WHERE date = current_date QUALIFY row_number() OVER () = 1",
    "SELECT seq FROM events WHERE date = current_date SORT BY seq",
    "SELECT seq FROM events WHERE date = current_date LIMIT 3 BY user_id",
    "SELECT seq FROM events USING SAMPLE 10",
    "SELECT #1 FROM events",
    "SELECT x'414243'",
    "SELECT user_id ILIKE 'a' FROM events WHERE date = current_date",
    "SELECT user_id GLOB 'a' FROM events WHERE date = current_date",
    "SELECT properties -> 'a' -> '$.*' FROM events WHERE date = current_date",
    "SELECT strpos('aa', 'a', 2)",
    "SELECT approx_percentile(seq, 2, 0.5) FROM events WHERE date = current_date",
    "SELECT approx_distinct(seq, 0.01) FROM events WHERE date = current_date",
    "SELECT regexp_extract(user_id, '(a)?b', 1) FROM events WHERE date = current_date",
    "SELECT regexp_extract(user_id, '(a)|(b)', 2) FROM events WHERE date = current_date",
    "SELECT regexp_extract(user_id, event_type, 1) FROM events WHERE date = current_date",
    "SELECT date_format(timestamp, '%U') FROM events WHERE date = current_date",
    "SELECT date_format(timestamp, user_id) FROM events WHERE date = current_date",
    "SELECT date_parse(user_id, '%x-%v') FROM events WHERE date = current_date",
    "SELECT seq AS x, -seq AS seq FROM events WHERE date = current_date ORDER BY seq + 1",
    "SELECT t.k FROM UNNEST(map(ARRAY['a'], ARRAY[1])) WITH ORDINALITY AS t(k, v, n)",
    "SELECT UNNEST(map(ARRAY['a'], ARRAY[1]))",
    "SELECT row(1, 2)",
    "SELECT a.b.c.d FROM events a WHERE a.date = current_date",
    "SELECT main.events.seq FROM events WHERE date = current_date",
    "SELECT score FROM events WHERE date = current_date",
    "SELECT * FROM events FOR TIMESTAMP AS OF now()",
    "SELECT * FROM events MATCH_RECOGNIZE (PATTERN (A) DEFINE A AS true)",
    "SELECT * FROM events PIVOT (count(*) FOR event_type IN ('a'))",
    "SELECT * FROM events UNPIVOT (x FOR y IN (seq))",
    "SELECT listagg(user_id) WITHIN GROUP (ORDER BY 1) FROM events WHERE date = current_date",
    "SELECT INTERVAL '1' YEAR TO MONTH",
    "SELECT timestamp '2024-01-01 00:00:00' AT TIME ZONE 'UTC'",
    "SELECT CAST(1 AS hugeint)",
    "SELECT CAST('{}' AS map(varchar, varchar))",
    "SELECT CAST(ARRAY[1] AS array(double))",
    "SELECT 1::regclass",
    "SELECT * FROM LATERAL (SELECT 1)",
    "SELECT 1 FROM events TABLESAMPLE SYSTEM (10) WHERE date = current_date",
]
ACCOUNTS = [
    "SELECT * FROM acme.events WHERE date = current_date",
    'SELECT * FROM "account_id=beta".events WHERE date = current_date',
    'SELECT * FROM "events/account_id=beta" WHERE date = current_date',
    'SELECT * FROM "../account_id=beta/events"',
    "SELECT * FROM events@beta",
    "SELECT * FROM {{table}}",
    "SELECT * FROM events_beta",
    "WITH ocean_scores AS (SELECT 1) SELECT * FROM ocean_scores",
]
HOSTILE = FILES + METADATA + OTHER_STATEMENTS + FUNCTIONS + SYNTAX + ACCOUNTS

HARMLESS = [
    f"SELECT seq FROM events WHERE {TODAY} ORDER BY seq OFFSET 1 ROWS FETCH NEXT 2 ROWS ONLY",
    f"SELECT seq FROM events WHERE {TODAY} ORDER BY seq OFFSET 1 LIMIT 2",
    'SELECT 1 AS "set"',
    'SELECT t."set" FROM (VALUES (1)) AS t("set")',
    'SELECT "drop", "table" FROM (VALUES (1, 2)) AS t("drop", "table")',
    "SELECT '--' AS dashes",
    "SELECT '/* not a comment */', 'a''--''b'",
    "SELECT 'x' -- '; DROP TABLE events",
    "SELECT ';' AS semicolon;",
    "SELECT 'SELECT * FROM read_csv(''/etc/passwd'')'",
    "SELECT '$1', '$&', '%s', '{0}', '{{x}}', ':p0', '?', '@x'",
    f"SELECT count(*) FROM events WHERE {TODAY} AND user_id = 'Robert''); DROP TABLE students;--'",
    f"SELECT count(*) FROM events WHERE {TODAY} AND account_id = 'beta'",
    f"SELECT count(*) FROM events WHERE {TODAY} AND account_id <> account_id OR {TODAY}",
    'WITH "drop" AS (SELECT 1 AS x) SELECT x FROM "drop"',
    'WITH insert_ AS (SELECT 1 AS "update") SELECT "update" FROM insert_',
    "WITH read_csv AS (SELECT 1 AS x) SELECT x FROM read_csv",
    "WITH duckdb_settings AS (SELECT 1 AS x) SELECT x FROM duckdb_settings",
    "SELECT pragma FROM (SELECT 1 AS pragma) AS attach_",
    "SELECT getenv FROM (VALUES ('HOME')) AS t(getenv)",
    "SELECT install.load FROM (VALUES (1)) AS install(load)",
    f'SELECT event_type AS "DELETE FROM events" FROM events WHERE {TODAY}',
    f"SELECT replace(event_type, 'drop', 'create') FROM events WHERE {TODAY}",
    f"SELECT properties LIKE '%;%' FROM events WHERE {TODAY}",
    f"SELECT json_extract_scalar(properties, '$.drop.table') FROM events WHERE {TODAY}",
    f"SELECT json_extract_scalar(properties, '$[\"a;b -- c\"]') FROM events WHERE {TODAY}",
    f"SELECT count_if(event_type = 'install') AS load FROM events WHERE {TODAY}",
    'SELECT grant_, "revoke" FROM (VALUES (1, 2)) AS "execute"(grant_, "revoke")',
    "SELECT greatest(1, 2) AS call, least(1, 2) AS copy",
    "SELECT 1 AS x UNION ALL SELECT 2 EXCEPT SELECT 3 INTERSECT SELECT 3",
    "(SELECT 1) UNION (SELECT 2) ORDER BY 1 LIMIT 1",
    "((((SELECT 1))))",
    "SELECT/**/1/**/AS/**/x",
    "\n\t SeLeCt\r\n1 \t;\n-- the end",
    "SELECT CASE WHEN 1 = 1 THEN 'DROP' ELSE 'CREATE' END",
    f'SELECT e."date", e."timestamp" FROM events AS e WHERE e.{TODAY}',
    f'SELECT "date" AS "user" FROM events WHERE {TODAY}',
    "SELECT position('x' IN 'y'), extract(YEAR FROM current_date), substring('a' FROM 1 FOR 1)",
    "SELECT U.x FROM (VALUES ('ünïcödé ; 表')) AS U(x)",
    f"SELECT NOT EXISTS (SELECT 1 FROM events WHERE {TODAY} AND event_type = 'truncate')",
    "SELECT sum(x) OVER (ORDER BY x ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)"
    " FROM (VALUES (1), (2)) AS t(x)",
    "SELECT map(ARRAY['system'], ARRAY[1])['system']",
    "EXPLAIN SELECT 'DROP TABLE events'",
    "DESC events",
    "SHOW TABLES;",
    "SELECT ALL (SELECT 1)",
]


@pytest.mark.parametrize("sql", HOSTILE)
def test_hostile(sql: str) -> None:
    """Refused with a reason, whatever scan is allowed."""
    with pytest.raises(QueryRefusedError) as refusal:
        guard(sql, {"table": "events"} if "{{table}}" in sql else {}, now_us=NOW_US, full_scan=True)
    assert len(refusal.value.reason) > 10


@pytest.fixture(scope="module")
def database() -> Any:
    """A query's connection with one empty place for every scan."""
    connection = open_connection(Limits(256 << 20, 1))
    yield connection
    connection.close()


@pytest.mark.parametrize("sql", HARMLESS)
def test_harmless(sql: str, database: duckdb.DuckDBPyConnection) -> None:
    """Allowed, and an answer."""
    statement = guard(sql, now_us=NOW_US)
    for scan in statement.scans:
        columns = ", ".join(
            f'CAST(NULL AS {c.type}) AS "{c.name}"' for c in TABLES[scan.table].all_columns
        )
        database.execute(f"CREATE OR REPLACE VIEW {scan.view} AS SELECT {columns} WHERE false")
    if statement.kind != "static":
        database.execute(statement.sql).fetchall()


def test_there_are_enough() -> None:
    """At least two hundred hostile ones and thirty harmless ones, none twice."""
    hostile = HOSTILE + plain.REFUSED + list(plain.DEEP.values())
    assert len(set(hostile)) == len(hostile) >= 200
    assert len(set(HARMLESS)) == len(HARMLESS) >= 30
