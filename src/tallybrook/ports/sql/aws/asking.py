"""One statement asked of Athena: begun, watched, read page by page, and stopped if nobody waits."""

import asyncio
from typing import Any

from tallybrook.ports.sql import QueryMetadata, frames
from tallybrook.ports.sql.aws.cells import Texts, columns_of
from tallybrook.ports.sql.aws.service import Athena, Ended
from tallybrook.ports.sql.results import Writing
from tallybrook.sql import price
from tallybrook.sql.athena import AthenaStatement, as_json, is_nested

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 1.0


async def ask(service: Athena, statement: AthenaStatement, max_rows: int, writing: Writing) -> None:
    """Columns and rows, at most ``max_rows``, go to ``writing``, what it took to its metadata.

    Lists, maps and rows are asked for a second time as JSON: Athena's own text of them cannot be
    read back, and their types are known only then. Cancelling stops what runs.
    """
    metadata = writing.answer.metadata
    query_id, ended = await _ended(service, statement.sql, metadata)
    page = await asyncio.to_thread(service.page, query_id, None)
    columns = columns_of(page["ResultSet"]["ResultSetMetadata"]["ColumnInfo"])
    types = [column.type for column in columns]
    if any(map(is_nested, types)):
        query_id, ended = await _ended(service, as_json(statement.sql, types), metadata)
        page = await asyncio.to_thread(service.page, query_id, None)
    writing(frames.Heading(columns))
    texts = Texts(columns)
    left, skip = max_rows, int(ended.headed)
    while True:
        rows = [texts.row(row.get("Data", [])) for row in page["ResultSet"]["Rows"][skip:]]
        if rows[:left]:
            writing(frames.pack(rows[:left]))
        metadata.truncated = len(rows) > left
        left, skip = left - len(rows[:left]), 0
        token = page.get("NextToken")
        if token is None or metadata.truncated:
            break
        page = await asyncio.to_thread(service.page, query_id, token)
    _say(metadata, texts, max_rows)


def _say(metadata: QueryMetadata, texts: Texts, max_rows: int) -> None:
    if texts.lost_numbers:
        metadata.hints.append("NaN and infinity are shown as null.")
    if metadata.truncated:
        metadata.hints.append(f"The answer is cut at {max_rows} rows.")


async def _ended(service: Athena, sql: str, metadata: QueryMetadata) -> tuple[str, Ended]:
    """Run one to its end; what it scanned is added up. It is stopped when it was not waited for."""
    query_id = await _begun(service, sql)
    try:
        ended = await _watch(service, query_id)
    except asyncio.CancelledError:
        await asyncio.to_thread(service.stop, query_id)
        raise
    metadata.scanned_bytes += ended.scanned_bytes
    metadata.read_bytes += ended.scanned_bytes
    metadata.estimated_usd += price.usd(ended.scanned_bytes)
    return query_id, ended


async def _begun(service: Athena, sql: str) -> str:
    """The service's id. Who is cancelled meanwhile waits for it, as it is needed to stop it."""
    starting: asyncio.Future[Any] = asyncio.ensure_future(asyncio.to_thread(service.start, sql))
    try:
        return str(await asyncio.shield(starting))
    except asyncio.CancelledError:
        await asyncio.to_thread(service.stop, await starting)
        raise


async def _watch(service: Athena, query_id: str) -> Ended:
    pause_s = FIRST_PAUSE_S
    while (ended := await asyncio.to_thread(service.ended, query_id)) is None:
        await asyncio.sleep(pause_s)
        pause_s = min(pause_s * 1.5, LONGEST_PAUSE_S)
    return ended
