"""Which events become rows of which further tables, and how: pure.

An event stays a row of ``events`` whatever becomes of it here. One that has the type of a table and
not its shape is told apart, as a line is that is no event.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import msgspec
import numpy as np
from msgspec import Struct

from tallybrook.events.model import Event
from tallybrook.lake import shapes
from tallybrook.lake.rows import BadLine, Columns, columns
from tallybrook.lake.tables import ASSESSMENT_EVENTS, COST_TRACKING, EVENTS, OCEAN_SCORES, Table
from tallybrook.lake.tables.assessments import EVENT_TYPE as SCORED
from tallybrook.lake.tables.usage import EVENT_TYPE as COSTS

Row = dict[str, Any]
Read = Callable[[Event], Row]

ROUTES: tuple[tuple[Table, str, Read], ...] = (
    (ASSESSMENT_EVENTS, SCORED, shapes.scored_row),
    (OCEAN_SCORES, SCORED, shapes.scored_row),
    (COST_TRACKING, COSTS, shapes.cost_row),
)
"""Table, event type, and how its row is read."""

_INSTANTS = frozenset({"timestamp"})


class Batch(Struct):
    """Rows of one table, as columns, and how many there are."""

    table: Table
    columns: Columns
    rows: int


def route(
    events: list[Event], bad: Callable[[BadLine], None], wanted: Mapping[str, Table] | None = None
) -> Iterator[Batch]:
    """The rows that events come to, a batch a table that has any. ``wanted`` names the tables that
    are asked for, all where it is absent; ``events`` must be what ``decode`` gave."""
    if events and (wanted is None or EVENTS.name in wanted):
        yield Batch(EVENTS, columns(events), len(events))
    types = {event.event_type for event in events}
    told: set[int] = set()
    for table, event_type, read in ROUTES:
        if event_type not in types or (wanted is not None and table.name not in wanted):
            continue
        mine = [event for event in events if event.event_type == event_type]
        rows = list(_read(mine, read, bad, told))
        if rows:
            yield Batch(table, _columns(table, rows), len(rows))


def _read(
    events: list[Event], read: Read, bad: Callable[[BadLine], None], told: set[int]
) -> Iterator[Row]:
    for event in events:
        try:
            row = read(event)
        except (msgspec.DecodeError, ValueError, RecursionError) as error:
            if event.seq not in told:
                told.add(event.seq)
                bad(_bad(event, error))
        else:
            yield row | {
                "seq": event.seq,
                "event_id": event.event_id,
                "account_id": event.account_id,
                "timestamp": event.timestamp,
            }


def _bad(event: Event, error: Exception) -> BadLine:
    detail = f"an event {event.event_type} that is no row of its table: {error}"
    line = msgspec.json.encode(_as_stored(event))
    return BadLine(event.seq, event.account_id, detail, line, event.ingested_at)


def _as_stored(event: Event) -> Event:
    """``decode`` has made texts of the JSON objects."""
    objects = {
        name: msgspec.Raw(value.encode())
        for name in ("properties", "context")
        if isinstance(value := getattr(event, name), str)
    }
    return msgspec.structs.replace(event, **objects)


def _columns(table: Table, rows: list[Row]) -> Columns:
    """Instants as integers, everything else as text: what is NULL in the first rows tells DuckDB
    nothing of those after them."""
    names = [column.name for column in table.all_columns if column.name in rows[0]]
    return {name: _array(name, [row[name] for row in rows]) for name in names}


def _array(name: str, values: list[Any]) -> Any:
    return np.array(values, dtype=np.int64) if name in _INSTANTS else text_array(values)


def text_array(values: Iterable[Any]) -> Any:
    """A column of texts and None; what is no text is made one that DuckDB casts back."""
    texts = [_text(value) for value in values]
    array = np.empty(len(texts), dtype=object)
    array[:] = texts
    return array


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        return msgspec.json.encode(value).decode()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return str(value)
