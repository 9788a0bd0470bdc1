"""Excel workbooks: what stands in a row is what openpyxl reads out of the cell."""

import datetime as dt
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tallybrook.ports.sql import Limits, QueryFailedError
from tallybrook.sql import sheets
from tallybrook.sql.connection import lock, open_connection
from tallybrook.sql.export import export

if TYPE_CHECKING:
    from openpyxl import Workbook


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    """As a query's, but that it may write anywhere."""
    found = open_connection(Limits(256 << 20, 1))
    yield found
    found.close()


def opened(path: Path) -> "Workbook":
    import openpyxl

    return openpyxl.load_workbook(io.BytesIO(path.read_bytes()))


def unescaped(text: str) -> str:
    from openpyxl.utils.escape import unescape

    return unescape(text)


def book_of(connection: Any, sql: str, path: Path, **values: Any) -> list[list[list[Any]]]:
    """Sheets of rows of cells, the headings first."""
    with connection.cursor() as own:
        export(own, sql, values, "xlsx", str(path))
    return [
        [list(row) for row in sheet.iter_rows(values_only=True)]
        for sheet in opened(path).worksheets
    ]


def test_types(connection: Any, tmp_path: Path) -> None:
    """Numbers are numbers while Excel keeps their digits, days and instants dates while it has
    them, and the rest text."""
    sql = (
        "SELECT * FROM (VALUES (1, 999999999999999, 0.1::DOUBLE, 12.50::DECIMAL(9, 2), true,"
        " DATE '2024-02-29', TIMESTAMP '2026-03-01 10:20:30.123456', 'x', 'ab'::BLOB),"
        " (-2, -1000000000000000, 'nan'::DOUBLE, NULL, false, DATE '1900-02-28',"
        " TIMESTAMP '1899-12-31 23:59:59', '', NULL))"
        ' AS t(i, wide, d, money, yes, "day", "at", name, raw)'
    )
    ((heading, first, second),) = book_of(connection, sql, tmp_path / "x")
    assert heading == ["i", "wide", "d", "money", "yes", "day", "at", "name", "raw"]
    assert first == [
        1, 999999999999999, 0.1, 12.5, True, dt.datetime(2024, 2, 29),
        dt.datetime(2026, 3, 1, 10, 20, 30, 123000), "x", "6162",
    ]  # fmt: skip
    assert second == [
        -2, "-1000000000000000", None, None, False, "1900-02-28", "1899-12-31 23:59:59", "", None,
    ]  # fmt: skip


def test_odd_numbers_and_times(connection: Any, tmp_path: Path) -> None:
    """Infinities are empty, what no date of Excel is is text, and sums of integers are numbers."""
    sql = (
        "SELECT 'infinity'::DOUBLE AS a, 'infinity'::DATE AS b, '-infinity'::TIMESTAMP AS c,"
        " TIMESTAMP_NS '2026-03-01 00:00:00.000001' AS d,"
        " TIMESTAMPTZ '2026-03-01 01:00:00+01' AS e,"
        " TIME '10:20:30' AS f, [1, 2] AS g, {'k': 'v'} AS h, 1e-7 AS i, 1.5e300::DOUBLE AS j,"
        " sum(3) AS k, 12345678901234567::DECIMAL(20, 0) AS l, INTERVAL 1 DAY AS m, NULL AS n"
    )
    ((_, row),) = book_of(connection, sql, tmp_path / "x")
    assert row == [
        None, "infinity", "-infinity", dt.datetime(2026, 3, 1), dt.datetime(2026, 3, 1),
        "10:20:30", "[1,2]", '{"k":"v"}', 1e-7, 1.5e300, 3, "12345678901234567", "1 day", None,
    ]  # fmt: skip


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.one_of(st.none(), st.text(min_size=1)), min_size=1, max_size=30))
@example(["<r><t>x</t></r>", "]]>", "&amp;", "_x0041_", "_x000D_\r\n\t\x0b\0", " a ", "=1+1"])
@example(["\ufffe\uffff", "\U0001f600", "__x0041_x0042_", "\x85\u2028", "'; --", "{a}$1\\1"])
def test_any_text(connection: Any, tmp_path: Path, texts: list[str | None]) -> None:
    """Comes back as it was: markup, formulas, white space and characters that XML has not."""
    sql = "SELECT unnest($texts) AS t, 1 AS one"
    ((_, *rows),) = book_of(connection, sql, tmp_path / "x", texts=texts)
    assert [unescaped(t) if t is not None else None for t, _ in rows] == texts


@pytest.mark.parametrize("text", ["x" * 32_767, "\U0001f600" * 16_383])
def test_the_longest_text(connection: Any, tmp_path: Path, text: str) -> None:
    """32,767 units of UTF-16 fit into a cell; one more is an error that says what to do."""
    ((_, (found,)),) = book_of(connection, "SELECT $text AS t", tmp_path / "x", text=text)
    assert found == text
    with pytest.raises(QueryFailedError, match=r"^A cell of Excel holds 32767 .* has 3276[89]:"):
        book_of(connection, "SELECT $text AS t", tmp_path / "y", text=text + "ab")


def test_other_errors_stay_what_they_are(connection: Any, tmp_path: Path) -> None:
    """Only the length of a text is ours to tell."""
    with pytest.raises(duckdb.ConversionException):
        book_of(connection, "SELECT CAST($t AS INTEGER)", tmp_path / "x", t="ab")


@pytest.mark.parametrize(("rows", "sizes"), [(0, [0]), (3, [3]), (4, [3, 1]), (6, [3, 3])])
def test_sheets_that_are_full(
    connection: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: int, sizes: list[int]
) -> None:
    """Are followed by others, each with the heading, in the order of the statement."""
    monkeypatch.setattr(sheets, "SHEET_ROWS", 4)
    monkeypatch.setattr(sheets, "_BATCH_ROWS", 2)
    sql = f"SELECT i, 'é' AS \"n<\" FROM range({rows}) r(i) ORDER BY i DESC"
    found = book_of(connection, sql, tmp_path / "x")
    assert [len(sheet) - 1 for sheet in found] == sizes
    assert {tuple(sheet[0]) for sheet in found} == {("i", "n<")}
    assert [row[0] for sheet in found for row in sheet[1:]] == list(range(rows))[::-1]


def test_columns_past_z_and_the_parts_of_the_file(connection: Any, tmp_path: Path) -> None:
    """Cells name their place, and no sheet claims to be smaller than it is."""
    sql = "SELECT " + ", ".join(f"{n} AS c{n}" for n in range(1, 704))
    ((_, row),) = book_of(connection, sql, tmp_path / "x")
    assert row == list(range(1, 704))
    with zipfile.ZipFile(io.BytesIO((tmp_path / "x").read_bytes())) as parts:
        text = parts.read("xl/worksheets/sheet1.xml").decode()
    assert '<c r="AAA2"' in text
    assert "<dimension" not in text


def test_a_locked_connection_writes(tmp_path: Path) -> None:
    """A query's connection is locked to the folder of the answer by then."""
    with open_connection(Limits(256 << 20, 1)) as locked:
        lock(locked, [str(tmp_path)])
        export(locked, "SELECT 'a' AS t, 1.5 AS n", {}, "xlsx", str(tmp_path / "x"))
    sheet = opened(tmp_path / "x").worksheets[0]
    assert [cell.value for cell in sheet[2]] == ["a", 1.5]
