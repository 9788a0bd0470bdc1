"""The kept answers of saved queries as they are read: the first page of each, and its table."""

from typing import Any

import msgspec
from msgspec import Struct

from tallybrook.lake.erasures import is_pending
from tallybrook.ports.sql import QueryMetadata, ResultColumn
from tallybrook.ports.state import Delete, State


class Kept(Struct, kw_only=True):
    """The answer that the clock made last, from its first row on. All of it is in ``table``;
    ``truncated`` in its metadata tells that there are more rows than these."""

    query_id: str
    table: str
    refreshed_at: str
    columns: list[ResultColumn]
    rows: list[list[Any]]
    metadata: QueryMetadata


class ResultTable(Struct, kw_only=True):
    """A table of results without its rows."""

    query_id: str
    name: str
    refreshed_at: str
    columns: list[ResultColumn]
    rows: int


_kept = msgspec.json.Decoder(Kept)
_table = msgspec.json.Decoder(ResultTable)


def kept(state: State, account_id: str, query_id: str) -> Kept | None:
    """The answer that was made last, if any; none while somebody is being erased."""
    item = state.get(pages_of(account_id), query_id)
    if item is None or not item.value or is_pending(state, account_id):
        return None
    return _kept.decode(item.value)


def result_tables(state: State, account_id: str) -> list[ResultTable]:
    """The account's tables of results, in order of their names."""
    return [_table.decode(item.value) for item in state.query(tables_of(account_id))]


def forget(state: State, account_id: str) -> int:
    """Give up every kept answer of an account (somebody was erased); how many."""
    pages, tables = pages_of(account_id), tables_of(account_id)
    found = state.query(pages)
    for item in found:
        state.put(pages, item.key, b"")  # a file keeps what is only deleted
        state.write([Delete(pages, item.key), Delete(tables, item.key)])
    return len(found)


def pages_of(account_id: str) -> str:
    """The partition of the first pages."""
    return f"saved#{account_id}"


def tables_of(account_id: str) -> str:
    """The partition of what is said of the tables."""
    return f"saved-tables#{account_id}"
