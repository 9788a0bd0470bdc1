"""NDJSON (an object a line) and JSON (an object, an array of them, or ``{"events": [...]}``)."""

import gzip
import zlib
from collections.abc import Iterator
from io import BufferedReader

import msgspec
from msgspec import Raw

from tallybrook.errors import MalformedError, TooLargeError
from tallybrook.files.json_items import ArraySplitter, Item
from tallybrook.files.rows import MAX_ROW_BYTES, Fields, Row
from tallybrook.files.source import lines, peek

_BLOCK_BYTES = 64 * 1024
_MAX_DOCUMENT_BYTES = 64 * 1024 * 1024
_decode_fields = msgspec.json.Decoder(Fields).decode


def ndjson_rows(stream: BufferedReader) -> Iterator[Row]:
    """A row a line; blank lines are none. A line that is no JSON object has an ``error``."""
    number = 0
    for line in lines(stream):
        if line.text.strip():
            number += 1
            yield _row(number, Item(line.number, line.text.strip(), line.cut))


def json_rows(stream: BufferedReader) -> Iterator[Row]:
    """A row an object. An array is streamed, however long; one object may have 64 MiB.

    An array that is never closed gives the rows it has and then raises ``MalformedError``.
    """
    items = _array(stream) if _first_byte(stream) == b"[" else _document(stream)
    for number, item in enumerate(items, 1):
        yield _row(number, item)


def _row(number: int, item: Item) -> Row:
    line, text, cut = item
    if cut:
        return Row(number, line, text, error=f"the row is over {MAX_ROW_BYTES} bytes")
    try:
        text.decode()  # values stay raw bytes, which the decoder does not look into
        return Row(number, line, text, _decode_fields(text))
    except UnicodeDecodeError:
        return Row(number, line, text, error="the text is not UTF-8")
    except RecursionError:
        return Row(number, line, text, error="the JSON is nested too deeply")
    except msgspec.ValidationError:
        return Row(number, line, text, error="not a JSON object")
    except msgspec.DecodeError as error:
        return Row(number, line, text, error=str(error))


def _first_byte(stream: BufferedReader) -> bytes:
    return peek(stream).lstrip()[:1]


def _document(stream: BufferedReader) -> Iterator[Item]:
    text = b"".join(_blocks(stream, _MAX_DOCUMENT_BYTES)).strip()
    if not text:
        return
    try:
        events = _decode_fields(text).get("events")
        found = None if events is None else msgspec.json.decode(events, type=list[Raw])
    except (msgspec.DecodeError, RecursionError) as error:
        raise MalformedError(f"the file is not one JSON document: {error}") from error
    for item in found if found is not None else [Raw(text)]:
        yield Item(1, bytes(item), len(bytes(item)) > MAX_ROW_BYTES)


def _blocks(stream: BufferedReader, max_bytes: int | None = None) -> Iterator[bytes]:
    total = 0
    try:
        while block := stream.read1(_BLOCK_BYTES):
            total += len(block)
            if max_bytes is not None and total > max_bytes:
                raise TooLargeError(f"one JSON object over {max_bytes} bytes: use NDJSON")
            yield block
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise MalformedError(f"the gzip data is damaged after {total} bytes: {error}") from error


def _array(stream: BufferedReader) -> Iterator[Item]:
    splitter = ArraySplitter()
    ended = False
    for block in _blocks(stream):
        if ended and block.strip():
            raise MalformedError(f"text follows the array's end (line {splitter.line})")
        yield from splitter.feed(block)
        ended = splitter.depth == 0
    yield from splitter.finish()
