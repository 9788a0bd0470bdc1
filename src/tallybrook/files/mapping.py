"""From a row to the event that is sent: which column is which field."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from msgspec import Raw, Struct

from tallybrook.errors import UsageError
from tallybrook.files.rows import Fields

TEXT_FIELDS = ("event_id", "event_type", "timestamp", "user_id", "anonymous_id", "session_id")
_OBJECTS = ("properties", "context")
_ALIASES = ("messageId", "id", "payload")
_encode = msgspec.json.encode


class Plan(Struct, frozen=True):
    """What ``--map`` and ``--set`` ask for.

    ``columns`` names the source of a field, ``constants`` its value. With ``spread`` everything
    that is no event field becomes a property, without it a row is sent as it stands. In a
    ``table`` the other names the product knows for fields (``id``, ``payload``) are columns.
    """

    columns: Mapping[str, str]
    constants: Mapping[str, Raw]
    spread: bool = True
    table: bool = False


def plan(maps: Iterable[str], sets: Iterable[str], *, table: bool) -> Plan:
    """Read ``field=source`` and ``field=value`` pairs; raises ``UsageError`` for a wrong one.

    ``table``: the rows come from CSV and so never are events as they stand.
    """
    columns, texts = _pairs("--map", maps), _pairs("--set", sets)
    constants = {field: _constant(field, text) for field, text in texts.items()}
    return Plan(columns, constants, table or bool(columns or constants), table)


def check_columns(wanted: Plan, row: Fields) -> None:
    """Raise ``UsageError`` when a mapped column is not in the table; ``row`` is its first."""
    missing = [source for source in wanted.columns.values() if source not in row]
    if missing:
        there = ", ".join(row)
        raise UsageError(f"no column {missing[0]!r}; the columns are: {there}")


def to_event(wanted: Plan, row: Fields) -> Fields:
    """The row as an event, values byte for byte except text fields, which become text."""
    if not wanted.spread:
        return dict(row)
    event: Fields = {}
    objects: dict[str, Fields] = {name: {} for name in _OBJECTS}
    used = set(wanted.columns.values())
    for name, value in row.items():
        if name in used:
            continue
        if name in TEXT_FIELDS:
            _put(event, objects, name, value)
        elif name in _OBJECTS and (inner := _object(value)) is not None:
            objects[name].update(inner)
        elif name in _OBJECTS or (name in _ALIASES and not wanted.table):
            event[name] = value
        else:
            objects["properties"][name] = value
    for field, source in wanted.columns.items():
        if (found := _find(row, source)) is not None:
            _put(event, objects, field, found)
    for field, value in wanted.constants.items():
        _put(event, objects, field, value)
    return {name: Raw(_encode(parts)) for name, parts in objects.items() if parts} | event


def has_id(event: Fields) -> bool:
    """Whether the event names itself, under any of the names the product reads."""
    return any(name in event for name in ("event_id", "messageId", "id"))


def _pairs(option: str, given: Iterable[str]) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for text in given:
        field, equals, value = text.partition("=")
        top, dot, rest = field.partition(".")
        known = field in TEXT_FIELDS or (top in _OBJECTS and dot and rest)
        if not equals or not value or not known:
            fields = ", ".join(TEXT_FIELDS)
            raise UsageError(
                f"{option} {text}: write FIELD=..., FIELD one of {fields}, "
                "properties.NAME, context.NAME"
            )
        pairs[field] = value
    return pairs


def _constant(field: str, text: str) -> Raw:
    """A constant of a property may be JSON (``3``, ``true``); anything else is text."""
    if field not in TEXT_FIELDS:
        try:
            return Raw(_encode(msgspec.json.decode(text)))
        except msgspec.DecodeError:
            pass
    return Raw(_encode(text))


def _object(value: Raw) -> Fields | None:
    """The value taken apart, None when it is no object: then it is sent and refused as it is."""
    try:
        return msgspec.json.decode(value, type=Fields)
    except msgspec.DecodeError:
        return None


def _find(row: Fields, source: str) -> Raw | None:
    """The value of a column, or of a dotted path into nested JSON objects."""
    if source in row:
        return row[source]
    top, dot, rest = source.partition(".")
    return _find(_object(row[top]) or {}, rest) if dot and top in row else None


def _put(event: Fields, objects: dict[str, Fields], field: str, value: Raw) -> None:
    top, dot, name = field.partition(".")
    if dot:
        objects[top][name] = value
    elif (text := _text(value)) is not None:
        event[field] = text


def _text(value: Raw) -> Raw | None:
    """A number as text; an empty cell and null are no value. Other JSON stays: it is refused."""
    plain: Any = msgspec.json.decode(value)
    if plain is None or plain == "":
        return None
    is_number = isinstance(plain, int | float) and not isinstance(plain, bool)
    return Raw(_encode(bytes(value).decode())) if is_number else value
