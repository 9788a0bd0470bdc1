"""Log chunks → columns: pure decoding. A line that cannot be a row is told apart, never dropped."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import numpy as np
from msgspec import UNSET, Raw, Struct, UnsetType

from tallybrook.events.model import Event
from tallybrook.ports.lake import ACCOUNT_ID
from tallybrook.ports.log import Chunk

FIRST_US = -62_135_596_800_000_000
LAST_US = 253_402_300_799_999_999
"""The first and the last microsecond of years 1..9999."""

_decoder = msgspec.json.Decoder(Event)
_ACCOUNT_IN_LINE = re.compile(rb'"account_id":"([a-z0-9][a-z0-9_-]{0,62})"')
_INTEGERS = ("seq", "timestamp", "ingested_at")


class BadLine(Struct, frozen=True):
    """A line that is not a row of the lake, and why."""

    seq: int
    account_id: str
    detail: str
    line: bytes
    ingested_at: int


Columns = dict[str, Any]
"""Column name → numpy array (int64, or object holding str and None), all of one length."""


def decode(chunks: list[Chunk], after_seq: int, bad: Callable[[BadLine], None]) -> list[Event]:
    """The events of the chunks past a position; what cannot be one is handed to ``bad``."""
    events: list[Event] = []
    for chunk in chunks:
        events += _decode_chunk(chunk, after_seq, bad)
    return events


def _decode_chunk(chunk: Chunk, after_seq: int, bad: Callable[[BadLine], None]) -> list[Event]:
    """All lines at once; line by line only where that fails."""
    try:
        events = _decoder.decode_lines(chunk.body)
        expected = range(chunk.first_seq, chunk.first_seq + chunk.count)
        if chunk.first_seq > after_seq and [e.seq for e in events] == list(expected):
            for event in events:
                _check(event)
            return events
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError, RecursionError):
        pass  # the slow way names the line and the reason
    return list(_decode_lines(chunk, after_seq, bad))


def _decode_lines(chunk: Chunk, after_seq: int, bad: Callable[[BadLine], None]) -> Iterator[Event]:
    lines = chunk.body.removesuffix(b"\n").split(b"\n")
    for seq, line in enumerate(lines, chunk.first_seq):
        if seq <= after_seq:
            continue
        try:
            event = _decoder.decode(line)
            if event.seq != seq:
                raise ValueError(f"the line says seq {event.seq}, its place says {seq}")
            _check(event)
        except (msgspec.DecodeError, UnicodeDecodeError, ValueError, RecursionError) as error:
            bad(BadLine(seq, _account(line), str(error), line, chunk.ingested_at))
        else:
            yield event


def _check(event: Event) -> None:
    """What the types do not say; also turns the raw JSON objects into text, in place."""
    if not ACCOUNT_ID.fullmatch(event.account_id):
        raise ValueError("account_id is not an account id")
    if not FIRST_US <= event.timestamp <= LAST_US:
        raise ValueError("timestamp is outside years 1 to 9999")
    if not FIRST_US <= event.ingested_at <= LAST_US:
        raise ValueError("ingested_at is outside years 1 to 9999")
    if event.properties is not UNSET:
        event.properties = _text(event.properties)  # type: ignore[assignment]
    if event.context is not UNSET:
        event.context = _text(event.context)  # type: ignore[assignment]


def _text(raw: Raw | UnsetType | str) -> str:
    return raw if isinstance(raw, str) else str(memoryview(raw), "utf-8")  # type: ignore[arg-type]


def _account(line: bytes) -> str:
    found = _ACCOUNT_IN_LINE.search(line)
    return found[1].decode() if found else ""


def columns(events: list[Event]) -> Columns:
    """Rows turned into columns. ``events`` must be what ``decode`` gave."""
    names = Event.__struct_fields__
    values = zip(*map(msgspec.structs.astuple, events), strict=True)
    return {name: _array(name, column) for name, column in zip(names, values, strict=True)}


def _array(name: str, values: tuple[Any, ...]) -> Any:
    if name in _INTEGERS:
        return np.array(values, dtype=np.int64)
    if name in ("properties", "context"):
        values = tuple(None if value is UNSET else value for value in values)
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array
