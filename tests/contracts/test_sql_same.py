"""The same events, embedded and on AWS: the same rows, whatever is asked and wherever they lie."""

import asyncio
import random
from pathlib import Path
from typing import Any

import pytest

from tallybrook.ports.sql import Limits, QueryRequest
from tallybrook.ports.sql.local import LocalSqlEngine
from tests.contracts.sources import DAY_US, MAY_1_2024_US, Data, open_data

DATES = "date BETWEEN date '2024-05-01' AND date '2024-05-04'"
QUERIES = {
    "everything": "SELECT * FROM events WHERE date >= date '2000-01-01' ORDER BY seq",
    "counts": f"SELECT event_type, count(*), count(DISTINCT user_id) FROM events WHERE {DATES}"
    " GROUP BY 1 ORDER BY 1",
    "daily active users": f"SELECT date, approx_distinct(user_id) FROM events WHERE {DATES}"
    " GROUP BY date ORDER BY date",
    "json": "SELECT json_extract_scalar(properties, '$.plan') AS plan, sum(CAST("
    "json_extract_scalar(properties, '$.n') AS bigint)) FROM events WHERE "
    f"{DATES} GROUP BY 1 ORDER BY 1 NULLS LAST",
    "hours": "SELECT date_trunc('hour', timestamp) AS hour, count(*) FROM events"
    f" WHERE {DATES} GROUP BY 1 ORDER BY 1",
    "windows": "SELECT user_id, seq, row_number() OVER (PARTITION BY user_id ORDER BY timestamp,"
    f" seq) FROM events WHERE {DATES} ORDER BY seq",
    "join": "WITH firsts AS (SELECT user_id, min(timestamp) AS at FROM events WHERE"
    f" {DATES} GROUP BY 1) SELECT e.seq, date_diff('second', f.at, e.timestamp) FROM events e"
    f" JOIN firsts f ON e.user_id = f.user_id WHERE {DATES.replace('date BET', 'e.date BET')}"
    " ORDER BY e.seq",
    "nothing": "SELECT * FROM events WHERE date = date '1999-01-01'",
}


def fill(data: Data) -> None:
    """Events of two accounts in many chunks: some merged, some in small files, some in the log."""
    rng = random.Random(20240501)
    for step in range(12):
        for account in ("acme", "beta"):
            data.append(
                rng.randrange(1, 30),
                account=account,
                event_type=rng.choice(("view", "click", "buy")),
                timestamp=MAY_1_2024_US + rng.randrange(5 * DAY_US),
                user_id=f"u{rng.randrange(9)}",
                properties=b'{"plan":"%s","n":%d}' % (rng.choice((b"a", b"b")), step),
            )
        if step < 10:
            data.flush()
        if step == 7:
            data.merge()


async def _ask(name: str, folder: Path, stack: str) -> dict[str, Any]:
    data = open_data(name, folder, lambda: stack)
    engine = LocalSqlEngine(data.source, children=1, limits=Limits(192 << 20, 1))
    try:
        fill(data)
        await engine.start()
        found = {}
        for question, sql in QUERIES.items():
            result = await engine.run(QueryRequest(account_id="acme", sql=sql))
            seen = result.metadata
            found[question] = (
                result.columns, result.rows, seen.position, seen.files, seen.tail_events,
            )  # fmt: skip
        return found
    finally:
        await engine.close()
        data.close()


def test_same_rows(tmp_path_factory: pytest.TempPathFactory, emulator: object) -> None:
    """Columns, types, rows, the position up to which they are whole, and what was read for it, of
    files, merged and not, and of the log's tail."""
    from tests.support.emulator import new_stack

    local, aws = (
        asyncio.run(_ask(name, tmp_path_factory.mktemp(name), new_stack()))
        for name in ("local", "aws")
    )
    for question in QUERIES:
        assert aws[question] == local[question], question
        assert local[question][1] or question == "nothing", question
    _, rows, position, files, tail_events = aws["everything"]
    assert len(rows) > 100
    assert position >= len(rows)
    assert files > 5
    assert tail_events > 0
