"""From what a log and its records hold to batches of instants, for every backend.

Loads numpy: import it where it is used, not where a backend is.
"""

from array import array
from collections.abc import Iterable, Iterator
from typing import Literal

import msgspec
import numpy as np
from msgspec import Struct

from tallybrook.ports.counters import EVERYTHING, Instants, Scope

BATCH = 1_000_000
"""Events held before a batch is given out."""

Skipped = Literal["no_timestamp", "invalid_timestamp"]
RecordInstant = tuple[str, int | None, Skipped | None]
"""(account, instant in microseconds, why there is none)."""


class Counted(Struct):
    """The part of an event's line that counting needs."""

    event_type: str
    timestamp: int
    account_id: str


class Gathered(Struct):
    """The records of one series so far."""

    us: "array[int]"
    no_timestamp: int = 0
    invalid_timestamp: int = 0


_COUNTED = msgspec.json.Decoder(Counted)


def counted_lines(body: bytes) -> Iterator[Counted]:
    """What a chunk's NDJSON counts."""
    return map(_COUNTED.decode, body.split(b"\n"))


def event_instants(bodies: Iterable[bytes], scope: Scope = EVERYTHING) -> Iterator[Instants]:
    """Chunks' NDJSON to batches by series; a series comes in as many batches as it takes."""
    gathered: dict[tuple[str, str], array[int]] = {}
    held = 0
    for body in bodies:
        for seen in counted_lines(body):
            if scope is not EVERYTHING and not scope.has(seen.account_id, seen.timestamp):
                continue
            key = (seen.account_id, seen.event_type)
            gathered.setdefault(key, array("q")).append(seen.timestamp)
            held += 1
        if held >= BATCH:
            yield from _flushed(gathered)
            held = 0
    yield from _flushed(gathered)


def record_instants(
    series: str, rows: Iterable[RecordInstant], scope: Scope = EVERYTHING
) -> Iterator[Instants]:
    """The records of one type, in any order, to one batch an account."""
    gathered: dict[str, Gathered] = {}
    for account_id, instant_us, skipped in rows:
        if not scope.has_account(account_id):
            continue
        found = gathered.setdefault(account_id, Gathered(array("q")))
        if instant_us is not None:
            if scope.has(account_id, instant_us):
                found.us.append(instant_us)
        elif skipped == "invalid_timestamp":
            found.invalid_timestamp += 1
        else:
            found.no_timestamp += 1
    for account_id, found in gathered.items():
        us = np.array(found.us, dtype=np.int64)
        yield Instants(
            account_id, "record", series, us, found.no_timestamp, found.invalid_timestamp
        )


def _flushed(gathered: "dict[tuple[str, str], array[int]]") -> Iterator[Instants]:
    for (account_id, series), instants in gathered.items():
        yield Instants(account_id, "event", series, np.array(instants, dtype=np.int64))
    gathered.clear()
