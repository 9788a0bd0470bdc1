"""Amazon Pinpoint's PutEvents as events. Pure.

``{"BatchItem": {endpoint: {"Endpoint": {…}, "Events": {name: {"EventType", "Timestamp",
"Attributes", "Metrics", "Session", …}}}}}``, as Pinpoint's SDKs post it. Attributes and metrics
become properties; an attribute keeps its name where a metric has the same, which is then
``metric_<name>``. The user is the endpoint's, the anonymous id the endpoint, and what else is said
of either is kept under ``context.pinpoint``. The endpoint's address (a device token, a telephone
number, an e-mail) is dropped at the door.

Names of events come from clients that use the same one again: an event is known by its app,
endpoint, name, type and timestamp together.
"""

from typing import Any

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from tallybrook.errors import (
    FieldError,
    InvalidError,
    MalformedError,
    TerminalError,
    TooLargeError,
)
from tallybrook.events.batches import MAX_BATCH_BYTES, MAX_BATCH_EVENTS, Item, Rejection
from tallybrook.events.checks import require_json, text_fault
from tallybrook.events.ids import content_id
from tallybrook.events.model import MAX_EVENT_BYTES, Event
from tallybrook.events.reading import build_event
from tallybrook.events.wire import EventIn

_PREFIX = "pp-"
_CLIENT = ("AppPackageName", "AppTitle", "AppVersionCode", "ClientSdkVersion", "SdkName")
_TEXTS = ("EventType", "Timestamp")


class _Request(Struct):
    endpoints: dict[str, Raw] = msgspec.field(name="BatchItem")


class _Batch(Struct):
    events: dict[str, Raw] = msgspec.field(name="Events")
    endpoint: dict[str, Any] = msgspec.field(name="Endpoint", default={})


class Session(Struct, omit_defaults=True):
    """As PutEvents has it."""

    Id: str | None = None
    StartTimestamp: str | None = None
    StopTimestamp: str | None = None
    Duration: int | None = None


class _Event(Struct):
    EventType: str
    Timestamp: str
    Attributes: dict[str, str | None] | None = None
    Metrics: dict[str, int | float] | None = None
    session: Session | None = msgspec.field(name="Session", default=None)
    AppPackageName: str | None = None
    AppTitle: str | None = None
    AppVersionCode: str | None = None
    ClientSdkVersion: str | None = None
    SdkName: str | None = None


class Posted(Struct):
    """One event of a request; ``name`` is None for an endpoint that cannot be read at all."""

    endpoint: str
    name: str | None
    item: Item


def read_put_events(body: bytes, app: str, account_id: str, now_us: int) -> list[Posted]:
    """What a request posts, in its order; what cannot be used is a rejection among it, whose body
    is a request of that event alone.

    Raises ``TooLargeError`` (500 events, 5 MB), ``MalformedError`` or ``InvalidError`` only for
    what is wrong with the request itself.
    """
    if len(body) > MAX_BATCH_BYTES:
        raise TooLargeError(f"a batch is at most {MAX_BATCH_BYTES} bytes uncompressed")
    require_json(body)
    try:
        request = msgspec.json.decode(body, type=_Request)
    except msgspec.MsgspecError as error:
        fault = FieldError("/BatchItem", str(error))
        raise InvalidError('a request is {"BatchItem": {...}}', [fault]) from None
    posted = [
        one
        for endpoint, raw in request.endpoints.items()
        for one in _of_endpoint(endpoint, raw, app, account_id, now_us)
    ]
    if len(posted) > MAX_BATCH_EVENTS:
        raise TooLargeError(f"a batch is at most {MAX_BATCH_EVENTS} events, not {len(posted)}")
    return posted


def read_one(body: bytes, app: str, account_id: str, now_us: int) -> Event:
    """The event of a request that has one. Raises as ``read_put_events``, and what is wrong with
    the event."""
    posted = read_put_events(body, app, account_id, now_us)
    if len(posted) != 1:
        raise InvalidError.of("/BatchItem", "must have one event")
    if isinstance(posted[0].item, Rejection):
        raise posted[0].item.error
    return posted[0].item


