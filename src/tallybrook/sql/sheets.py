"""Rows as an Excel workbook: DuckDB writes the cells, XlsxWriter the book around them.

Numbers, booleans, dates and instants are cells of their own type; text is never a formula, a link
or markup. A sheet holds 1,048,576 rows; more go to further sheets, each with the heading. No sheet
is ever whole in memory.

The form of a cell is that of ECMA-376, part 1, 18.3.1.4: text stands in the cell (``inlineStr``),
and a character that XML has not is written ``_x001F_``.
"""

import io
import re
from collections.abc import Iterator
from zipfile import ZIP_DEFLATED, ZipFile

import duckdb
import xlsxwriter
from msgspec import Struct

from tallybrook.ports.sql import QueryFailedError

SHEET_ROWS = 1_048_576
MAX_TEXT = 32_767
SAFE_INTEGER = 10**15
"""Excel keeps 15 digits."""

FIRST_DAY, LAST_DAY = "1900-03-01", "9999-12-31"
"""Excel takes 1900 for a leap year; what is before, or after, is written as text."""

_BATCH_ROWS = 2_000
_LEVEL = 3
"""Of deflate: a tenth larger than 6, in half the time."""

_ROOM = "A cell of Excel holds"
_SHORT = ("TINYINT", "SMALLINT", "INTEGER", "UTINYINT", "USMALLINT", "UINTEGER")
"""Types of integers that are all short enough for Excel."""


class _Frame(Struct):
    """A sheet's XML before its second row and after its last, and the numbers of the formats."""

    head: str
    tail: str
    day: str
    instant: str


def write(
    connection: duckdb.DuckDBPyConnection, sql: str, values: dict[str, object],
    names: list[str], types: list[str], path: str,
) -> int:  # fmt: skip
    """Write the rows of a statement whose columns have these names and DuckDB's types; how many.

    Raises ``QueryFailedError`` for a text that no cell can hold.
    """
    frame = _frame(names)
    connection.execute(_MACROS)
    try:
        found = connection.execute(_rows_of(sql, types, frame), values)
        with ZipFile(path, "w", ZIP_DEFLATED, compresslevel=_LEVEL) as book:
            rows, sheets = _write_sheets(book, found, frame)
            _write_rest(book, names, sheets)
    except duckdb.InvalidInputException as error:
        if _ROOM not in str(error):
            raise
        raise QueryFailedError(str(error)[str(error).index(_ROOM) :]) from None
    return rows


def _write_sheets(
    book: ZipFile, found: duckdb.DuckDBPyConnection, frame: _Frame
) -> tuple[int, int]:
    """The sheets, at least one; how many rows and sheets."""
    rows, sheets, batches = 0, 0, _batches(found)
    batch = next(batches, [])
    while batch or not sheets:
        sheets += 1
        left = SHEET_ROWS - 1
        with book.open(f"xl/worksheets/sheet{sheets}.xml", "w", force_zip64=True) as sheet:
            sheet.write(frame.head.encode())
            while batch and left:
                part, batch = batch[:left], batch[left:]
                sheet.write("".join(part).encode())
                left -= len(part)
                batch = batch or next(batches, [])
            sheet.write(frame.tail.encode())
        rows += SHEET_ROWS - 1 - left
    return rows, sheets


def _batches(found: duckdb.DuckDBPyConnection) -> Iterator[list[str]]:
    while batch := found.fetchmany(_BATCH_ROWS):
        yield [row for (row,) in batch]


def _write_rest(book: ZipFile, names: list[str], sheets: int) -> None:
    """All parts but the sheets."""
    with ZipFile(_empty(names, sheets)) as empty:
        for part in empty.namelist():
            if not part.startswith("xl/worksheets/sheet"):
                book.writestr(part, empty.read(part))


def _frame(names: list[str]) -> _Frame:
    with ZipFile(_empty(names, 1)) as empty:
        text = empty.read("xl/worksheets/sheet1.xml").decode()
    # How far the sheet reaches may be left out, and is not known yet.
    head, second = re.sub(r"<dimension [^>]*/>", "", text).split('<row r="2"')
    day, instant = re.findall(r' s="(\d+)"', second)
    return _Frame(head, second[second.index("</sheetData>") :], day, instant)


def _empty(names: list[str], sheets: int) -> io.BytesIO:
    """A book of so many sheets with a heading; in their second row are the formats of a day and
    of an instant."""
    file = io.BytesIO()
    with xlsxwriter.Workbook(file, {"in_memory": True}) as book:
        formats = [
            book.add_format({"num_format": text})
            for text in ("yyyy-mm-dd", "yyyy-mm-dd hh:mm:ss.000")
        ]
        for _ in range(sheets):
            sheet = book.add_worksheet()
            sheet.freeze_panes(1, 0)
            for place, name in enumerate(names):
                sheet.write_string(0, place, name)
            for place, form in enumerate(formats):
                sheet.write_blank(1, place, None, form)
    return file


