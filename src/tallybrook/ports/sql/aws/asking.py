"""One statement asked of Athena: begun, watched, read page by page, and stopped if nobody waits."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from tallybrook.errors import RetryableError, TallybrookError
from tallybrook.ports.sql import QueryMetadata, ResultColumn, frames
from tallybrook.ports.sql.aws.cells import Texts, columns_of
from tallybrook.ports.sql.aws.service import Athena, Standing
from tallybrook.ports.sql.results import Writing
from tallybrook.sql import price
from tallybrook.sql.athena import AthenaStatement, as_json, is_nested

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 1.0
MAX_FAILED_LOOKS = 3
"""So many looks may fail one after the other, each tried several times by the SDK."""

STOP_WITHIN_S = 5.0
"""How long who goes away waits for a query to be stopped; the call goes on after it."""

_log = logging.getLogger("tallybrook.sql")
_stopping: set["asyncio.Future[Any]"] = set()
"""Calls under way that nobody waits for; the loop itself holds no task."""


async def ask(
    service: Athena,
    statement: AthenaStatement,
    max_rows: int,
    writing: Writing,
    begin: Callable[[], None],
) -> None:
    """Columns and rows, at most ``max_rows``, go to ``writing``, what it took to its metadata.
    ``begin`` is called once the service runs it.

    Lists, maps and rows are asked for a second time as JSON: Athena's own text of them cannot be
    read back, and their types are known only then. Whatever ends the wait stops what runs.
    """
    metadata = writing.answer.metadata
    query_id, page, columns, skip = await _answered(service, statement.sql, metadata, begin)
    types = [column.type for column in columns]
    if any(map(is_nested, types)):
        text = as_json(statement.sql, types)
        query_id, page, _, skip = await _answered(service, text, metadata, begin)
    writing(frames.Heading(columns))
    texts = Texts(columns)
    left = max_rows
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


async def _answered(
    service: Athena, sql: str, metadata: QueryMetadata, begin: Callable[[], None]
) -> tuple[str, dict[str, Any], list[ResultColumn], int]:
    """The id of a statement that ran to its end, its first page, its columns, and how many of the
    page's first rows are their names."""
    query_id, ended = await _ended(service, sql, metadata, begin)
    page = await asyncio.to_thread(service.page, query_id, None)
    columns = columns_of(page["ResultSet"]["ResultSetMetadata"]["ColumnInfo"])
    return query_id, page, columns, int(_headed(page, columns, ended))


def _headed(page: dict[str, Any], columns: list[ResultColumn], ended: Standing) -> bool:
    """Whether the first row is the columns' names: of a query it is, of a plan it may be."""
    if ended.statement == "DML":
        return True
    first = [row.get("Data", []) for row in page["ResultSet"]["Rows"][:1]]
    return [cell.get("VarCharValue") for data in first for cell in data] == [
        column.name for column in columns
    ]


def _say(metadata: QueryMetadata, texts: Texts, max_rows: int) -> None:
    if texts.lost_numbers:
        metadata.hints.append("NaN and infinity are shown as null.")
    if metadata.truncated:
        metadata.hints.append(f"The answer is cut at {max_rows} rows.")


async def _ended(
    service: Athena, sql: str, metadata: QueryMetadata, begin: Callable[[], None]
) -> tuple[str, Standing]:
    """Run one to its end; what it scanned is added up. Raises the error of one that failed."""
    query_id = await _begun(service, sql)
    try:
        ended = await _watch(service, query_id, begin)
    except (asyncio.CancelledError, TallybrookError):
        await _for_a_while(asyncio.to_thread(service.stop, query_id))
        raise
    if ended.error is not None:
        raise ended.error
    metadata.scanned_bytes += ended.scanned_bytes
    metadata.read_bytes += ended.scanned_bytes
    metadata.estimated_usd += price.usd(ended.scanned_bytes)
    return query_id, ended


async def _begun(service: Athena, sql: str) -> str:
    """The service's id. Where who asks is cancelled meanwhile, it is stopped once it has one."""
    starting = asyncio.ensure_future(asyncio.to_thread(service.start, sql))
    try:
        return await asyncio.shield(starting)
    except asyncio.CancelledError:
        await _for_a_while(_stop_begun(service, starting))
        raise


async def _stop_begun(service: Athena, starting: "asyncio.Future[str]") -> None:
    await asyncio.to_thread(service.stop, await starting)


async def _for_a_while(call: Awaitable[None]) -> None:
    """Wait for a call, not for long; a failure is told to the log. What it was to stop ends by
    itself: at its end, or at the workgroup's limit."""
    task = asyncio.ensure_future(call)
    _stopping.add(task)
    task.add_done_callback(_tell)
    await asyncio.wait({task}, timeout=STOP_WITHIN_S)


def _tell(task: "asyncio.Future[Any]") -> None:
    _stopping.discard(task)
    if not task.cancelled() and (error := task.exception()) is not None:
        _log.warning("a query was not stopped: %s", error)


async def _watch(service: Athena, query_id: str, begin: Callable[[], None]) -> Standing:
    """Look until it has ended. One that ran may wait again: Athena begins some anew by itself."""
    pause_s, failed = FIRST_PAUSE_S, 0
    while True:
        try:
            found = await asyncio.to_thread(service.look, query_id)
        except RetryableError:
            failed += 1
            if failed == MAX_FAILED_LOOKS:
                raise
        else:
            failed = 0
            if found.state != "queued":
                begin()
            if found.state == "ended":
                return found
        await asyncio.sleep(pause_s)
        pause_s = min(pause_s * 1.5, LONGEST_PAUSE_S)
