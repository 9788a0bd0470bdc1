"""Trino's answers, computed by DuckDB: the places where the engines silently differ."""

from typing import Any

import pytest

from tallybrook.ports.sql import QueryFailedError, QueryRefusedError

VALUES: list[tuple[str, Any]] = [
    # integers divide as integers, towards zero; others do not
    ("7 / 2", 3),
    ("-7 / 2", -3),
    ("7 / 2.0", 3.5),
    ("CAST(7 AS double) / 2", 3.5),
    ("count(*) / 2", 0),
    ("-7 % 3", -1),
    ("1 / NULL", None),
    ("TRY(1 / 0)", None),
    # complete units
    ("date_diff('hour', timestamp '2024-01-01 00:59:00', timestamp '2024-01-01 01:01:00')", 0),
    ("date_diff('day', timestamp '2024-01-01 23:00:00', timestamp '2024-01-02 22:00:00')", 0),
    ("date_diff('day', date '2024-01-01', date '2024-03-01')", 60),
    ("date_diff('month', date '2024-01-15', date '2024-03-14')", 1),
    ("date_diff('year', date '2024-03-01', date '2023-03-01')", -1),
    ("date_diff('week', date '2024-01-01', date '2024-01-14')", 1),
    ("date_add('day', -7, date '2024-01-03')", "2023-12-27T00:00:00Z"),
    ("date_add('month', 1, timestamp '2024-01-31 10:00:00')", "2024-02-29T10:00:00Z"),
    ("date_trunc('week', timestamp '2024-05-05 10:00:00')", "2024-04-29T00:00:00Z"),
    # weeks start on Monday, Sunday is 7
    ("day_of_week(date '2024-05-05')", 7),
    ("dow(date '2024-05-06')", 1),
    ("EXTRACT(DOW FROM date '2024-05-05')", 7),
    ("EXTRACT(DAY_OF_WEEK FROM date '2024-05-05')", 7),
    ("EXTRACT(YEAR_OF_WEEK FROM date '2024-12-30')", 2025),
    ("week(date '2024-12-30')", 1),
    ("day_of_year(date '2024-12-31')", 366),
    ("from_unixtime(1.5)", "1970-01-01T00:00:01.500000Z"),
    ("to_unixtime(timestamp '1970-01-01 00:00:01')", 1.0),
    ("date_format(timestamp '2024-05-01 13:07:09', '%Y-%m-%d %H:%i:%s')", "2024-05-01 13:07:09"),
    ("date_parse('2024-05-01', '%Y-%m-%d')", "2024-05-01T00:00:00Z"),
    ("from_iso8601_timestamp('2024-05-01T12:00:00+02:00')", "2024-05-01T10:00:00Z"),
    ("timestamp '2024-05-01 12:00:00 +02:00'", "2024-05-01T10:00:00Z"),
    ("last_day_of_month(date '2024-02-01')", "2024-02-29"),
    ("date(timestamp '2024-05-01 23:59:59')", "2024-05-01"),
    ("cardinality(sequence(date '2024-01-01', date '2024-01-31'))", 31),
    ("sequence(1, 3)", [1, 2, 3]),
    # a miss is NULL
    ("split_part('a-b', '-', 2)", "b"),
    ("split_part('a-b', '-', 3)", None),
    ("split_part('a-', '-', 2)", ""),
    ("regexp_extract('abc', 'x')", None),
    ("regexp_extract('abc', 'b')", "b"),
    ("regexp_extract('a1b22', '([0-9]+)$', 1)", "22"),
    ("regexp_replace('a1b2', '([0-9])', '<$1>')", "a<1>b<2>"),
    ("regexp_like('abc', 'b')", True),
    ("concat('a', CAST(NULL AS varchar))", None),
    ("greatest(1, NULL)", None),
    ("least(2, 1)", 1),
    ("greatest(1, 2)", 2),
    ("substr('hello', -3)", "llo"),
    ("strpos('hello', 'l')", 3),
    ("position('l' IN 'hello')", 3),
    ("length('é😀')", 2),
    ("CAST('abcdef' AS varchar(3))", "abc"),
    ("lpad('7', 3, '0')", "007"),
    ("split('a,b', ',')", ["a", "b"]),
    ("array_join(ARRAY['a', 'b'], '-')", "a-b"),
    ("contains(ARRAY[1, 2], 2)", True),
    ("ARRAY[1, 2][2]", 2),
    ("element_at(ARRAY[1, 2], 5)", None),
    # JSON
    ('json_extract_scalar(\'{"a":{"b":"x"}}\', \'$.a.b\')', "x"),
    ('json_extract_scalar(\'{"a":{"b":"x"}}\', \'$.a\')', None),
    ("json_extract_scalar('{\"a\":[1,2]}', '$.a[1]')", "2"),
    ("json_extract_scalar('{\"a\":[1,2]}', '$.a')", None),
    ("json_extract_scalar('{\"a b\":true}', '$[\"a b\"]')", "true"),
    ("json_extract_scalar('{\"a\":\"[x]\"}', '$.a')", "[x]"),
    ("json_extract_scalar('{\"a\":null}', '$.a')", None),
    ("json_extract_scalar('{\"a\":1}', '$.b')", None),
    ("json_extract_scalar('no json', '$.a')", None),
    ("json_extract_scalar('{\"a\":\"\\ud800\"}', '$.a')", None),
    ("json_extract('no json', '$.a')", None),
    ("json_extract('{\"a\":[1]}', '$.a')", "[1]"),
    ("CAST(json_extract('{\"a\":\"x\"}', '$.a') AS varchar)", "x"),
    ("CAST(json_extract('{\"a\":5}', '$.a') AS bigint)", 5),
    # names DuckDB does not know, or knows otherwise
    ("every(true)", True),
    ("approx_percentile(5, 0.5)", 5),
    ("arbitrary(5)", 5),
    ("count_if(true)", 1),
    ("max_by('x', 1)", "x"),
    ("truncate(1.9e0)", 1.0),
    ("log(2, 8)", 3.0),
    ("coalesce(NULL, 0)", 0),
    ("if(false, 1)", None),
    # types kept
    ("CAST(9007199254740993 AS bigint)", "9007199254740993"),
    ("sum(9007199254740992)", 9007199254740992),
    ("CAST('1.50' AS decimal(10, 2))", "1.50"),
    ("CAST(1e308 AS double) * 10", None),
    ("date '9999-12-31'", "9999-12-31"),
    ("timestamp '0001-01-01 00:00:00.000001'", "0001-01-01T00:00:00.000001Z"),
    ("true", True),
    ("''", ""),
    ("0", 0),
]


