"""From an event to the facts it tells of entities, and what is wrong with it. Pure."""

import math
from typing import Any

import msgspec
from msgspec import Struct

from tallybrook.entities.catalog import Catalog
from tallybrook.entities.definitions import EntityType, Family, Field, Value
from tallybrook.entities.facts import Fact, Told, until_s
from tallybrook.errors import FieldError
from tallybrook.events.ids import content_id
from tallybrook.events.model import MAX_TEXT, Event

FAILED_PREFIX = "entities-"
MAX_ID_BYTES = 1000


class Seen(Struct, frozen=True):
    """One fact of one entity, under the key that tells it from the entity's others."""

    account_id: str
    entity_type: str
    entity_id: str
    key: str
    fact: Fact


class Reading(Struct, frozen=True):
    """What an event tells. Faults do not take away from what is right beside them."""

    seen: list[Seen]
    faults: list[FieldError]


def identity(event: Event) -> str:
    """What makes two deliveries one event; an event that replays a failed record is the one that
    failed."""
    if event.event_id.startswith(FAILED_PREFIX):
        return event.event_id.removeprefix(FAILED_PREFIX).partition("-")[0]
    return content_id(event.account_id, event.event_id)


def is_operation(event: Event) -> bool:
    """Whether it is recognisably of the operations stream: named by its content, or with nothing
    but a source (and what that stream has no key for) as its context."""
    if event.event_id.startswith(("op-", FAILED_PREFIX)):
        return True
    context = bytes(event.context) if isinstance(event.context, msgspec.Raw) else b""
    if b'"source"' not in context:
        return False
    names = set(msgspec.json.decode(context, type=dict[str, msgspec.Raw]))
    return "source" in names <= {"source", "extra"}


def read_facts(event: Event, catalog: Catalog) -> Reading | None:
    """The facts in an event, None when it is none of ours."""
    families = catalog.by_event.get(event.event_type)
    if families is None:
        if event.event_type in catalog.known_types or not is_operation(event):
            return None
        return Reading([], [FieldError("/event_type", "is no type that any entity is made of")])
    payload = _payload(event)
    if isinstance(payload, FieldError):
        return Reading([], [payload])
    return _read(event, payload, families, catalog.definitions.remember_days)


def _read(
    event: Event, payload: dict[str, Any], families: list[tuple[EntityType, Family]], days: int
) -> Reading:
    seen: list[Seen] = []
    faults: dict[str, FieldError] = {}
    for entity, family in families:
        entity_id = _entity_id(entity, payload, faults)
        if entity_id is None:
            continue
        fields = _fields(family, payload, event.timestamp, faults)
        key = f"{family.name}#{_fact_key(event, family, payload, faults)}"
        keeps = family.keep == "window"
        until = until_s(event.timestamp, event.ingested_at, days) if keeps else 0
        fact = Fact(event.timestamp, until, fields)
        seen.append(Seen(event.account_id, entity.type, entity_id, key, fact))
    if not seen and not faults:
        names = sorted({name for entity, _ in families for name in entity.id})
        faults[""] = FieldError("/payload", f"names no entity: {', '.join(names)}")
    return Reading(seen, list(faults.values()))


def _payload(event: Event) -> dict[str, Any] | FieldError:
    if not isinstance(event.properties, msgspec.Raw):
        return FieldError("/payload", "is missing")
    try:
        found = msgspec.json.decode(event.properties)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        return FieldError("/payload", f"cannot be read: {error}")
    return found if isinstance(found, dict) else FieldError("/payload", "must be an object")


def _entity_id(
    entity: EntityType, payload: dict[str, Any], faults: dict[str, FieldError]
) -> str | None:
    parts = [_text(payload, name, faults) for name in entity.id]
    found = [part for part in parts if part is not None]
    if len(found) < len(parts):
        for name in entity.id if found else ():
            if payload.get(name) is None:
                faults.setdefault(name, FieldError(f"/payload/{name}", "is missing"))
        return None
    if len(found) > 1:
        found = [part.replace("%", "%25").replace(":", "%3A") for part in found]
    joined = ":".join(found)
    if len(joined.encode("utf-8", "surrogatepass")) > MAX_ID_BYTES:
        faults.setdefault(entity.id[0], FieldError(f"/payload/{entity.id[0]}", "is too long"))
        return None
    return joined


def _fact_key(
    event: Event, family: Family, payload: dict[str, Any], faults: dict[str, FieldError]
) -> str:
    parts = [_text(payload, name, faults) for name in family.key]
    found = [part for part in parts if part is not None]
    if family.key and len(found) == len(parts):
        return content_id("key", *found)
    return content_id("event", identity(event))


def _text(payload: dict[str, Any], name: str, faults: dict[str, FieldError]) -> str | None:
    """A value that names something; numbers do. None when absent, with a fault when unusable."""
    value = payload.get(name)
    if value is None:
        return None
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if isinstance(text, str) and 0 < len(text) <= MAX_TEXT and _is_utf8(text):
        return text
    faults.setdefault(name, FieldError(f"/payload/{name}", f"must be 1 to {MAX_TEXT} characters"))
    return None


def _is_utf8(text: str) -> bool:
    try:
        return bool(text.encode())
    except UnicodeEncodeError:
        return False


def _fields(
    family: Family, payload: dict[str, Any], at: int, faults: dict[str, FieldError]
) -> dict[str, Told]:
    told: dict[str, Told] = {}
    for field in family.fields:
        if field.name not in payload or (payload[field.name] is None and field.nullable):
            continue
        value = _usable(field, payload[field.name])
        if value is None:
            why = f"must be {_wanted(field)}"
            faults.setdefault(field.name, FieldError(f"/payload/{field.name}", why))
        else:
            told[field.name] = Told(at, value)
    return told


def _usable(field: Field, value: object) -> Value | None:
    if field.type == "boolean":
        return value if isinstance(value, bool) else None
    if field.type == "text":
        usable = (
            isinstance(value, str) and len(value) <= MAX_TEXT and (not value or _is_utf8(value))
        )
        return value if usable and isinstance(value, str) else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if abs(value) > 2**53 or not math.isfinite(value):
        return None
    low = -math.inf if field.min is None else field.min
    high = math.inf if field.max is None else field.max
    return value if low <= value <= high else None


def _wanted(field: Field) -> str:
    if field.type != "number":
        return {"boolean": "true or false", "text": f"text of up to {MAX_TEXT} characters"}[
            field.type
        ]
    if field.min is not None and field.max is not None:
        return f"a number from {field.min:g} to {field.max:g}"
    return "a number" if field.min is None else f"a number from {field.min:g} on"
