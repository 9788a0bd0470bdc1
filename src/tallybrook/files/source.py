"""Opening a file or standard input, gzipped or not, and splitting it into lines."""

import gzip
import sys
import zlib
from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path
from typing import Literal, NamedTuple, cast

import msgspec

from tallybrook.errors import MalformedError, UsageError
from tallybrook.files.rows import MAX_ROW_BYTES

Format = Literal["csv", "ndjson", "json"]

_SUFFIXES: dict[str, Format] = {
    ".csv": "csv",
    ".tsv": "csv",
    ".ndjson": "ndjson",
    ".jsonl": "ndjson",
}
_PEEK_BYTES = 64 * 1024
_UTF8_BOM = b"\xef\xbb\xbf"
_NO_TEXT = {
    b"\xff\xfe": "UTF-16; convert it to UTF-8 first",
    b"\xfe\xff": "UTF-16; convert it to UTF-8 first",
    b"\x1f\x8b": "gzip data within gzip data",
    b"PK\x03\x04": "a zip archive, or an Excel file; unpack it, or save it as CSV",
    b"PAR1": "Parquet; write it as NDJSON",
    b"\x28\xb5\x2f\xfd": "compressed with zstd; use gzip",
    b"BZh": "compressed with bzip2; use gzip",
}
"""What a file that cannot be read begins with, and what is to be done about it."""


class Source(NamedTuple):
    """An open file. ``outer`` is what lies on disk (compressed), ``size_bytes`` its size if known.

    ``stream`` gives the decompressed bytes without a byte order mark.
    """

    name: str
    stream: BufferedReader
    outer: BufferedReader
    size_bytes: int | None


class Line(NamedTuple):
    """A line without its end. ``cut`` says that it was over the limit and only begins here."""

    number: int
    text: bytes
    cut: bool


def open_source(name: str) -> Source:
    """Open the file, or standard input for ``-``; gzip is told by its first bytes."""
    outer, size_bytes = _open(name)
    return unpacked(name, outer, size_bytes)


def unpacked(name: str, outer: BufferedReader, size_bytes: int | None = None) -> Source:
    """What is in open bytes, which may be gzipped; told by the bytes alone.

    Raises ``MalformedError`` for what is no text in UTF-8: another encoding, another archive.
    """
    zipped = is_gzip(outer)
    stream = _unzip(outer) if zipped else outer
    head = peek(stream)
    for start, what in _NO_TEXT.items():
        if head.startswith(start):
            raise MalformedError(f"{name} is {what}")
    if b"\0" in head:
        raise MalformedError(f"{name} is no text: it holds zero bytes")
    if head.startswith(_UTF8_BOM):
        stream.read(len(_UTF8_BOM))
    return Source(name, stream, outer, size_bytes)


def is_gzip(outer: BufferedReader) -> bool:
    return outer.peek(2)[:2] == b"\x1f\x8b"


def peek(stream: BufferedReader) -> bytes:
    """The next bytes of the stream without taking them, at most 64 KiB, fewer on a pipe."""
    try:
        return stream.peek(_PEEK_BYTES)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise MalformedError(f"the gzip data is damaged: {error}") from error


def detect(source: Source) -> Format:
    """The format by the file's name, else by its first bytes."""
    suffix = Path(source.name.removesuffix(".gz")).suffix.lower()
    return _SUFFIXES.get(suffix) or sniff(peek(source.stream))


def lines(stream: BufferedReader, max_bytes: int = MAX_ROW_BYTES) -> Iterator[Line]:
    """Every line, blank ones too. Never holds more than ``max_bytes`` of one."""
    number = 0
    try:
        while text := stream.readline(max_bytes + 1):
            number += 1
            cut = len(text) > max_bytes and not text.endswith(b"\n")
            if cut:
                _skip_line(stream)
            yield Line(number, text.rstrip(b"\r\n"), cut)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise MalformedError(f"the gzip data is damaged after line {number}: {error}") from error


def _open(name: str) -> tuple[BufferedReader, int | None]:
    if name == "-":
        return cast(BufferedReader, sys.stdin.buffer), None
    path = Path(name)
    try:
        return cast(BufferedReader, path.open("rb", _PEEK_BYTES)), path.stat().st_size
    except OSError as error:
        raise UsageError(f"cannot read {name}: {error.strerror}") from error


def _unzip(outer: BufferedReader) -> BufferedReader:
    return cast(BufferedReader, BufferedReader(gzip.GzipFile(fileobj=outer), _PEEK_BYTES))


def _skip_line(stream: BufferedReader) -> None:
    while part := stream.readline(_PEEK_BYTES):
        if part.endswith(b"\n"):
            return


def sniff(head: bytes) -> Format:
    """The format by the first bytes of the text."""
    text = head.lstrip()
    if text.startswith(b"["):
        return "json"
    if not text.startswith(b"{"):
        return "csv"
    first, *more = [line for line in text.splitlines() if line.strip()]
    if not more or first.rstrip().endswith(_GOES_ON):
        return "json"  # a document of one line is read the same either way
    # Broken lines may stand anywhere. A line that is whole by itself is none of a document, whose
    # inner lines are indented.
    return "ndjson" if any(map(_is_object, (first, *more))) else "json"


_GOES_ON = (b"{", b"[", b",", b":")


def _is_object(line: bytes) -> bool:
    try:
        return line.startswith(b"{") and isinstance(msgspec.json.decode(line), dict)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return False
