"""What a run keeps between two steps: objects under its own prefix, gone when it has ended."""

import io
from collections.abc import Iterator
from typing import cast

import msgspec

from tallybrook.events.model import Event
from tallybrook.ports.objects import Objects, everything

PREFIX = "runs/"
EVENTS, REJECTED = "events.ndjson", "rejected.ndjson"
BLOCK_BYTES = 256 * 1024

_event = msgspec.json.Decoder(Event)


def place(run_id: str, name: str) -> str:
    """The key of one of a run's objects."""
    return f"{PREFIX}{run_id}/{name}"


def lines(objects: Objects, key: str) -> Iterator[bytes]:
    """The lines of an object, one after the other."""
    rest = b""
    for piece in objects.stream(key, BLOCK_BYTES):
        whole, _, rest = (rest + piece).rpartition(b"\n")
        yield from filter(None, whole.split(b"\n"))
    if rest:
        yield rest


def staged_events(objects: Objects, run_id: str, batch: int) -> Iterator[list[Event]]:
    """The events of a run, in batches."""
    found: list[Event] = []
    for line in lines(objects, place(run_id, EVENTS)):
        found.append(_event.decode(line))
        if len(found) == batch:
            yield found
            found = []
    if found:
        yield found


def blocks(parts: Iterator[bytes]) -> Iterator[bytes]:
    """Lines joined into pieces that are worth storing."""
    held: list[bytes] = []
    size = 0
    for part in parts:
        held.append(part)
        size += len(part)
        if size >= BLOCK_BYTES:
            yield b"".join(held)
            held, size = [], 0
    yield b"".join(held)


def clear(objects: Objects, run_id: str) -> None:
    """Delete what a run kept."""
    for found in list(everything(objects, place(run_id, ""))):
        objects.delete(found.key)


def opened(objects: Objects, key: str) -> io.BufferedReader:
    """An object as a file that is read from its beginning. Raises ``NotFoundError``."""
    raw = cast("io.RawIOBase", _Pieces(objects.stream(key, BLOCK_BYTES)))
    return io.BufferedReader(raw, BLOCK_BYTES)


class _Pieces(io.RawIOBase):
    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces, self._held = pieces, b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "memoryview") -> int:  # type: ignore[override]
        while not self._held:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._held = piece
        count = min(len(buffer), len(self._held))
        buffer[:count], self._held = self._held[:count], self._held[count:]
        return count
