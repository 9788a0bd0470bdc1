"""One row of a file, whatever the file's format."""

from collections.abc import Iterator
from hashlib import blake2b

from msgspec import Raw, Struct

Fields = dict[str, Raw]
"""Name to JSON value, the value's bytes as they will be sent."""

MAX_ROW_BYTES = 256 * 1024
"""A longer row is reported and skipped. An event may have 32 KB, so none that long is one."""


class Row(Struct, frozen=True):
    """A row that was read (``fields``) or could not be (``error``).

    ``number`` counts rows from 1 without the header and blank lines; ``line`` is the line of the
    file it starts on, from 1. ``raw`` is the row as it stands in the file without its line end;
    of a row over ``MAX_ROW_BYTES`` only the beginning.
    """

    number: int
    line: int
    raw: bytes
    fields: Fields | None = None
    error: str = ""


Rows = Iterator[Row]


def row_id(row: Row, source: str = "") -> str:
    """An event id made of the row's place and bytes: the same row of the same file, the same id.

    The place leads, because ids that rise are cheap to index. ``source`` tells files apart that
    may hold equal rows at equal places.
    """
    digest = blake2b(row.raw, digest_size=12, key=source.encode()[:64])
    return f"row-{row.number:010d}-{digest.hexdigest()}"
