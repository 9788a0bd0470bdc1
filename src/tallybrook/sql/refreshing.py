"""Saved queries run by the clock, with their default parameters, and their answers handed in.

The answer becomes a table, and its beginning a page to be read, when whoever writes the lake takes
it in (``sql.keeping``): in place of the one before in one go. An error leaves that as it was.
"""

import asyncio
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from msgspec import Struct

from tallybrook.errors import TallybrookError
from tallybrook.events.instants import DAY_US, HOUR_US
from tallybrook.lake.erasures import last_of
from tallybrook.lake.tables.results import MAX_RESULT_ROWS, require_size
from tallybrook.lake.tasks import Task
from tallybrook.ports.objects import Objects
from tallybrook.ports.sql import QueryMetadata, QueryRequest, SqlEngine
from tallybrook.ports.state import State
from tallybrook.sql.keeping import hand_in
from tallybrook.sql.kept import result_tables
from tallybrook.sql.libraries import Library
from tallybrook.sql.saved import Refresh, SavedQuery, bind


class Desk(Struct):
    """What a refresh works with. ``ask`` has a task done by whoever writes the lake."""

    engine: SqlEngine
    library: Library
    objects: Objects
    ask: Callable[[Task], Any]


class Refreshed(Struct):
    """What a refresh did: the queries that have a new answer, and those that failed with why."""

    done: list[str]
    failed: dict[str, str]


async def refresh(desk: Desk, query_id: str, account_id: str, now_us: int) -> QueryMetadata:
    """Run a saved query of an account and hand its whole answer in; what it took.

    Raises ``NotFoundError``, ``InvalidError`` for one that has a required parameter,
    ``TooLargeError`` for an answer that is not kept, and what running a query and ``desk.ask``
    raise.
    """
    query = desk.library.get(query_id)
    request = QueryRequest(
        account_id=account_id,
        sql=query.sql,
        parameters=bind(query, {}),
        max_rows=MAX_RESULT_ROWS + 1,
    )
    with tempfile.TemporaryDirectory() as folder:
        answer = Path(folder) / "answer.parquet"
        metadata = await desk.engine.export(request, "parquet", answer)
        size = await asyncio.to_thread(answer.stat)
        require_size(metadata.rows or 0, size.st_size)
        task = await asyncio.to_thread(
            hand_in, desk.objects, account_id, query.id, now_us, metadata, answer
        )
    await asyncio.to_thread(desk.ask, task)
    return metadata


async def refresh_all(
    desk: Desk, state: State, accounts: Iterable[str], slot_us: int, now_us: int
) -> Refreshed:
    """Refresh what is to be made at an hour, for every account. One that fails does not stop the
    rest."""
    found = Refreshed([], {})
    for account_id in accounts:
        for query in wanted(desk.library, state, account_id, slot_us):
            name = f"{account_id}/{query.id}"
            try:
                await refresh(desk, query.id, account_id, now_us)
                found.done.append(name)
            except TallybrookError as error:
                found.failed[name] = error.detail
    return found


def wanted(library: Library, state: State, account_id: str, slot_us: int) -> list[SavedQuery]:
    """The queries to run at an hour for an account: those that are due by their rhythm, and those
    whose answers went because somebody was erased."""
    every = set(rhythms(slot_us))
    erased = last_of(state, account_id) is not None
    there = {table.query_id for table in result_tables(state, account_id)}
    return [
        query
        for query in library.queries()
        if query.refresh != "never"
        and not any(parameter.required for parameter in query.parameters)
        and (query.refresh in every or (erased and query.id not in there))
    ]


def rhythms(slot_us: int) -> list[Refresh]:
    """What is due at an hour: at midnight also every day, and on Mondays every week."""
    days, hours = divmod(slot_us // HOUR_US, DAY_US // HOUR_US)
    if hours:
        return ["hourly"]
    monday = days % 7 == 4  # 1970-01-05 was one
    return ["hourly", "daily", "weekly"] if monday else ["hourly", "daily"]
