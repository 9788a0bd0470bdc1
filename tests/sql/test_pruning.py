"""Which files the filter on each kind of partition leaves, and what has no filter."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from tallybrook.lake.tables import TABLES
from tallybrook.ports.lake import DataFile
from tallybrook.ports.sql import Limits, QueryRefusedError
from tallybrook.sql import price
from tallybrook.sql.connection import open_connection
from tallybrook.sql.guard import guard

NOW_US = 1_714_521_600_000_000  # 2024-05-01
DAYS = [date(2023, 12, 31), date(2024, 1, 1), date(2024, 4, 30), date(2024, 5, 1), date(2025, 1, 1)]


def files(table: str) -> list[DataFile]:
    """A file a day, as the writer names them; the days of a table without a time are in the path
    alone."""
    found = []
    for day in DAYS:
        folder = {
            "events": f"date={day}",
            "assessment_events": f"date={day}/assessment_type=ocean-120",
            "user_engagement": f"date={day}",
            "industry_benchmarks": "assessment_type=ocean-120",
        }.get(table, f"year={day.year}/month={day.month}")
        noon = int(datetime(day.year, day.month, day.day, 12, tzinfo=UTC).timestamp()) * 1_000_000
        timed = TABLES[table].time is not None
        found.append(DataFile(
            path=f"{table}/account_id=acme/{folder}/{day}.parquet", account_id="acme", rows=1,
            bytes=1, min_us=noon if timed else 0, max_us=noon if timed else 0, column_bytes={},
        ))  # fmt: skip
    return found


@pytest.fixture(scope="module")
def calculator() -> Any:
    connection = open_connection(Limits(128 << 20, 1))
    yield connection
    connection.close()


LEFT: list[tuple[str, str, list[int]]] = [
    ("events", "date >= date '2024-04-30'", [2, 3, 4]),
    ("events", "date_trunc('month', timestamp) >= date '2024-05-01'", [3, 4]),
    ("events", "date = current_date - interval '1' day", [2]),
    ("assessment_events", "date >= '2024/05/01'", [3, 4]),
    ("assessment_events", "date = date_format(current_date, '%Y/%m/%d')", [3]),
    # Text is compared as text: this says nothing about days.
    ("assessment_events", "date >= '2024/05'", [0, 1, 2, 3, 4]),
    ("assessment_events", "timestamp < timestamp '2024-01-01 00:00:00'", [0]),
    ("user_engagement", "date BETWEEN date '2024-01-01' AND date '2024-05-01'", [1, 2, 3]),
    ("ocean_scores", "year = 2024", [1, 2, 3]),
    ("ocean_scores", "year = 2024 AND month = 5", [3]),
    ("ocean_scores", "year = 2024 AND month >= 4", [2, 3]),
    ("ocean_scores", "4 >= month AND 2024 = year", [1, 2]),
    ("ocean_scores", "year > 2024", [1, 2, 3, 4]),
    ("ocean_scores", "(year = 2023 AND month = 12) OR (year = 2025 AND month = 1)", [0, 4]),
    ("ocean_scores", "year = year(current_date) AND month = month(current_date)", [3]),
    ("ocean_scores", "year >= 2024 AND month = 5", [1, 2, 3, 4]),
    ("cost_tracking", "timestamp >= date_add('day', -1, current_date)", [2, 3, 4]),
    ("industry_benchmarks", "people > 5", [0, 1, 2, 3, 4]),
]


@pytest.mark.parametrize(("table", "condition", "left"), LEFT)
def test_files_that_are_left(table: str, condition: str, left: list[int], calculator: Any) -> None:
    """Those that may hold a row of the answer, and as few others as the filter tells."""
    statement = guard(f"SELECT count(*) FROM {table} WHERE {condition}", now_us=NOW_US)
    (scan,) = statement.scans
    instants = {
        bound: calculator.execute(f"SELECT epoch_us(CAST(({bound.sql}) AS TIMESTAMP))").fetchone()[
            0
        ]
        for bound in price.bounds(scan.need)
    }
    known = files(table)
    kept = price.select_files(known, scan.need, instants)
    assert [known.index(file) for file in kept] == left


@pytest.mark.parametrize(
    ("sql", "example"),
    [
        ("SELECT 1 FROM assessment_events WHERE assessment_type = 'x'", "%Y/%m/%d"),
        ("SELECT 1 FROM ocean_scores WHERE month = 5", "WHERE year = year"),
        ("SELECT 1 FROM ocean_scores s JOIN events e ON e.seq = s.seq WHERE s.year = 2024", "date"),
        ("SELECT 1 FROM user_engagement", "WHERE date >="),
        ("SELECT 1 FROM cost_tracking WHERE date = current_date", "WHERE year = year"),
    ],
)
def test_a_filter_is_asked_for(sql: str, example: str) -> None:
    """With an example that fits the table."""
    with pytest.raises(QueryRefusedError) as refusal:
        guard(sql, now_us=NOW_US)
    assert example in refusal.value.fix


def test_columns_are_touched_by_table() -> None:
    """A name counts where it can be meant: behind an alias for that table alone."""
    statement = guard(
        "SELECT e.user_id, s.openness, facets['trust'].score FROM events e"
        " JOIN ocean_scores s ON s.seq = e.seq WHERE e.date = current_date AND s.year = 2024",
        now_us=NOW_US,
    )
    assert [sorted(scan.columns) for scan in statement.scans] == [
        ["date", "seq", "user_id"],
        ["facets", "openness", "seq", "year"],
    ]
