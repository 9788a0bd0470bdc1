"""A lake of millions of generated rows in every table that a saved query reads.

DuckDB makes the rows, the lake's own ``copy`` sorts, partitions and compresses them as housekeeping
leaves them, and its catalog takes the files in. How quick the whole way is, from lines of the log,
is measured by ``lake``: over this one the rows would take ten minutes.
"""

import secrets
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb

from tallybrook.lake.tables import (
    ASSESSMENT_EVENTS,
    COST_TRACKING,
    EVENTS,
    OCEAN_SCORES,
    Table,
    incoming_select,
)
from tallybrook.lake.write import MERGE_LEVEL, copy, open_writer
from tallybrook.ports.lake import LakeStore
from tallybrook.ports.lake.local import LocalLake

DAYS = 30
ACCOUNT = "default"
SCORED_ONE_IN = 50
"""So many events for each assessment that was scored."""

_EVENTS = """
SELECT uuidv7()::VARCHAR AS event_id,
    ['page_view', 'page_view', 'page_view', 'search', 'assessment_started',
     'assessment_completed', 'report_generated', 'purchase', 'user_upgraded'][1 + i % 9]
        AS event_type,
    {start} + i * 86400000000 // {rows} AS timestamp,
    {start} + i * 86400000000 // {rows} + 900 AS ingested_at,
    'event' AS time_source,
    'user-' || (hash(i, {number}) % 200000) AS user_id,
    NULL AS anonymous_id,
    'session-' || (hash(i // 6, {number}) % 900000) AS session_id,
    '{{"device":"' || ['mobile', 'desktop', 'tablet'][1 + (hash(i // 9) % 3)::BIGINT]
        || '","industry":"' || ['tech', 'retail', 'health', 'public'][1 + (hash(i + 1) % 4)::BIGINT]
        || CASE i % 9
            WHEN 4 THEN '","assessment_type":"ocean-120","assessment_id":"a' || i // 9
            WHEN 5 THEN '","assessment_type":"ocean-120","assessment_id":"a'
                || i // 9 + (hash(i) % 5 // 4)::BIGINT
            WHEN 8 THEN '","plan":"pro","usd":"' || 10 + i % 40
            ELSE '' END
        || '","completion_time":' || (60 + hash(i + 2) % 2000) || '}}' AS properties,
    NULL AS context,
    {number} * {rows} + i + 1 AS seq,
    '{account}' AS account_id
FROM range({rows}) r(i)
"""

_SCORES = """
SELECT 'person-' || (hash(i, {number}) % {people}) AS anonymous_user_id,
    'session-' || i AS session_id,
    'assessment-{number}-' || i AS assessment_id,
    {start} + (i * 24 // {rows}) * 3600000000 AS timestamp,
    '1' AS version, '2' AS scoring_version,
    ['ocean-50', 'ocean-120', 'ocean-120'][1 + i % 3] AS assessment_type,
    hash(i, 1) % 100001 / 1000 AS openness, hash(i, 2) % 100001 / 1000 AS conscientiousness,
    hash(i, 3) % 100001 / 1000 AS extraversion, hash(i, 4) % 100001 / 1000 AS agreeableness,
    hash(i, 5) % 100001 / 1000 AS neuroticism,
    hash(i, 6) % 1001 / 1000 AS consistency, 1 - hash(i, 7) % 100 / 1000 AS completeness,
    '{{' || array_to_string(list_transform(range(30), lambda f: '"facet-' || f || '":{{"score":'
        || 6.25 * (hash(i, f) % 17) || ',"responses":4,"std_dev":' || hash(f, i) % 60 || '}}'), ',')
        || '}}' AS facets,
    CASE WHEN i % 4 = 0 THEN '{{"machiavellianism":' || hash(i, 8) % 101
        || ',"narcissism":' || hash(i, 9) % 101 || '}}' END AS dark_side_indicators,
    300 + 10 * (hash(i, 10) % 90) AS completion_time,
    ['desktop', 'mobile', 'tablet'][1 + (hash(i, 11) % 3)::BIGINT] AS device,
    ['web', 'ios', 'android'][1 + (hash(i, 12) % 3)::BIGINT] AS platform,
    '31-40' AS age_range,
    ['technology', 'retail', 'healthcare', 'education', 'other'][1 + (hash(i, 13) % 5)::BIGINT]
        AS industry,
    'management' AS role, '5-10' AS experience, 'europe' AS region,
    md5(i || ' {number}') AS content,
    {number} * {rows} + i + 1 AS seq,
    '{account}' AS account_id
FROM range({rows}) r(i)
"""

