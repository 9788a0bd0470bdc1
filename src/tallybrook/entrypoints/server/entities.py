"""The calls that read entities and alerts."""

import base64
import math
from collections.abc import Callable
from functools import partial
from typing import Any, get_args

import msgspec
from msgspec import Struct
from starlette.responses import Response

from tallybrook.entities import reading, reading_alerts
from tallybrook.entities.again import tell_again
from tallybrook.entities.definitions import Severity
from tallybrook.entities.describing import describe
from tallybrook.entities.history import MAX_HISTORY_DAYS, one_with_history
from tallybrook.entities.places import Entity
from tallybrook.entities.reading import ShownEntity
from tallybrook.entities.reading_alerts import ShownAlert
from tallybrook.entrypoints.server import params
from tallybrook.entrypoints.server.context import Call
from tallybrook.entrypoints.server.problems import json_response
from tallybrook.errors import InvalidError
from tallybrook.events.instants import format_instant
from tallybrook.ports.log import FailedRecord, Write


class EntityList(Struct):
    """``total`` is how many there are over all pages."""

    entity_type: str
    as_of: str
    sort: str
    total: int
    entities: list[ShownEntity]
    next_cursor: str | None


class AlertList(Struct):
    """Newest first."""

    as_of: str
    alerts: list[ShownAlert]
    next_cursor: str | None


async def types(call: Call) -> Response:
    return json_response(describe(call.context.stores.entities().catalog))


async def entities(call: Call) -> Response:
    stores, now = call.context.stores.entities(), call.context.clock()
    known = stores.catalog.entity(call.path["type"])
    order = reading.order_of(known, call.query.get("sort"), _number(call, "threshold"))
    limit = params.integer(call.query, "limit", 50, 1, 1000)
    as_of, after = _as_of(call, now), None
    if "cursor" in call.query:
        as_of, after = _cursor(call.query["cursor"], tuple[int, reading.Place])
    reading.require_known(stores.catalog, as_of, now)
    plain = partial(reading.page, stores.state, stores.catalog)
    read: Callable[..., reading.Page] = stores.rosters.page if stores.rosters else plain
    page = await call.context.read(read, call.account_id, known.type, order, as_of, limit, after)
    following = _cursor_text((as_of, page.after)) if page.after is not None else None
    sort = "-" * order.descending + order.metric
    return json_response(
        EntityList(known.type, format_instant(as_of), sort, page.total, page.entities, following)
    )


async def entity(call: Call) -> Response:
    stores, now = call.context.stores.entities(), call.context.clock()
    as_of = _as_of(call, now)
    known = stores.catalog.entity(call.path["type"])
    reading.require_known(stores.catalog, as_of, now)
    wanted = Entity(call.account_id, known.type, call.path["id"])
    if "history" not in call.query:
        found = await call.context.read(reading.one, stores.state, stores.catalog, wanted, as_of)
        return json_response(found)
    days = params.integer(call.query, "history", 0, 1, MAX_HISTORY_DAYS)
    return json_response(
        await call.context.read(one_with_history, stores.state, stores.catalog, wanted, as_of, days)
    )


async def alerts(call: Call) -> Response:
    severity = call.query.get("severity")
    if severity is not None and severity not in get_args(Severity):
        raise InvalidError.of("/severity", f"must be one of {', '.join(get_args(Severity))}")
    as_of, after = _as_of(call, call.context.clock()), None
    if "cursor" in call.query:
        as_of, after = _cursor(call.query["cursor"], tuple[int, str])
    limit = params.integer(call.query, "limit", 50, 1, 1000)
    found, following = await call.context.read(
        reading_alerts.alerts, call.context.stores.entities().state, call.account_id, severity,
        params.instant(call.query, "since"), as_of, limit, after,
    )  # fmt: skip
    cursor = _cursor_text((as_of, following)) if following is not None else None
    stores = call.context.stores.entities()
    shown = await call.context.read(
        reading_alerts.with_state, stores.state, stores.catalog, found, as_of
    )
    return json_response(AlertList(format_instant(as_of), shown, cursor))


async def told_again(call: Call, record: FailedRecord, edited: bytes | None) -> str:
    """Have an alert that the webhook did not take told again, and settle its record; its id."""
    state = call.context.stores.entities().state
    alert_id = await call.context.read(tell_again, state, record, edited)
    await call.context.handoff.write(Write(settle={record.failed_id: "replayed"}))
    return alert_id


def _as_of(call: Call, now_us: int) -> int:
    found = params.instant(call.query, "as_of")
    return now_us if found is None else found


def _number(call: Call, name: str) -> float | None:
    text = call.query.get(name)
    if text is None:
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or "_" in text:
        raise InvalidError.of(f"/{name}", "must be a number")
    return value


def _cursor_text(place: object) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(place)).decode().rstrip("=")


def _cursor(text: str, kind: Any) -> Any:
    try:
        padded = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        return msgspec.json.decode(padded, type=kind)
    except (ValueError, msgspec.MsgspecError):
        raise InvalidError.of("/cursor", "is not a cursor that was given out") from None
