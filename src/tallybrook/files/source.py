"""Opening a file or standard input, gzipped or not, and splitting it into lines."""

import gzip
import sys
import zlib
from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path
from typing import Literal, NamedTuple, cast

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
    zipped = outer.peek(2)[:2] == b"\x1f\x8b"
    stream = _unzip(outer) if zipped else outer
    head = peek(stream)
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise MalformedError(f"{name} is UTF-16; convert it to UTF-8 first")
    if head.startswith(_UTF8_BOM):
        stream.read(len(_UTF8_BOM))
    return Source(name, stream, outer, size_bytes)


def peek(stream: BufferedReader) -> bytes:
    """The next bytes of the stream without taking them, at most 64 KiB, fewer on a pipe."""
    try:
        return stream.peek(_PEEK_BYTES)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise MalformedError(f"the gzip data is damaged: {error}") from error


def detect(source: Source) -> Format:
    """The format by the file's name, else by its first bytes."""
    suffix = Path(source.name.removesuffix(".gz")).suffix.lower()
    return _SUFFIXES.get(suffix) or _sniff(peek(source.stream))


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


def _sniff(head: bytes) -> Format:
    text = head.lstrip()
    if text.startswith(b"["):
        return "json"
    if not text.startswith(b"{"):
        return "csv"
    first, _, rest = text.partition(b"\n")
    # A document of one line is read the same either way; more lines after a whole object are not.
    return "ndjson" if first.rstrip().endswith(b"}") and rest.strip() else "json"
