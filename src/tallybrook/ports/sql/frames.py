"""What the engine and its child say to each other: length-prefixed MessagePack, one message each.

The child is told a ``Setup`` first, and says ``Ready``. From then on it answers an ``Ask`` with
``Heading``, any number of ``Rows`` and ``Done``, with ``Done`` alone where the asking side has the
answer already or it went to a file, or, at any point, with ``Failed`` instead of the rest.
"""

import struct
from typing import Any

import msgspec
from msgspec import Struct

from tallybrook.ports.sql import Format, Limits, QueryMetadata, QueryRequest, ResultColumn
from tallybrook.ports.sql.source import Source

MAX_FRAME_BYTES = 256 * 1024 * 1024
_LENGTH = struct.Struct(">I")
LENGTH_BYTES = _LENGTH.size


class Setup(Struct):
    """Where to read, and how much to use."""

    source: Source
    limits: Limits


class Export(Struct):
    """A file to write the answer to. Its folder holds nothing else."""

    form: Format
    path: str


class Ask(Struct):
    """A question. ``known`` is the version of the answer that the asking side has."""

    request: QueryRequest
    known: str = ""
    export: Export | None = None


class Ready(Struct, tag=True):
    """The child is warm."""


class Heading(Struct, tag=True):
    columns: list[ResultColumn]


class Rows(Struct, tag=True):
    """Rows as MessagePack, so that who only keeps them need not read them."""

    count: int
    rows: msgspec.Raw


class Done(Struct, tag=True):
    """``version`` changes with the data read and with the statement; with ``same`` the known
    version is the present one."""

    metadata: QueryMetadata
    version: str = ""
    same: bool = False


class Failed(Struct, tag=True):
    """``error`` names a class of ``ERRORS`` in the engine."""

    error: str
    reason: str
    fix: str = ""
    pointer: str = "/sql"


Reply = Ready | Heading | Rows | Done | Failed

_encoder = msgspec.msgpack.Encoder()
_reply: msgspec.msgpack.Decoder[Reply] = msgspec.msgpack.Decoder(Reply)
_ask = msgspec.msgpack.Decoder(Ask)
_rows = msgspec.msgpack.Decoder(list[list[Any]])
_setup = msgspec.msgpack.Decoder(Setup)


def frame(message: Reply | Ask | Setup) -> bytes:
    body = _encoder.encode(message)
    return _LENGTH.pack(len(body)) + body


def length(prefix: bytes) -> int:
    """Bytes that follow; ``ValueError`` when no honest peer would send as many."""
    (size,) = _LENGTH.unpack(prefix)
    if size > MAX_FRAME_BYTES:
        raise ValueError(f"a frame of {size} bytes")
    return int(size)


def reply(body: bytes) -> Reply:
    return _reply.decode(body)


def ask(body: bytes) -> Ask:
    return _ask.decode(body)


def rows_of(packed: bytes | msgspec.Raw) -> list[list[Any]]:
    return _rows.decode(packed)


def pack(rows: list[list[Any]]) -> Rows:
    return Rows(len(rows), msgspec.Raw(_encoder.encode(rows)))


def setup(body: bytes) -> Setup:
    return _setup.decode(body)