_COSTS = """
SELECT {start} + (i * 24 // {rows}) * 3600000000 AS timestamp,
    '{day}' AS date,
    ['lambda', 'athena', 's3', 'dynamodb'][1 + i % 4] AS service,
    'function-' || i % 15 AS function,
    hash(i) % 100000 AS invocations,
    10.0 AS avg_duration_ms, 90.0 AS avg_memory_mb, 128.0 AS memory_mb, 100.0 AS init_ms,
    NULL AS bytes,
    hash(i, {number}) % 1000 / 100000 AS estimated_cost_usd,
    0.000001 AS cost_per_invocation_usd,
    'cost-{number}-' || i AS event_id,
    {number} * {rows} + i + 1 AS seq,
    '{account}' AS account_id
FROM range({rows}) r(i)
"""
_COSTS_A_DAY = 24 * 15


def first_day() -> date:
    """The first of the days there are rows of; the last is today."""
    return datetime.now(UTC).date() - timedelta(days=DAYS - 1)


def fill(data: Path, rows: int) -> None:
    """The last 30 days with ``rows`` events in all, a fiftieth as many scored assessments, and
    costs: one file a partition."""
    scored = rows // SCORED_ONE_IN // DAYS
    data.mkdir(parents=True)
    with closing(LocalLake(data)) as store, closing(open_writer(store.scratch(), 2 << 30, 2)) as db:
        for number in range(DAYS):
            _add(db, store, [EVENTS], _EVENTS, number, rows // DAYS)
        _add_all(db, store, [OCEAN_SCORES, ASSESSMENT_EVENTS], _SCORES, scored)
        _add_all(db, store, [COST_TRACKING], _COSTS, _COSTS_A_DAY)


def _add(
    db: duckdb.DuckDBPyConnection,
    store: LakeStore,
    tables: list[Table],
    template: str,
    number: int,
    rows: int,
) -> None:
    """A day's rows, to which each of the tables has its columns."""
    _commit(db, store, tables, _made(template, number, rows))


def _add_all(
    db: duckdb.DuckDBPyConnection, store: LakeStore, tables: list[Table], template: str, rows: int
) -> None:
    """The rows of all days in one go: of a table that is parted by months."""
    parts = " UNION ALL ".join(f"({_made(template, n, rows)})" for n in range(DAYS))
    _commit(db, store, tables, parts)


def _commit(
    db: duckdb.DuckDBPyConnection, store: LakeStore, tables: list[Table], query: str
) -> None:
    # Made once, in a file: what the rows are of must not be worked out again by each sort.
    made = f"{store.scratch()}/{secrets.token_hex(4)}.parquet"
    db.execute(f"COPY ({query}) TO '{made}' (FORMAT parquet, COMPRESSION lz4)")
    for table in tables:
        store.commit(copy(db, store, incoming_select(table, f"'{made}'"), table, MERGE_LEVEL))
    Path(made).unlink()


def _made(template: str, number: int, rows: int) -> str:
    day = first_day() + timedelta(days=number)
    start_us = (day - date(1970, 1, 1)).days * 86_400_000_000
    people = max(1, rows * DAYS // 2)
    return template.format(
        start=start_us, day=day, number=number, rows=rows, people=people, account=ACCOUNT
    )
