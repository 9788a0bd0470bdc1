"""Objects: whole files by key, in a bucket or in a directory.

Guarantees of every backend
---------------------------
* **Atomic.** A reader sees a whole object, the one before a put or the one after it, never a part
  and never the metadata of one with the body of another. A put that raises has changed nothing,
  except that after a ``StorageError`` it may still have happened (the answer was lost).
* **Durable before told.** When ``put`` or ``copy`` returns, the object survives a loss of power.
* **Read your writes.** Whoever reads, heads or lists after a put or delete has returned sees it.
* **Conditions.** ``create_only`` and ``if_match`` are decided and done in one step, against every
  other writer; the loser gets ``ConflictError``. A retried create-only put whose first try went
  through unseen is refused, too: who has to know reads the object back.
* **Order.** ``page`` gives keys in the order of their UTF-8 bytes, each at most once. Keys put or
  deleted while somebody pages may or may not be seen; all others are seen.
* **Duplicates.** Putting the same object again replaces it; deleting twice is the same as once.
* **Absence.** ``get`` and ``head`` give None, ``page`` an empty list, ``stream`` and ``copy`` raise
  ``NotFoundError``.
* **Etag.** An opaque word that changes when the content does. The same content may have another
  etag after another put (an object sent in parts, another encryption key).
* **Limits.** A key has at most 1024 bytes in segments of at most 255; an object 440 GB; metadata
  2 KB of printable ASCII. Bodies above ``PART_BYTES`` go up in parts, with three parts in memory at
  most.
* **Errors.** ``InvalidError`` for a key or metadata that no backend takes, ``ConflictError``,
  ``NotFoundError`` and ``TooLargeError`` as said, ``StorageError`` when the same call may succeed
  later.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol

from msgspec import Struct

from tallybrook.errors import InvalidError

PART_BYTES = 8 << 20
"""Bodies up to this size go up in one request."""

MAX_GET_BYTES = 64 << 20
MAX_KEY_BYTES = 1024
MAX_SEGMENT_BYTES = 255
MAX_METADATA_BYTES = 2048
RESERVED = ".tallybrook"
"""No segment of a key begins with this: a directory keeps its own records there."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_METADATA_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}", re.ASCII)
_METADATA_VALUE = re.compile(r"[!-~](?:[ -~]*[!-~])?", re.ASCII)


class Found(Struct, frozen=True):
    """An object as a list shows it. ``modified_at`` is in microseconds."""

    key: str
    size_bytes: int
    etag: str
    modified_at: int


class Head(Struct, frozen=True):
    """Everything about an object but its content. ``modified_at`` is in microseconds."""

    key: str
    size_bytes: int
    etag: str
    modified_at: int
    content_type: str = "application/octet-stream"
    metadata: Mapping[str, str] = {}


class Objects(Protocol):
    """One bucket. Safe for threads; any number of processes."""

    def put(
        self,
        key: str,
        body: bytes | Iterable[bytes],
        *,
        content_type: str = "application/octet-stream",
        metadata: Mapping[str, str] | None = None,
        create_only: bool = False,
        if_match: str | None = None,
    ) -> str:
        """Store an object and return its etag.

        With ``create_only`` only where there is none; with ``if_match`` only over the object of
        that etag: else ``ConflictError``. An error raised by an iterable ``body`` goes through,
        and nothing is stored.
        """

    def get(self, key: str, max_bytes: int = MAX_GET_BYTES) -> bytes | None:
        """The whole content, or None. ``TooLargeError`` above ``max_bytes``."""

    def stream(self, key: str, chunk_bytes: int = 1 << 20) -> Iterator[bytes]:
        """The content in pieces of at most ``chunk_bytes``, all of one version of the object.

        ``NotFoundError`` comes from the call itself, before the first piece.
        """

    def head(self, key: str) -> Head | None:
        """What is known of an object, or None."""

    def page(self, prefix: str = "", after: str = "", limit: int = 1000) -> list[Found]:
        """Objects whose key begins with ``prefix`` and comes after ``after``, in order of key.

        Fewer than ``limit`` is the end.
        """

    def copy(self, source: str, target: str) -> str:
        """Copy content, type and metadata, replacing the target; its new etag."""

    def delete(self, key: str) -> None:
        """Remove an object, if it is there."""


def everything(objects: Objects, prefix: str = "", page_size: int = 1000) -> Iterator[Found]:
    """All objects of a prefix, page after page."""
    after = ""
    while True:
        page = objects.page(prefix, after, page_size)
        yield from page
        if len(page) < page_size:
            return
        after = page[-1].key


def check_key(key: str) -> str:
    """The key, or ``InvalidError``: no way out of the bucket, nothing a file system refuses."""
    if _CONTROL.search(key):
        raise InvalidError.of("/key", "holds control characters")
    if len(key.encode()) > MAX_KEY_BYTES:
        raise InvalidError.of("/key", f"has more than {MAX_KEY_BYTES} bytes")
    for segment in key.split("/"):
        if segment in ("", ".", "..") or segment.startswith(RESERVED):
            raise InvalidError.of("/key", f"has a segment that may not be: {segment!r}")
        if len(segment.encode()) > MAX_SEGMENT_BYTES:
            raise InvalidError.of("/key", f"has a segment of more than {MAX_SEGMENT_BYTES} bytes")
    return key


def check_metadata(metadata: Mapping[str, str] | None) -> dict[str, str]:
    """The metadata, or ``InvalidError``: lower-case names, printable ASCII, 2 KB together."""
    given = dict(metadata or {})
    for name, value in given.items():
        if not _METADATA_NAME.fullmatch(name):
            raise InvalidError.of("/metadata", f"has a name that may not be: {name!r}")
        if not _METADATA_VALUE.fullmatch(value):
            raise InvalidError.of(
                f"/metadata/{name}", "must be printable ASCII without outer spaces"
            )
    if sum(len(name) + len(value) for name, value in given.items()) > MAX_METADATA_BYTES:
        raise InvalidError.of("/metadata", f"has more than {MAX_METADATA_BYTES} bytes")
    return given


def check_conditions(*, create_only: bool, if_match: str | None) -> None:
    """``InvalidError`` for both conditions at once, which no object can meet."""
    if create_only and if_match is not None:
        raise InvalidError("create_only and if_match exclude each other")


def pieces(body: bytes | Iterable[bytes]) -> Iterator[bytes]:
    """A body as the pieces it came in."""
    if isinstance(body, bytes | bytearray | memoryview):
        yield bytes(body)
    else:
        yield from body
