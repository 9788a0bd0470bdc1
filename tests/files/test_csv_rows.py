"""CSV: what a row is, and that a broken one costs only itself."""

import io
from typing import Any

import msgspec
import pytest

from tallybrook.errors import MalformedError
from tallybrook.files.csv_rows import csv_rows
from tallybrook.files.rows import MAX_ROW_BYTES, Row


def read(text: str | bytes, **options: Any) -> list[Row]:
    body = text.encode() if isinstance(text, str) else text
    return list(csv_rows(io.BufferedReader(io.BytesIO(body)), **options))


def values(row: Row) -> dict[str, Any]:
    assert row.fields is not None, row.error
    return {name: msgspec.json.decode(value) for name, value in row.fields.items()}


def test_rows_have_the_headers_names_and_know_their_place() -> None:
    """Row numbers count data rows from 1, line numbers count lines of the file."""
    rows = read("a,b\nx,y\nz,w\n")
    assert [(r.number, r.line, values(r)) for r in rows] == [
        (1, 2, {"a": "x", "b": "y"}),
        (2, 3, {"a": "z", "b": "w"}),
    ]


def test_windows_line_ends_and_a_missing_last_one_are_read() -> None:
    """CRLF is a line end, and the last line needs none."""
    assert [values(r) for r in read("a,b\r\n1,x\r\n2,y")] == [
        {"a": 1, "b": "x"},
        {"a": 2, "b": "y"},
    ]


def test_quoted_cells_hold_commas_quotes_and_line_breaks() -> None:
    """A quoted line break belongs to its cell; the next row knows its own line."""
    rows = read('a,b\n"x, ""y""","two\nlines"\nlast,1\n')
    assert values(rows[0]) == {"a": 'x, "y"', "b": "two\nlines"}
    assert (rows[1].number, rows[1].line) == (2, 4)


def test_blank_lines_are_no_rows() -> None:
    """Blank lines before the header, between rows and at the end count for nothing."""
    assert [r.number for r in read("\n\na,b\n\n1,2\n\n3,4\n\n")] == [1, 2]


@pytest.mark.parametrize("text", ["", "\n\n", "a,b\n", "a,b"])
def test_an_empty_file_has_no_rows(text: str) -> None:
    """Nothing, blank lines, and a header alone are files without rows, not errors."""
    assert read(text) == []


def test_a_row_with_the_wrong_number_of_cells_is_an_error_with_its_number() -> None:
    """Too many or too few cells spoil that row, and the rows after it are read."""
    rows = read("a,b\n1\n1,2,3\nok,ok\n")
    assert [(r.number, r.error) for r in rows] == [
        (1, "1 cells under 2 columns"),
        (2, "3 cells under 2 columns"),
        (3, ""),
    ]


def test_a_quote_that_is_never_closed_costs_one_row() -> None:
    """The rows behind an unclosed quote are read, with their own line numbers."""
    rows = read('a,b\nx,"open\nnext,1\nlast,2\n')
    assert [(r.line, bool(r.error)) for r in rows] == [(2, True), (3, False), (4, False)]
    assert rows[0].error == "a quote is opened and never closed"
    assert rows[0].raw == b'x,"open'


def test_text_behind_a_closing_quote_is_an_error_not_a_guess() -> None:
    """``"x"y`` is refused; it is never read as ``xy``."""
    rows = read('a,b\n"x"y,1\nok,1\n')
    assert [bool(r.error) for r in rows] == [True, False]


def test_bytes_that_are_not_utf8_spoil_their_row_alone() -> None:
    """Latin-1 in one row does not stop the file."""
    rows = read(b"a,b\ncaf\xe9,1\nok,2\n")
    assert [(r.number, r.error) for r in rows] == [(1, "the text is not UTF-8"), (2, "")]


def test_a_huge_line_is_one_broken_row_and_is_never_held_whole() -> None:
    """A line over the limit is cut off; the row after it is read."""
    rows = read("a,b\n" + "x" * (3 * MAX_ROW_BYTES) + ",1\nok,2\n")
    assert [(r.line, bool(r.error)) for r in rows] == [(2, True), (3, False)]
    assert len(rows[0].raw) <= MAX_ROW_BYTES + 1


@pytest.mark.parametrize("header", ["a,a", "a,,b", '"a', "caf\xe9"])
def test_a_header_that_cannot_name_the_cells_stops_the_file(header: str) -> None:
    """Without names for the cells no row can be trusted."""
    with pytest.raises(MalformedError):
        read(f"{header}\n1,2,3\n".encode("latin-1"))


@pytest.mark.parametrize("mark", [";", "\t"])
def test_semicolon_and_tab_are_told_by_the_header(mark: str) -> None:
    """Spreadsheets of half the world write semicolons."""
    assert values(read(f"a{mark}b\n1,5{mark}x\n")[0]) == {"a": "1,5", "b": "x"}


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("0", 0), ("-12", -12), ("3.50", 3.5), ("007", "007"), ("+1", "+1"), ("1e5", "1e5"),
        ("1234567890123456", "1234567890123456"), ("", ""), ("NaN", "NaN"), (" 1", " 1"),
        ("true", "true"), ("-", "-"), ("1.", "1."), ("٣", "٣"),
    ],
)  # fmt: skip
def test_only_cells_that_stay_what_they_are_become_numbers(cell: str, value: Any) -> None:
    """Leading zeros, 16 digits and exponents keep their text; an empty cell is empty text."""
    assert values(read(f"a,b\n{cell},x\n")[0])["a"] == value


def test_numbers_can_be_kept_as_text() -> None:
    """``numbers=False`` leaves every cell as it is written."""
    assert values(read("a,b\n1,2\n", numbers=False)[0]) == {"a": "1", "b": "2"}
