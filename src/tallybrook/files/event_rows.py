"""From a row to an event, or to why it is none.

A row that names no event is named by its place and its bytes in this very content: the same file
has the same events as often as it is put, under whatever name.
"""

from collections.abc import Iterator

import msgspec
from msgspec import Raw, Struct

from tallybrook.accounts.keys import require_account
from tallybrook.errors import InvalidError, TerminalError
from tallybrook.events.checks import require_json
from tallybrook.events.model import Event
from tallybrook.events.operations import is_operation, read_operation
from tallybrook.events.reading import absent, read_event, text_of
from tallybrook.files.mapping import has_id, plan, to_event
from tallybrook.files.rows import Fields, Row, Rows, row_id
from tallybrook.files.source import Format

MAX_EVENTS = 500
MAX_CHUNK_BYTES = 512 * 1024
"""Of the rows of a chunk: as JSON in a message they stay below what a queue takes."""

_PLANS = {table: plan((), (), table=table) for table in (False, True)}


class Bad(Struct, frozen=True):
    """A row that is no event, and why."""

    row: Row
    error: TerminalError


class Chunk(Struct):
    """Rows that are written together. Where a chunk ends depends on the rows alone. ``bodies`` are
    the events as a sender would write them, named."""

    number: int
    last_row: int
    size_bytes: int
    events: list[Event]
    bodies: list[bytes]
    bad: list[Bad]


class Reading(Struct, frozen=True):
    """How rows are read: the account where they name none, the content's digest, the instant of
    the file's beginning, and whether ``context.ip`` stays."""

    account_id: str
    digest: str
    at_us: int
    keep_ip: bool = False


def chunks(rows: Rows, fmt: Format, reading: Reading, first: int = 0) -> Iterator[Chunk]:
    """The rows as events, chunk by chunk from number ``first`` on.

    All events of a chunk arrive at one instant of its own, which tells later on whether an event
    that is there already was written by this very chunk.
    """
    chunk = Chunk(first, 0, 0, [], [], [])
    for row in rows:
        full = len(chunk.events) + len(chunk.bad) == MAX_EVENTS
        if full or (chunk.size_bytes + len(row.raw) > MAX_CHUNK_BYTES and chunk.last_row):
            yield chunk
            chunk = Chunk(chunk.number + 1, 0, 0, [], [], [])
        try:
            event, body = read_row(row, fmt, reading, reading.at_us + chunk.number)
            chunk.events.append(event)
            chunk.bodies.append(body)
        except TerminalError as error:
            chunk.bad.append(Bad(row, error))
        chunk.last_row, chunk.size_bytes = row.number, chunk.size_bytes + len(row.raw)
    if chunk.last_row:
        yield chunk


def read_row(row: Row, fmt: Format, reading: Reading, now_us: int) -> tuple[Event, bytes]:
    """The event of a row. ``account_id`` in it names another account than the file's.

    Raises ``InvalidError`` and what reading events raises.
    """
    if row.fields is None:
        raise InvalidError(row.error)
    fields, owner = _apart(row.fields, reading.account_id)
    event = to_event(_PLANS[fmt == "csv"], fields)
    operation = is_operation(event)  # names itself: by its id, its business key or its content
    if not operation and not _named(event):
        event["event_id"] = Raw(msgspec.json.encode(row_id(row, reading.digest)))
    body = msgspec.json.encode(event)
    require_json(body)
    named = msgspec.json.encode(event | {"account_id": Raw(msgspec.json.encode(owner))})
    if operation:
        return read_operation(body, owner, now_us), named
    return read_event(body, owner, now_us, keep_ip=reading.keep_ip), named


def _named(event: Fields) -> bool:
    return has_id(event) and any(
        name in event and not absent(event[name]) for name in ("event_id", "messageId", "id")
    )


def _apart(fields: Fields, account_id: str) -> tuple[Fields, str]:
    """A row without its account, and the account; an empty cell names none."""
    if "account_id" not in fields:
        return fields, account_id
    rest = {name: raw for name, raw in fields.items() if name != "account_id"}
    given = fields["account_id"]
    if bytes(given) == b'""':
        return rest, account_id
    if bytes(given)[:1].isdigit():  # a cell that looks like a number
        given = Raw(b'"' + bytes(given) + b'"')
    named = text_of({"account_id": given}, "account_id")
    return rest, require_account(named) if named is not None else account_id
