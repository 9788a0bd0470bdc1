"""When an answer may have changed: the statement, the files it reads, the log's end past them."""

import hashlib
from collections.abc import Iterable, Mapping

import msgspec

from tallybrook.ports.lake import DataFile, Erased
from tallybrook.ports.sql import Parameter

_encoder = msgspec.msgpack.Encoder(order="deterministic")


def version(
    sql: str,
    parameters: Mapping[str, Parameter],
    files: Iterable[Iterable[DataFile]],
    tail: tuple[int, int],
    erased: Iterable[Erased],
) -> str:
    """Two answers with the same version are the same.

    ``sql`` is the translated text, in which the present is an instant. ``tail`` is the position
    that the files reach, and how many of the account's events lie past it: the log only grows, so
    the number tells which.
    """
    position, events = tail
    what = [
        sql,
        dict(parameters),
        [[file.path for file in scanned] for scanned in files],
        [position if events else 0, events],
        sorted(one.digest for one in erased) if events else [],
    ]
    return hashlib.blake2b(_encoder.encode(what), digest_size=16).hexdigest()
