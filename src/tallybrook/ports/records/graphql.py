"""Records behind somebody else's GraphQL API."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from msgspec import Struct

from tallybrook.errors import UsageError
from tallybrook.events.instants import format_instant, parse_instant
from tallybrook.ports.graphql.client import Api
from tallybrook.ports.records import Interval, RecordRow, Skipped

PAGE = 1000


class TypeQuery(Struct, frozen=True):
    """How the API lists one type by account and time, and which fields give the instant (the
    first that is not empty)."""

    name: str
    by: str
    instants: tuple[str, ...] = ("createdAt", "updatedAt")


QUERIES: Mapping[str, TypeQuery] = {
    "items": TypeQuery("listItemByAccountIdAndCreatedAt", "createdAt"),
    "scoreResults": TypeQuery("listScoreResultByAccountIdAndUpdatedAt", "updatedAt"),
    "tasks": TypeQuery("listTaskByAccountIdAndUpdatedAt", "updatedAt"),
    "evaluations": TypeQuery("listEvaluationByAccountIdAndUpdatedAt", "updatedAt"),
}
"""The lists that Amplify makes of indexes by account and time."""

_FOREVER = "9999-12-31T23:59:59"


class GraphqlRecords:
    """``ports.records.RecordSource``. What it gives is as fresh as the API's index.

    A type that is listed by another field than the one that is counted by (``updatedAt``) is read
    from the start of an interval on without an end: a record is never changed before it is made.
    """

    def __init__(self, api: Api, queries: Mapping[str, TypeQuery] = QUERIES) -> None:
        self._api = api
        self._queries = queries

    def read(
        self, account_id: str, record_type: str, intervals: Sequence[Interval]
    ) -> Iterator[RecordRow]:
        query = self._queries.get(record_type)
        if query is None:
            raise UsageError(f"no list query is known for records of {record_type}")
        text = _text(query)
        for start, end in _ranges(query, intervals):
            items = self._api.pages(
                text, query.name, {"account": account_id, "from": start, "to": end}
            )
            yield from (row_of(item, query.instants) for item in items)


def row_of(item: Mapping[str, Any], instants: Sequence[str]) -> RecordRow:
    """What counting needs of an item."""
    at, skipped = instant_of(item, instants)
    return RecordRow(str(item["id"]), at, skipped)


def instant_of(
    item: Mapping[str, Any], instants: Sequence[str]
) -> tuple[int | None, Skipped | None]:
    """The instant of the first field that is not empty, or why there is none."""
    for name in instants:
        value = item.get(name)
        if value is None or value == "":
            continue
        at = parse_instant(value) if isinstance(value, str) else None
        return (at, None) if at is not None else (None, "invalid_timestamp")
    return None, "no_timestamp"


def _ranges(query: TypeQuery, intervals: Sequence[Interval]) -> Iterator[tuple[str, str]]:
    if not intervals:
        return
    if query.by != query.instants[0]:
        yield _bound(intervals[0].start_us), _FOREVER
        return
    for interval in intervals:
        yield _bound(interval.start_us), _bound(interval.end_us)


def _bound(instant_us: int) -> str:
    """A text that sorts before every spelling of this second and after those of the one before:
    such an API compares texts."""
    return format_instant(instant_us)[:19]


def _text(query: TypeQuery) -> str:
    fields = " ".join({"id": None, **dict.fromkeys(query.instants)})
    return (
        f"query Records($account: String!, $from: String!, $to: String!, $nextToken: String) {{"
        f" {query.name}(accountId: $account, {query.by}: {{between: [$from, $to]}},"
        f" limit: {PAGE}, nextToken: $nextToken) {{ items {{ {fields} }} nextToken }} }}"
    )
