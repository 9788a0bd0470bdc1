"""CSV with a header line: quoted cells, quoted line breaks, comma, semicolon or tab."""

import csv
import re
from collections import deque
from collections.abc import Iterator
from io import BufferedReader
from itertools import chain

import msgspec
from msgspec import Raw

from tallybrook.errors import MalformedError
from tallybrook.files.rows import MAX_ROW_BYTES, Fields, Row
from tallybrook.files.source import Line, lines

_NUMBER = re.compile(r"-?(?:0|[1-9]\d{0,14})(?:\.\d{1,15})?\Z", re.ASCII)
"""What is a number in a cell. ``007``, ``+1`` and 16 digits are text: as numbers they change."""

_MOST_SHOWN = 10

_ERRORS = {
    "unexpected end of data": "a quote is opened and never closed",
    "new-line character seen": "a carriage return stands alone in the row",
    "expected after": "text follows a closing quote",
}


class _Feed:
    """Hands lines to the CSV parser and remembers those of the row being read.

    When the row turns out to be broken, all lines but its first are handed out again: a quote
    that is never closed costs one row, not the rest of the file.
    """

    def __init__(self, source: Iterator[Line]) -> None:
        self._source = source
        self._again: deque[Line] = deque()
        self.taken: list[Line] = []

    def __iter__(self) -> "_Feed":
        return self

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else next(self._source)
        self.taken.append(line)
        if line.cut or sum(len(x.text) for x in self.taken) > MAX_ROW_BYTES:
            raise csv.Error(f"the row is over {MAX_ROW_BYTES} bytes")
        return line.text.decode() + "\n"

    def begin(self) -> None:
        self.taken.clear()

    def hand_back(self) -> None:
        self._again.extendleft(reversed(self.taken[1:]))
        del self.taken[1:]

    def raw(self) -> bytes:
        return b"\n".join(line.text for line in self.taken)


def csv_rows(stream: BufferedReader, *, numbers: bool = True) -> Iterator[Row]:
    """The rows under the header. ``numbers``: cells that are plain numbers become JSON numbers.

    A row with more or fewer cells than the header, text that is not UTF-8, and a quote that is
    not closed are rows with an ``error``. A header that names a column twice or not at all
    raises ``MalformedError``; an empty file has no rows.
    """
    source = lines(stream)
    first = next((line for line in source if line.text.strip()), None)
    if first is None:
        return
    feed = _Feed(chain([first], source))
    parser = csv.reader(feed, strict=True, delimiter=_delimiter(first.text))
    names = _names(feed, parser)
    number = 0
    while (row := _read(feed, parser, names, number + 1, numbers)) is not None:
        if row.line:
            number += 1
            yield row


def _delimiter(header: bytes) -> str:
    marks = (b",", b";", b"\t")
    return max(marks, key=header.count).decode()


def _names(feed: _Feed, parser: Iterator[list[str]]) -> list[str]:
    feed.begin()
    try:
        names = [name.strip() for name in next(parser)]
    except (csv.Error, UnicodeDecodeError) as error:
        raise MalformedError(f"the header cannot be read: {_reason(error)}") from error
    if len(set(names)) < len(names) or "" in names:
        # Not quoted: what stands where the names should be may be somebody's address.
        wrong = [at for at, name in enumerate(names, 1) if not name or names.count(name) > 1]
        shown = ", ".join(map(str, wrong[:_MOST_SHOWN]))
        raise MalformedError(f"the header has a column without a name or twice: column {shown}")
    return names


def _read(
    feed: _Feed, parser: Iterator[list[str]], names: list[str], number: int, numbers: bool
) -> Row | None:
    """The next row; line 0 is a blank line, None the end."""
    feed.begin()
    try:
        cells = next(parser)
    except StopIteration:
        return None
    except (csv.Error, UnicodeDecodeError) as error:
        feed.hand_back()
        return Row(number, feed.taken[0].number, feed.raw(), error=_reason(error))
    if not cells:
        return Row(number, 0, b"")
    line, raw = feed.taken[0].number, feed.raw()
    if len(cells) != len(names):
        return Row(number, line, raw, error=f"{len(cells)} cells under {len(names)} columns")
    return Row(number, line, raw, _fields(names, cells, numbers))


def _fields(names: list[str], cells: list[str], numbers: bool) -> Fields:
    encode = msgspec.json.encode
    return {
        name: Raw(cell.encode() if numbers and _NUMBER.match(cell) else encode(cell))
        for name, cell in zip(names, cells, strict=True)
    }


def _reason(error: Exception) -> str:
    if isinstance(error, UnicodeDecodeError):
        return "the text is not UTF-8"
    text = str(error)
    return next((better for part, better in _ERRORS.items() if part in text), text)
