"""What the engine and its child say to each other: length-prefixed MessagePack, one message each.

The child is told a ``Setup`` first, and says ``Ready``. From then on it answers a
``QueryRequest`` with ``Heading``, any number of ``Rows`` and ``Done``; or, at any point, with
``Failed`` instead of the rest.
"""

import struct
from typing import Any

import msgspec
from msgspec import Struct

from tallybrook.ports.sql import Limits, QueryMetadata, QueryRequest, ResultColumn
from tallybrook.ports.sql.source import Source

MAX_FRAME_BYTES = 256 * 1024 * 1024
_LENGTH = struct.Struct(">I")
LENGTH_BYTES = _LENGTH.size


class Setup(Struct):
    """Where to read, and how much to use."""

    source: Source
    limits: Limits


class Ready(Struct, tag=True):
    """The child is warm."""


class Heading(Struct, tag=True):
    columns: list[ResultColumn]


class Rows(Struct, tag=True):
    rows: list[list[Any]]


class Done(Struct, tag=True):
    metadata: QueryMetadata


class Failed(Struct, tag=True):
    """``error`` names a class of ``ERRORS`` in the engine."""

    error: str
    reason: str
    fix: str = ""
    pointer: str = "/sql"


Reply = Ready | Heading | Rows | Done | Failed

_encoder = msgspec.msgpack.Encoder()
_reply: msgspec.msgpack.Decoder[Reply] = msgspec.msgpack.Decoder(Reply)
_request = msgspec.msgpack.Decoder(QueryRequest)
_setup = msgspec.msgpack.Decoder(Setup)


def frame(message: Reply | QueryRequest | Setup) -> bytes:
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


def request(body: bytes) -> QueryRequest:
    return _request.decode(body)


def setup(body: bytes) -> Setup:
    return _setup.decode(body)
