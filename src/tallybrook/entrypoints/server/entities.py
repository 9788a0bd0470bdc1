"""The calls that read entities and alerts."""

import base64
import math
from typing import Any, get_args

import msgspec
from msgspec import Struct
from starlette.responses import Response

from tallybrook.entities import reading, reading_alerts
from tallybrook.entities.definitions import Severity
from tallybrook.entities.places import Entity
from tallybrook.entities.reading import ShownEntity
from tallybrook.entities.reading_alerts import ShownAlert
from tallybrook.entrypoints.server import params
from tallybrook.entrypoints.server.context import Call
from tallybrook.entrypoints.server.problems import json_response
from tallybrook.errors import InvalidError
from tallybrook.events.instants import format_instant


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


async def entities(call: Call) -> Response:
    stores, now = call.context.stores.entities(), call.context.clock()
    known = stores.catalog.entity(call.path["type"])
    order = reading.order_of(known, call.query.get("sort"), _number(call, "threshold"))
    limit = params.integer(call.query, "limit", 50, 1, 1000)
    as_of, after = _as_of(call, now), None
    if "cursor" in call.query:
        as_of, after = _cursor(call.query["cursor"], tuple[int, reading.Place])
    reading.require_known(stores.catalog, as_of, now)
    page = await call.context.read(
        reading.page, stores.state, stores.catalog, call.account_id, known.type, order, as_of,
        limit, after,
    )  # fmt: skip
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
    found = await call.context.read(reading.one, stores.state, stores.catalog, wanted, as_of)
    return json_response(found)


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