def _of_endpoint(endpoint: str, raw: Raw, app: str, account_id: str, now_us: int) -> list[Posted]:
    try:
        batch = msgspec.json.decode(raw, type=_Batch)
    except (msgspec.MsgspecError, RecursionError) as error:
        refused = InvalidError.of("", f"is no endpoint with its events: {error}")
        alone = msgspec.json.encode({"BatchItem": {endpoint: raw}})
        return [Posted(endpoint, None, Rejection(refused, alone))]
    batch.endpoint.pop("Address", None)
    made: list[Posted] = []
    for name, event in batch.events.items():
        try:
            item: Item = _read(endpoint, batch.endpoint, name, event, app, account_id, now_us)
        except TerminalError as error:
            alone = msgspec.json.encode(
                {"BatchItem": {endpoint: {"Endpoint": batch.endpoint, "Events": {name: event}}}}
            )
            item = Rejection(error, alone)
        made.append(Posted(endpoint, name, item))
    return made


def _read(
    endpoint: str, about: dict[str, Any], name: str, raw: Raw, app: str, account_id: str,
    now_us: int,
) -> Event:  # fmt: skip
    if len(bytes(raw)) > MAX_EVENT_BYTES:
        raise TooLargeError(f"an event is at most {MAX_EVENT_BYTES} bytes")
    try:
        seen = msgspec.json.decode(raw, type=_Event)
    except msgspec.ValidationError as error:
        raise InvalidError.of("", str(error)) from None
    except (msgspec.DecodeError, RecursionError) as error:
        raise MalformedError(f"the event cannot be read: {error}") from None
    faults = [FieldError(f"/{key}", "is required") for key in _TEXTS if not getattr(seen, key)]
    if faults:
        raise InvalidError("some fields cannot be used", faults)
    parts = (app, endpoint, name, seen.EventType, seen.Timestamp)
    read = EventIn(
        event_type=seen.EventType,
        event_id=_PREFIX + content_id(*parts),
        timestamp=seen.Timestamp,
        user_id=_user(about),
        anonymous_id=endpoint,
        session_id=seen.session.Id if seen.session else None,
        properties=_properties(seen),
        context=_context(app, about, name, seen),
    )
    _require_short(read)
    return build_event(read, account_id, now_us)


def _user(about: dict[str, Any]) -> str | None:
    user = about.get("User")
    found = user.get("UserId") if isinstance(user, dict) else None
    return found or None if isinstance(found, str) else None


def _properties(seen: _Event) -> Raw | UnsetType:
    found: dict[str, Any] = {k: v for k, v in (seen.Attributes or {}).items() if v is not None}
    for name, number in (seen.Metrics or {}).items():
        free = name
        while free in found:
            free = f"metric_{free}"
        found[free] = number
    return Raw(msgspec.json.encode(found)) if found else UNSET


def _context(app: str, about: dict[str, Any], name: str, seen: _Event) -> Raw:
    said: dict[str, Any] = {"app_id": app, "event": name}
    if about:
        said["endpoint"] = about
    if seen.session is not None:
        said["session"] = seen.session
    said |= {key: text for key in _CLIENT if (text := getattr(seen, key))}
    return Raw(msgspec.json.encode({"pinpoint": said}))


def _require_short(read: EventIn) -> None:
    """The typed decoder's own checks, for values that came by another way."""
    places = {
        "/EventType": read.event_type, "/Endpoint/User/UserId": read.user_id,
        "": read.anonymous_id, "/Session/Id": read.session_id,
    }  # fmt: skip
    faults = [
        FieldError(place, fault if place else f"the endpoint's id {fault}")
        for place, text in places.items()
        if text is not None and (fault := text_fault(text))
    ]
    if faults:
        raise InvalidError("some fields cannot be used", faults)
