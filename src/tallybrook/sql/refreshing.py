"""Saved queries run by the clock, with their default parameters: the answer is kept to be read.

``refresh`` and ``refresh_due`` are what a scheduler calls. An answer replaces the one before in one
go; an error leaves that one as it was.
"""

from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec import Struct

from tallybrook.errors import TallybrookError
from tallybrook.events.instants import DAY_US, HOUR_US, format_instant
from tallybrook.ports.sql import QueryMetadata, QueryRequest, ResultColumn, SqlEngine
from tallybrook.ports.state import MAX_VALUE_BYTES, State
from tallybrook.sql.libraries import Library
from tallybrook.sql.saved import Refresh, SavedQuery, bind

MAX_KEPT_ROWS = 5_000


class Kept(Struct, kw_only=True):
    """The answer that the clock made last. ``truncated`` in its metadata tells that not all rows
    are kept."""

    query_id: str
    refreshed_at: str
    columns: list[ResultColumn]
    rows: list[list[Any]]
    metadata: QueryMetadata


class Refreshed(Struct):
    """What a refresh did: the queries that have a new answer, and those that failed with why."""

    done: list[str]
    failed: dict[str, str]


_decoder = msgspec.json.Decoder(Kept)


async def refresh(
    query_id: str,
    *,
    engine: SqlEngine,
    state: State,
    library: Library,
    account_id: str,
    now_us: int,
) -> Kept:
    """Run a saved query of an account and keep its answer.

    Raises ``NotFoundError``, ``InvalidError`` for one that has a required parameter, and what
    running a query raises.
    """
    query = library.get(query_id)
    parameters = bind(query, {})
    request = QueryRequest(
        account_id=account_id, sql=query.sql, parameters=parameters, max_rows=MAX_KEPT_ROWS
    )
    result = await engine.run(request)
    answer = Kept(
        query_id=query.id,
        refreshed_at=format_instant(now_us),
        columns=result.columns,
        rows=result.rows,
        metadata=result.metadata,
    )
    state.put(_partition(account_id), query.id, _fitting(answer))
    return answer


async def refresh_due(
    every: Refresh,
    *,
    engine: SqlEngine,
    state: State,
    library: Library,
    accounts: Iterable[str],
    now_us: int,
) -> Refreshed:
    """Refresh the queries of a rhythm for every account. One that fails does not stop the rest."""
    found = Refreshed([], {})
    for account_id in accounts:
        for query in due(library, every):
            name = f"{account_id}/{query.id}"
            try:
                await refresh(
                    query.id,
                    engine=engine,
                    state=state,
                    library=library,
                    account_id=account_id,
                    now_us=now_us,
                )
                found.done.append(name)
            except TallybrookError as error:
                found.failed[name] = error.detail
    return found


def rhythms(slot_us: int) -> list[Refresh]:
    """What is due at an hour: at midnight also every day, and on Mondays every week."""
    days, hours = divmod(slot_us // HOUR_US, DAY_US // HOUR_US)
    if hours:
        return ["hourly"]
    monday = days % 7 == 4  # 1970-01-05 was one
    return ["hourly", "daily", "weekly"] if monday else ["hourly", "daily"]


def due(library: Library, every: Refresh) -> list[SavedQuery]:
    """The queries of a rhythm that can run with their defaults alone."""
    return [
        query
        for query in library.queries()
        if query.refresh == every and not any(p.required for p in query.parameters)
    ]


def kept(state: State, account_id: str, query_id: str) -> Kept | None:
    """The answer that was made last, if any."""
    item = state.get(_partition(account_id), query_id)
    return None if item is None else _decoder.decode(item.value)


def forget(state: State, account_id: str) -> int:
    """Give up every answer of an account (somebody was erased); how many."""
    found = state.query(_partition(account_id))
    for item in found:
        state.delete(_partition(account_id), item.key)
    return len(found)


def _fitting(answer: Kept) -> bytes:
    """As many rows as an item of the state holds."""
    value = msgspec.json.encode(answer)
    while len(value) > MAX_VALUE_BYTES:
        answer.rows = answer.rows[: len(answer.rows) // 2]
        answer.metadata.truncated = True
        value = msgspec.json.encode(answer)
    return value


def _partition(account_id: str) -> str:
    return f"saved#{account_id}"
