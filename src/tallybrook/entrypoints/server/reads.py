"""The calls that read counters and events."""

import base64
from collections.abc import Callable
from functools import cache, partial
from typing import Any

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType
from starlette.responses import Response

from tallybrook.counters import reading
from tallybrook.counters.reading import Check, RangeCount, SeriesNow
from tallybrook.counters.rows import BucketRow
from tallybrook.counters.series import resolve
from tallybrook.entrypoints.server import params
from tallybrook.entrypoints.server.context import Call
from tallybrook.entrypoints.server.problems import json_response
from tallybrook.errors import InvalidError, NotFoundError
from tallybrook.events.instants import HOUR_US, MIN_US, format_instant
from tallybrook.events.model import Event, TimeSource
from tallybrook.lake.erasures import hidden_until
from tallybrook.ports.events import Position
from tallybrook.ports.log import Kind


class Realtime(Struct):
    """Current and previous buckets. ``lag_ms`` is the age of the newest commit's wait, that is
    how long the oldest event not yet counted has been waiting (0: none waits)."""

    as_of: str
    lag_ms: float
    series: list[SeriesNow]
    check: Check


class Aggregations(Struct):
    series: str
    kind: Kind
    minutes: int
    start: str
    end: str
    as_of: str
    buckets: list[BucketRow]


class SeriesItem(Struct):
    series: str
    kind: Kind
    count: int
    first: str | None
    last: str | None


class SeriesList(Struct):
    series: list[SeriesItem]


class ShownEvent(Struct, omit_defaults=True):
    """An event as it is given back; instants are RFC 3339 text."""

    event_id: str
    event_type: str
    timestamp: str
    ingested_at: str
    account_id: str
    time_source: TimeSource
    seq: int
    user_id: str | None = None
    anonymous_id: str | None = None
    session_id: str | None = None
    properties: Raw | UnsetType = UNSET
    context: Raw | UnsetType = UNSET


class UserEvents(Struct):
    events: list[ShownEvent]
    next_cursor: str | None


def shown(event: Event) -> ShownEvent:
    """The form of an event that is given back."""
    return ShownEvent(
        event.event_id, event.event_type, format_instant(event.timestamp),
        format_instant(event.ingested_at), event.account_id, event.time_source, event.seq,
        event.user_id, event.anonymous_id, event.session_id,
        Raw(b"{}") if event.properties is UNSET else event.properties, event.context,
    )  # fmt: skip


async def realtime(call: Call) -> Response:
    context = call.context
    as_of = params.instant(call.query, "as_of")
    instant = context.clock() if as_of is None else as_of
    found = await context.read(reading.now, context.stores.counters, call.account_id, instant)
    return json_response(Realtime(found.as_of, context.log.lag_ms(), found.series, found.check))


async def aggregations(call: Call) -> Response:
    context = call.context
    kind, series = resolve(call.path["series"], context.stores.records.types)
    now = context.clock()
    as_of = params.instant(call.query, "as_of")
    as_of = now if as_of is None else as_of
    start, end = params.span(call.query)
    end = as_of if end is None else end
    start = max(MIN_US, end - HOUR_US) if start is None else start
    minutes = params.integer(call.query, "minutes", 1, 1, 60)
    rows = await context.read(
        reading.bucket_rows, context.stores.counters, call.account_id, kind, series, minutes,
        start, end, as_of,
    )  # fmt: skip
    return json_response(
        Aggregations(
            series, kind, minutes, format_instant(start), format_instant(end),
            format_instant(as_of), rows,
        )
    )  # fmt: skip


async def counts(call: Call) -> Response:
    context = call.context
    kind, series = resolve(call.path["series"], context.stores.records.types)
    start, end = params.span(call.query)
    end = context.clock() if end is None else end
    start = max(MIN_US, end - 24 * HOUR_US) if start is None else start
    found: RangeCount = await context.read(
        reading.count_range, context.stores.counters, call.account_id, kind, series, start, end
    )
    return json_response(found)


async def series(call: Call) -> Response:
    totals = await call.context.read(call.context.stores.counters.series, call.account_id)
    items = [
        SeriesItem(
            t.series,
            t.kind,
            t.count,
            format_instant(t.first_s * 1_000_000) if t.count else None,
            format_instant((t.last_s + 3600) * 1_000_000) if t.count else None,
        )
        for t in totals
    ]
    return json_response(SeriesList(items))


async def event(call: Call) -> Response:
    found = await call.context.read(
        call.context.stores.events.get, call.account_id, call.path["id"]
    )
    if found is None or await call.context.read(_erased(call), found):
        raise NotFoundError(f"no event {call.path['id']!r}")
    return json_response(shown(found))


async def user_events(call: Call) -> Response:
    limit = params.integer(call.query, "limit", 50, 1, 1000)
    before = _cursor(call.query.get("cursor"))
    found = await call.context.read(_of_user, call, limit + 1, before)
    page = found[:limit]
    more = len(found) > limit
    following = _cursor_text(Position(page[-1].timestamp, page[-1].seq)) if more else None
    return json_response(UserEvents([shown(item) for item in page], following))


def _of_user(call: Call, most: int, before: Position | None) -> list[Event]:
    """A user's events without those of erased people, which the log still has."""
    events, is_erased = call.context.stores.events, _erased(call)
    found: list[Event] = []
    while len(found) < most:
        page = events.of_user(call.account_id, call.path["id"], most, before)
        found += [one for one in page if not is_erased(one)]
        if len(page) < most:
            break
        before = Position(page[-1].timestamp, page[-1].seq)
    return found[:most]


def _erased(call: Call) -> Callable[[Event], bool]:
    """Tells whether an event came before somebody of its names was erased. A name is asked for
    once."""
    state = call.context.stores.works().state
    until_us = cache(partial(hidden_until, state, call.account_id))
    return lambda event: any(
        event.ingested_at <= until_us(name) for name in (event.user_id, event.anonymous_id)
    )


def _cursor_text(position: Position) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(position)).decode().rstrip("=")


def _cursor(text: str | None) -> Position | None:
    if text is None:
        return None
    try:
        padded: Any = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        return msgspec.json.decode(padded, type=Position)
    except (ValueError, msgspec.MsgspecError):
        raise InvalidError.of("/cursor", "is not a cursor that was given out") from None
