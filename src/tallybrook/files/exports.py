"""Exports: what is over 1 MB is compressed where it lies."""

import gzip
import io
import zlib
from collections.abc import Iterator
from hashlib import sha256

from tallybrook.errors import StorageError
from tallybrook.files.opening import IN_MEMORY_BYTES, PIECE_BYTES, Content
from tallybrook.files.places import OUTPUT, compressed_key
from tallybrook.files.shapes import Counts
from tallybrook.files.working import Job

_PACKED = (b"\x1f\x8b", b"PK\x03\x04", b"PAR1", b"\x28\xb5\x2f\xfd", b"BZh")
"""What begins like this is compressed already: gzip, xlsx, Parquet, zstd, bzip2."""


def compress(job: Job) -> None:
    """Put the compressed content beside the file, and remove the file when the copy gives its very
    content back. The same content has the same compressed bytes."""
    file = job.file
    head = next(job.body.pieces(), b"")
    if file.size_bytes <= IN_MEMORY_BYTES or head.startswith(_PACKED):
        return
    target = compressed_key(file.key)
    job.ports.objects.put(
        target, gzipped(job.body.pieces()), content_type="application/gzip", metadata=OUTPUT
    )
    if _unpacked_digest(job, target) != file.digest:
        raise StorageError("the compressed export is not what was put; it is made again")
    file.output, file.format = target, None
    file.counts = Counts()


def gzipped(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The pieces as one gzip member without a name or a time in it."""
    packer = zlib.compressobj(6, zlib.DEFLATED, 31)
    for piece in pieces:
        if part := packer.compress(piece):
            yield part
    yield packer.flush()


def _unpacked_digest(job: Job, key: str) -> str:
    raw = io.BufferedReader(Content(job.ports.objects.stream(key, PIECE_BYTES)), PIECE_BYTES)
    found = sha256()
    with gzip.GzipFile(fileobj=raw) as text:
        while piece := text.read(PIECE_BYTES):
            found.update(piece)
    return found.hexdigest()
