"""A lake of millions of generated rows, written by the lake's own writer and catalog."""

import secrets
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path

import duckdb

from tallybrook.lake.tables import EVENTS
from tallybrook.lake.write import MERGE_LEVEL, copy, open_writer
from tallybrook.ports.lake.local import LocalLake

DAYS = 30
FIRST_DAY = date(2026, 1, 1)
ACCOUNT = "default"

_DAY = """
COPY (
    SELECT uuidv7()::VARCHAR AS event_id,
        ['page_view', 'page_view', 'page_view', 'search', 'assessment_started',
         'assessment_completed', 'purchase'][1 + i % 7] AS event_type,
        TIMESTAMP '{day}' + to_microseconds((i * 86400000000 // {rows})::BIGINT) AS timestamp,
        TIMESTAMP '{day}' + to_microseconds((i * 86400000000 // {rows} + 900)::BIGINT)
            AS ingested_at,
        'event' AS time_source,
        'user-' || (hash(i, {number}) % 200000) AS user_id,
        NULL::VARCHAR AS anonymous_id,
        'session-' || (hash(i // 6, {number}) % 900000) AS session_id,
        '{{"device":"' || ['mobile', 'desktop', 'tablet'][1 + (hash(i) % 3)::BIGINT]
            || '","industry":"'
            || ['tech', 'retail', 'health', 'public'][1 + (hash(i + 1) % 4)::BIGINT]
            || '","completion_time":' || (60 + hash(i + 2) % 2000) || '}}' AS properties,
        NULL::VARCHAR AS context,
        ({number} * {rows} + i + 1)::BIGINT AS seq
    FROM range({rows}) r(i)
) TO '{path}' (FORMAT parquet, COMPRESSION lz4)
"""


def fill(data: Path, rows: int) -> None:
    """30 days of ``rows`` events in all, one file a day, compressed as housekeeping leaves them."""
    data.mkdir(parents=True)
    with closing(LocalLake(data)) as store:
        writer = open_writer(store.scratch(), 2 << 30, 2)
        for number in range(DAYS):
            day = FIRST_DAY + timedelta(days=number)
            made = _make(Path(store.scratch()), day, number, rows // DAYS)
            query = (
                f"SELECT *, '{ACCOUNT}' AS account_id, DATE '{day}' AS date"
                f" FROM read_parquet('{made}')"
            )
            store.commit(copy(writer, store, query, EVENTS, MERGE_LEVEL))
            made.unlink()
        writer.close()


def _make(scratch: Path, day: date, number: int, rows: int) -> Path:
    path = scratch / f"{secrets.token_hex(4)}.parquet"
    with duckdb.connect() as engine:
        engine.execute("SET TimeZone = 'UTC'")
        engine.execute(_DAY.format(day=day, number=number, rows=rows, path=path))
    return path
