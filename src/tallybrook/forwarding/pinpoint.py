"""From an event of ours to Pinpoint's format. Pure: the same event always gives the same item."""

from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import Raw, Struct, UnsetType

from tallybrook.errors import MalformedError
from tallybrook.events.ids import content_id
from tallybrook.events.instants import parse_instant
from tallybrook.events.model import Event
from tallybrook.forwarding.flattening import Names, flatten, names_of
from tallybrook.forwarding.table import Table
from tallybrook.ports.sinks import Item, Session

Pseudonym = Callable[[str, str], str]
"""(account, user) → the id they are known by outside."""

UNKNOWN = "unknown"
"""The category of types that the table does not list."""

ANONYMOUS, NOBODY = "anonymous\0", "nobody\0"
_STARTS = ("session_start", "session_started_at", "sessionStart")


class Rules(Struct, frozen=True):
    """The table, looked up for every event."""

    table: Table
    names: Names
    pseudonym: Pseudonym


class Made(Struct):
    """An item, whether its type is listed, and whether something had to be cut for the limits."""

    item: Item
    known: bool
    cut: bool


def rules_of(table: Table, pseudonym: Pseudonym) -> Rules:
    return Rules(table, names_of(table.metrics, table.drop), pseudonym)


def is_known(event: Event, rules: Rules) -> bool:
    """Whether the table lists the event's type."""
    return event.event_type in rules.table.types


def event_key(account_id: str, event_id: str) -> str:
    """What an event is called outside: unique over accounts, and nothing of its own id in it."""
    return content_id("forward", account_id, event_id)


def transform(event: Event, rules: Rules) -> Made:
    """The item of an event. Raises ``MalformedError`` for properties that no number or text of
    this machine can hold (1e999, half a surrogate pair)."""
    properties, context = _object(event.properties), _object(event.context)
    first = _first(event, rules.table)
    flat = flatten(properties, first, rules.names, rules.table.limits)
    endpoint, is_somebody = _endpoint(event, rules.pseudonym)
    name = event_key(event.account_id, event.event_id)
    item = Item(
        event_id=name,
        app=event.account_id,
        endpoint=endpoint,
        order_key=endpoint if is_somebody else name,
        event_type=event.event_type,
        at_us=event.timestamp,
        arrived_us=event.ingested_at,
        attributes=flat.attributes,
        metrics=flat.metrics,
        session=_session(event, properties, context),
    )
    return Made(item, is_known(event, rules), flat.cut > 0)


def _first(event: Event, table: Table) -> dict[str, str]:
    kind = table.types.get(event.event_type)
    if kind is None:
        return {"category": UNKNOWN}
    return {"category": kind.category, "monetised": "true" if kind.monetised else "false"}


def _endpoint(event: Event, pseudonym: Pseudonym) -> tuple[str, bool]:
    """The pseudonymous id, and whether there is anybody behind it."""
    if event.user_id is not None:
        return pseudonym(event.account_id, event.user_id), True
    if event.anonymous_id is not None:
        return pseudonym(event.account_id, ANONYMOUS + event.anonymous_id), True
    return pseudonym(event.account_id, NOBODY), False


def _session(event: Event, properties: dict[str, Any], context: dict[str, Any]) -> Session | None:
    """The session that the event names. Pinpoint wants its start: where nothing tells it, the
    event's own time stands for it."""
    if event.session_id is None:
        return None
    told = [properties.get(name) for name in _STARTS]
    told.append(_inside(context, "pinpoint", "session", "StartTimestamp"))
    starts = [parse_instant(text) for text in told if isinstance(text, str)]
    start_us = next((at for at in starts if at is not None), event.timestamp)
    return Session(event.session_id, start_us)


def _inside(found: Any, *path: str) -> Any:
    for name in path:
        found = found.get(name) if isinstance(found, dict) else None
    return found


def _object(raw: Raw | UnsetType) -> dict[str, Any]:
    if isinstance(raw, UnsetType):
        return {}
    try:
        return msgspec.json.decode(raw, type=dict[str, Any])
    except (msgspec.MsgspecError, RecursionError, ValueError) as error:
        raise MalformedError(f"properties that cannot be read: {error}") from None