@pytest.mark.parametrize(("sql", "value"), VALUES)
def test_value(run: Any, sql: str, value: Any) -> None:
    """The expression has Trino's value."""
    result = run(f"SELECT {sql}")
    (row,) = result.rows
    assert row == [pytest.approx(value) if isinstance(value, float) else value]


@pytest.mark.parametrize(
    "sql", ["1 / 0", "1 % 0", "CAST('x' AS bigint)", "9223372036854775807 + 1"]
)
def test_error(run: Any, sql: str) -> None:
    """What fails in Trino fails here, and is not NULL or wrong in silence."""
    with pytest.raises(QueryFailedError):
        run(f"SELECT {sql}")


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT substr('a', 0)",
        "SELECT split_part('a', '-', 0)",
        "SELECT regexp_replace('a', 'a', lower('B'))",
        "SELECT from_unixtime(1, 'UTC')",
        "SELECT EXTRACT(EPOCH FROM now())",
        "SELECT format_datetime(now(), 'yyyy')",
    ],
)
def test_untranslatable_is_refused(run: Any, sql: str) -> None:
    """What cannot be said in DuckDB with the same meaning is refused."""
    with pytest.raises(QueryRefusedError):
        run(sql)


def test_column_names_and_types(run: Any) -> None:
    """Names as Athena gives them (``_colN``), types by their Athena names."""
    result = run("SELECT 1, 'a' AS b, count(*), ARRAY[1.5], now(), current_date, NULL, 1e0")
    assert [(c.name, c.type) for c in result.columns][:3] == [
        ("_col0", "integer"),
        ("b", "varchar"),
        ("_col2", "bigint"),
    ]
    assert [c.type for c in result.columns][4:6] == ["timestamp", "date"]


def test_order_survives(run: Any) -> None:
    """ORDER BY holds for the rows as returned, NULL last both ways."""
    values = ", ".join(f"({n * 7919 % 10007})" for n in range(1000)) + ", (NULL)"
    for direction, reverse in (("ASC", False), ("DESC", True)):
        rows = run(f"SELECT x FROM (VALUES {values}) AS v(x) ORDER BY x {direction}").rows
        assert [x for (x,) in rows] == [
            *sorted((n * 7919 % 10007 for n in range(1000)), reverse=reverse),
            None,
        ]