def _rows_of(sql: str, types: list[str], frame: _Frame) -> str:
    """Of each row its XML."""
    places = [f"c{number}" for number in range(len(types))]
    cells = [
        _cell(place, kind, _letters(number), frame)
        for number, (place, kind) in enumerate(zip(places, types, strict=True))
    ]
    numbered = (
        f"SELECT (row_number() OVER () - 1) % {SHEET_ROWS - 1} + 2 AS r, *"
        f" FROM ({sql}) AS tb_result({', '.join(places)})"
    )
    return f"SELECT concat('<row r=\"', r, '\">', {', '.join(cells)}, '</row>') FROM ({numbered})"


def _cell(place: str, kind: str, letters: str, frame: _Frame) -> str:
    """An expression: the XML of a cell, null for none."""
    at = f"'<c r=\"{letters}' || r || '\"'"
    number, plain = f"{at} || tb_sheet_number({place})", f"{at} || tb_sheet_plain({place})"
    if kind == "BOOLEAN":
        return f"{at} || ' t=\"b\"><v>' || CAST({place} AS INTEGER) || '</v></c>'"
    if kind in ("DOUBLE", "FLOAT"):
        number = f"{at} || tb_sheet_number(CAST({place} AS DOUBLE))"
        return f"CASE WHEN isfinite({place}) THEN {number} END"
    if kind in _SHORT:
        return number
    if kind == "BIGINT" or kind.startswith("DECIMAL"):
        exact = f"abs(CAST({place} AS HUGEINT)) < {SAFE_INTEGER}"
        return f"CASE WHEN {exact} THEN {number} ELSE {plain} END"
    if kind == "DATE":
        number = f"{at} || ' s=\"{frame.day}\"' || tb_sheet_number({place} - DATE '1899-12-30')"
        return _within(place, number, plain)
    if kind.startswith("TIMESTAMP"):
        serial = f"(epoch_us({place}) + 2209161600000000) / 86400e6"
        number = f"{at} || ' s=\"{frame.instant}\"' || tb_sheet_number({serial})"
        return _within(f"CAST({place} AS DATE)", number, plain)
    text = f"lower(hex({place}))" if kind == "BLOB" else f"CAST({place} AS VARCHAR)"
    return f"{at} || tb_sheet_text({text})"


def _within(day: str, number: str, text: str) -> str:
    return (
        f"CASE WHEN {day} BETWEEN DATE '{FIRST_DAY}' AND DATE '{LAST_DAY}' THEN {number}"
        f" ELSE {text} END"
    )


def _letters(number: int) -> str:
    """A, B, … Z, AA: the column of that place, counted from 0."""
    rest, last = divmod(number, 26)
    return (_letters(rest - 1) if rest else "") + chr(ord("A") + last)


_ODD = r"[\x00-\x08\x0b-\x1f\x{fffe}\x{ffff}]"
_MACROS = f"""
CREATE OR REPLACE TEMP MACRO tb_sheet_number(x) AS '><v>' || x || '</v></c>';
CREATE OR REPLACE TEMP MACRO tb_sheet_plain(x) AS
' t="inlineStr"><is><t xml:space="preserve">' || x || '</t></is></c>';
CREATE OR REPLACE TEMP MACRO tb_sheet_units(x) AS
length(x) + length(regexp_replace(x, '[^\\x{{10000}}-\\x{{10ffff}}]', '', 'g'));
CREATE OR REPLACE TEMP MACRO tb_sheet_spelt(x) AS
array_to_string(list_transform(regexp_extract_all(replace(x, '_x', '_x005F_x'), '(?s).'),
    lambda c: CASE WHEN regexp_matches(c, '{_ODD}') THEN printf('_x%04X_', ord(c)) ELSE c END), '');
CREATE OR REPLACE TEMP MACRO tb_sheet_fitting(x) AS
CASE WHEN strlen(x) > {MAX_TEXT} AND tb_sheet_units(x) > {MAX_TEXT}
     THEN error('{_ROOM} {MAX_TEXT} characters and a text here has ' || tb_sheet_units(x)
                || ': export csv or parquet, or use substr.')
     WHEN regexp_matches(x, '{_ODD}|_x[0-9A-Fa-f]{{4}}_') THEN tb_sheet_spelt(x) ELSE x END;
CREATE OR REPLACE TEMP MACRO tb_sheet_text(x) AS
tb_sheet_plain(
    replace(replace(replace(tb_sheet_fitting(x), '&', '&amp;'), '<', '&lt;'), '>', '&gt;'))
"""
"""What makes the XML of a value. Characters are counted as Excel does, in units of UTF-16, of which
a text has at most as many as bytes. Where ``_x0041_`` stands for itself, so does every ``_x``: of
``_x0041_x0042_`` the middle would be missed."""
