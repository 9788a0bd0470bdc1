"""From the pieces of an object to its rows, wherever they are cut. Nothing is told by its name."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from hashlib import sha256
from io import BufferedReader, RawIOBase
from typing import cast

from tallybrook.errors import TooLargeError
from tallybrook.files.reader import read_rows
from tallybrook.files.rows import Rows
from tallybrook.files.source import Format, Source, peek, sniff, unpacked
from tallybrook.ports.objects import Objects

IN_MEMORY_BYTES = 1_000_000
"""Below this a file is read once and held."""

IN_CHUNKS_BYTES = 10_000_000
"""From this on it is noted after each chunk how far it is."""

PIECE_BYTES = 256 * 1024


class Content(RawIOBase):
    """Pieces of bytes as a file that is read from the beginning to the end."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, into: memoryview) -> int:  # type: ignore[override]
        """Fills the buffer but at the end, so that where the pieces are cut cannot be seen."""
        size = 0
        while size < len(into):
            if not self._rest:
                piece = next(self._pieces, None)
                if piece is None:
                    break
                self._rest = memoryview(piece)
            part = min(len(into) - size, len(self._rest))
            into[size : size + part] = self._rest[:part]
            self._rest, size = self._rest[part:], size + part
        return size


class Body:
    """The content of one object: read as often as it is asked for, held only while it is small.

    ``digest`` is its SHA-256 in hex, ``size_bytes`` what was read for it: what is said of an object
    may be of the one before. Raises ``NotFoundError`` where it is gone.
    """

    def __init__(self, objects: Objects, key: str, said_bytes: int) -> None:
        self._objects, self._key = objects, key
        self._held: bytes | None = None
        if said_bytes < IN_MEMORY_BYTES:
            with suppress(TooLargeError):
                self._held = objects.get(key, IN_MEMORY_BYTES)
        self.digest, self.size_bytes = measured(self.pieces())

    def pieces(self) -> Iterator[bytes]:
        if self._held is not None:
            return iter((self._held,))
        return self._objects.stream(self._key, PIECE_BYTES)


def measured(pieces: Iterable[bytes]) -> tuple[str, int]:
    """SHA-256 of the pieces, in hex, and how many bytes they are."""
    found, size = sha256(), 0
    for piece in pieces:
        found.update(piece)
        size += len(piece)
    return found.hexdigest(), size


def opened(pieces: Iterable[bytes]) -> tuple[Source, Format]:
    """The text of the pieces, unpacked, and its format. Raises ``MalformedError``."""
    raw = cast("BufferedReader", BufferedReader(Content(pieces), PIECE_BYTES))
    source = unpacked("the file", raw)
    return source, sniff(peek(source.stream))


def rows_of(pieces: Iterable[bytes]) -> Rows:
    """The rows of the pieces. Raises ``MalformedError`` when they cannot be read (on)."""
    source, fmt = opened(pieces)
    return read_rows(source, fmt)
