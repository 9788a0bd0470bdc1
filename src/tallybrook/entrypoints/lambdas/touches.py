"""Changes of records, from the images of a table's stream: our tables' and an Amplify API's. Pure.

An Amplify model's table is named ``<Model>-<api>-<environment>``, and its rows have ``id``,
``accountId`` and what gives the instant.
"""

from collections.abc import Callable, Mapping
from typing import Any, Literal

from msgspec import Struct

from tallybrook.counters.window import Touch
from tallybrook.errors import InvalidError
from tallybrook.events.checks import text_fault
from tallybrook.events.instants import parse_instant
from tallybrook.graphql.names import type_names
from tallybrook.ports.records import Skipped

Image = Mapping[str, Mapping[str, Any]]
Seen = tuple[str, str, int | None, Skipped | None]
"""(account, record id, instant, why it has none)."""

Origin = Literal["own", "foreign"]


class Table(Struct, frozen=True):
    """The table that a stream record is of."""

    record_type: str
    origin: Origin
    instants: tuple[str, ...] = ()


def table_of(record: Mapping[str, Any], stack: str, types: Mapping[str, tuple[str, ...]]) -> Table:
    """The table by the stream's ARN. Raises ``InvalidError`` for one that holds no records."""
    arn = str(record.get("eventSourceARN", ""))
    name = arn.partition(":table/")[2].partition("/")[0]
    own = name.removeprefix(f"{stack}-records-")
    if own != name and own in types:
        return Table(own, "own")
    models = {known.one: known.record_type for known in type_names(types)}
    record_type = models.get(name.partition("-")[0])
    if record_type is None:
        raise InvalidError.of("/eventSourceARN", f"{name!r} is no table of records")
    return Table(record_type, "foreign", types[record_type])


def touch_of(record: Mapping[str, Any], table: Table) -> Touch:
    """What a stream record says has changed. Raises ``InvalidError`` when it cannot be told."""
    change = record.get("dynamodb") or {}
    old, new = change.get("OldImage"), change.get("NewImage")
    read: Callable[[Image, Table], Seen] = _own if table.origin == "own" else _foreign
    before = read(old, table) if old else None
    after = read(new, table) if new else None
    seen = after or before
    if seen is None:
        raise InvalidError.of("/dynamodb", "has no image: the stream has to give both")
    return Touch(
        seen[0], table.record_type, seen[1], str(change.get("SequenceNumber", "")),
        before[2] if before else None, after[2] if after else None, after[3] if after else None,
    )  # fmt: skip


def _own(image: Image, _table: Table) -> Seen:
    account_id = _text(image, "pk").rpartition("#")[0]
    instant = image.get("instant_us", {}).get("N")
    why = image.get("skipped", {}).get("S")
    skipped: Skipped = "invalid_timestamp" if why == "invalid_timestamp" else "no_timestamp"
    record_id = _text(image, "record_id")
    if instant is None:
        return account_id, record_id, None, skipped
    return account_id, record_id, int(instant), None


def _foreign(image: Image, table: Table) -> Seen:
    account_id = _text(image, "accountId")
    if "#" in account_id:
        raise InvalidError.of("/accountId", "must not have a # in it")
    record_id = _text(image, "id")
    for name in table.instants:
        value = image.get(name, {}).get("S")
        if image.get(name) in (None, {"NULL": True}, {"S": ""}):
            continue
        at = parse_instant(value) if isinstance(value, str) else None
        return account_id, record_id, at, None if at is not None else "invalid_timestamp"
    return account_id, record_id, None, "no_timestamp"


def _text(image: Image, name: str) -> str:
    value = image.get(name, {}).get("S")
    fault = text_fault(value, most=2048)
    if fault is not None:
        raise InvalidError.of(f"/{name}", fault)
    return str(value)
