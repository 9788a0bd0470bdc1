"""The rows of the log in DynamoDB: events, chunks, the head. Pure but for the random source."""

import secrets
import threading
from collections.abc import Mapping
from typing import Any

import msgspec

from tallybrook import zstd
from tallybrook.errors import TooLargeError
from tallybrook.events.model import Event
from tallybrook.ports.aws.dynamo import MAX_ITEM_BYTES, Item, number, text
from tallybrook.ports.clock import Clock
from tallybrook.ports.log import Chunk

MAX_LINE_BYTES = 380_000
"""A line has to fit into a chunk of its own, and that into an item, even if it does not shrink."""

HEAD_KEY: Item = {"pk": text("head"), "seq": number(0)}
CHUNKS = "events"

_EPOCH_MS = 1_577_836_800_000
_RANDOM_BITS = 12
_TIME_OFFSET = 10**18
_encode = msgspec.json.Encoder().encode
_EVENT = msgspec.json.Decoder(Event)


class ArrivalNumbers:
    """Numbers below 2**53 that rise with time, strictly within this object; safe for threads.

    Milliseconds since 2020 (enough until 2089) and twelve bits that are random where a
    millisecond begins, so that processes which know nothing of each other hardly ever meet.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._last = 0

    def take(self, count: int) -> range:
        """That many numbers in a row."""
        now = max(0, self._clock() // 1000 - _EPOCH_MS)
        drawn = (now << _RANDOM_BITS) | secrets.randbits(_RANDOM_BITS)
        with self._lock:
            first = max(self._last + 1, drawn)
            self._last = first + count - 1
        return range(first, first + count)


def event_item(event: Event, arrival: int, token: str) -> Item:
    """The row of an event. Raises ``TooLargeError``, ``UnicodeError`` for what has no UTF-8.

    ``at`` sorts as the event's time, then its arrival. ``w`` names the write that stored it.
    """
    encoded = _encode(event)
    line = b"{" + encoded[encoded.index(b",") + 1 :]
    if len(line) > MAX_LINE_BYTES:
        raise TooLargeError(f"a stored event is at most {MAX_LINE_BYTES} bytes, not {len(line)}")
    place = place_of(event.timestamp, arrival)
    item = {
        "pk": text(event_key(event.account_id, event.event_id)),
        "line": text(line.decode()),
        "at": text(f"{place}#{event.event_id}"),
        "w": text(token),
    }
    for name, whose in (("user", event.user_id), ("anonymous", event.anonymous_id)):
        if whose is not None:
            item[name] = text(event_key(event.account_id, whose))
    return checked(item)


def event_key(account_id: str, name: str) -> str:
    """A key within an account, whose own name holds no ``#``."""
    return f"{account_id}#{name}"


def place_of(timestamp: int, arrival: int) -> str:
    """Text that sorts as (time, arrival) does, before 1970 as well."""
    return f"{timestamp + _TIME_OFFSET:019d}#{arrival:016d}"


def arrival_of(item: Mapping[str, Any]) -> int:
    return int(item["at"]["S"].split("#", 2)[1])


def stored_event(item: Mapping[str, Any]) -> Event:
    """The event of a row; its ``seq`` is the arrival number. Raises what decoding raises."""
    return _EVENT.decode(numbered(item["line"]["S"].encode(), arrival_of(item)))


def numbered(line: bytes, seq: int) -> bytes:
    """The line of an event with its sequence number in front."""
    return b'{"seq":%d,' % seq + line[1:]


def checked(item: Item) -> Item:
    """The item itself. Raises ``TooLargeError`` when DynamoDB would not take it (400 KB), and
    ``UnicodeError`` when a text in it is none."""
    size = sum(len(name) + _size_of(value) for name, value in item.items())
    if size > MAX_ITEM_BYTES:
        raise TooLargeError(f"an item holds at most {MAX_ITEM_BYTES} bytes, not {size}")
    return item


def _size_of(value: Mapping[str, Any]) -> int:
    content = next(iter(value.values()))
    return len(content.encode() if isinstance(content, str) else content)


def head_of(item: Mapping[str, Any] | None) -> int:
    """The head in its row, 0 without one."""
    return int(item["head"]["N"]) if item else 0


def chunk_item(chunk: Chunk) -> Item:
    """The row of a chunk. Its key is the *last* number, so that one query finds what is past a
    position, wherever in a chunk that lies."""
    return {
        "pk": text(CHUNKS),
        "seq": number(chunk.last_seq),
        "count": number(chunk.count),
        "ingested_at": number(chunk.ingested_at),
        "body": {"B": zstd.compress(chunk.body)},
    }


def stored_chunk(item: Mapping[str, Any]) -> Chunk:
    count = int(item["count"]["N"])
    first_seq = int(item["seq"]["N"]) - count + 1
    body = zstd.decompress(item["body"]["B"])
    return Chunk(first_seq, count, int(item["ingested_at"]["N"]), body)
