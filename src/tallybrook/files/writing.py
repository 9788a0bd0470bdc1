"""Chunks of events into the log, and which of them were there before: exactly, after crashes too.

The process that writes the log does it itself (``Storing``). Another one hands chunks over by a
queue (``Handing``), and the writer (``take_over``) leaves a receipt for each in the state.
"""

import time
from collections.abc import Callable, Sequence

import msgspec
from msgspec import Struct

from tallybrook.errors import StorageError
from tallybrook.events.model import Event
from tallybrook.ports.log import Log, Write
from tallybrook.ports.queue import Queue
from tallybrook.ports.state import Put, State

QUEUE = "files"
RECEIPTS = "files.receipts"
_BATCH, _VISIBILITY_S = 8, 60
_LOOK_EVERY_S, _PATIENCE_S = 0.02, 30.0
_RECEIPT_S = 7 * 24 * 3600

Find = Callable[[str, str], Event | None]
Settle = Callable[[], int]
"""Waits until a chunk is in the log; how many of its events had been there."""


class Handed(Struct, array_like=True):
    """A chunk on its way. ``again``: it may have been written before."""

    file_id: str
    number: int
    again: bool
    events: list[Event]


_handed = msgspec.json.Decoder(Handed)


class Storing:
    """Writes chunks itself; ``find`` reads an event of the log."""

    ahead = 0

    def __init__(self, log: Log, find: Find) -> None:
        self._log, self._find = log, find

    def send(self, chunk: Handed) -> Settle:
        known = store(chunk.events, self._log, self._find, again=chunk.again)
        return lambda: known


class Handing:
    """Hands chunks over, several at a time."""

    ahead = 8

    def __init__(self, queue: Queue, state: State) -> None:
        self._queue, self._state = queue, state

    def send(self, chunk: Handed) -> Settle:
        receipt = _receipt(chunk)
        if not (chunk.again and self._state.get(RECEIPTS, receipt)):
            self._queue.send([_body(chunk)])
        return lambda: self._wait(receipt)

    def _wait(self, receipt: str) -> int:
        deadline_s = time.monotonic() + _PATIENCE_S
        while (found := self._state.get(RECEIPTS, receipt)) is None:
            if time.monotonic() > deadline_s:
                raise StorageError("the log takes nothing at the moment")
            time.sleep(_LOOK_EVERY_S)
        return int(found.value)


def take_over(queue: Queue, log: Log, find: Find, state: State, now_us: int) -> int:
    """Write what was handed over, how many chunks; the receipt is stored before a chunk leaves the
    queue. Raises ``RetryableError`` while the log refuses."""
    messages = queue.receive(_BATCH, visibility_s=_VISIBILITY_S)
    if not messages:
        return 0
    chunks = [_handed.decode(one.body) for one in messages]
    flags = log.write(Write([event for chunk in chunks for event in chunk.events])).duplicate
    receipts: dict[str, bytes] = {}
    for chunk, message in zip(chunks, messages, strict=True):
        there, flags = flags[: len(chunk.events)], flags[len(chunk.events) :]
        again = chunk.again or message.receives > 1
        known = _known(chunk.events, there, find) if again else sum(there)
        receipts[_receipt(chunk)] = str(known).encode()
    ends_s = now_us // 1_000_000 + _RECEIPT_S
    state.write([Put(RECEIPTS, name, told, expires_at_s=ends_s) for name, told in receipts.items()])
    queue.acknowledge([one.receipt for one in messages])
    return len(messages)


def store(events: Sequence[Event], log: Log, find: Find, *, again: bool) -> int:
    """Write a chunk; how many of its events were there before this chunk was first written.

    With ``again`` what the log has already is looked at: what arrived at the chunk's own instant
    it wrote itself, and only what else it holds of the same name is a duplicate.
    """
    if not events:
        return 0
    flags = log.write(Write(events)).duplicate
    return _known(events, flags, find) if again else sum(flags)


def _known(events: Sequence[Event], flags: Sequence[bool], find: Find) -> int:
    seen: set[tuple[str, str]] = set()
    known = 0
    for event, there in zip(events, flags, strict=True):
        name = event.account_id, event.event_id
        known += there and (name in seen or not _ours(find(*name), event))
        seen.add(name)
    return known


def _receipt(chunk: Handed) -> str:
    return f"{chunk.file_id}#{chunk.number:09d}"


def _ours(stored: Event | None, event: Event) -> bool:
    return stored is not None and stored.ingested_at == event.ingested_at


def _body(chunk: Handed) -> str:
    """As a queue takes it: without the two characters that JSON may hold and XML not."""
    text = msgspec.json.encode(chunk).decode()
    return text.replace("\ufffe", "\\ufffe").replace("\uffff", "\\uffff")
