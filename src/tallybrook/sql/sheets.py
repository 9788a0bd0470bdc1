"""Rows as an Excel workbook, written row by row: what was written is on disk, not in memory.

Numbers, booleans, dates and instants are cells of their own type; text is never a formula or a
link. A sheet holds 1,048,576 rows; more go to further sheets, each with the heading.
"""

import datetime as dt
import math
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import xlsxwriter

from tallybrook.ports.sql import QueryFailedError

SHEET_ROWS = 1_048_576
MAX_TEXT = 32_767
SAFE_INTEGER = 10**15
"""Excel keeps 15 digits."""

FIRST_DAY = dt.date(1900, 3, 1)
"""Excel takes 1900 for a leap year; what is before is written as text."""

_BATCH_ROWS = 2_000


def write(found: duckdb.DuckDBPyConnection, names: list[str], path: str) -> int:
    """Write the rows of an executed statement; how many. Raises ``QueryFailedError`` for a text
    that no cell can hold."""
    options = {
        "constant_memory": True,
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
        "default_date_format": "yyyy-mm-dd hh:mm:ss.000",
        "tmpdir": str(Path(path).parent),
    }
    rows = 0
    with xlsxwriter.Workbook(path, options) as book:
        day = book.add_format({"num_format": "yyyy-mm-dd"})
        sheet: Any = None
        for row in _rows(found):
            place = rows % (SHEET_ROWS - 1)
            if place == 0:
                sheet = _sheet(book, names)
            _write_row(sheet, place + 1, row, day)
            rows += 1
        if sheet is None:
            _sheet(book, names)
    return rows


def _rows(found: duckdb.DuckDBPyConnection) -> Iterable[tuple[Any, ...]]:
    while batch := found.fetchmany(_BATCH_ROWS):
        yield from batch


def _sheet(book: Any, names: list[str]) -> Any:
    sheet = book.add_worksheet()
    sheet.freeze_panes(1, 0)
    for place, name in enumerate(names):
        sheet.write_string(0, place, name)
    return sheet


def _write_row(sheet: Any, place: int, row: tuple[Any, ...], day: Any) -> None:
    for column, value in enumerate(row):
        if value is None:
            continue
        kind = type(value)
        if kind is str:
            _write_text(sheet, place, column, value)
        elif kind is bool:
            sheet.write_boolean(place, column, value)
        elif kind is dt.datetime and value.date() >= FIRST_DAY:
            sheet.write_datetime(place, column, value)
        elif kind is dt.date and value >= FIRST_DAY:
            sheet.write_datetime(place, column, value, day)
        elif kind is float or (kind in (int, Decimal) and abs(value) < SAFE_INTEGER):
            if math.isfinite(value):
                sheet.write_number(place, column, value)
        else:
            _write_text(sheet, place, column, str(value))


def _write_text(sheet: Any, place: int, column: int, text: str) -> None:
    if len(text) > MAX_TEXT:
        raise QueryFailedError(
            f"A cell of Excel holds {MAX_TEXT} characters and a text here has {len(text)}: export"
            " csv or parquet, or use substr."
        )
    sheet.write_string(place, column, text)
