"""Opening files: gzip and byte order marks are seen, formats are told, damage is said."""

import gzip
import io
from pathlib import Path

import pytest

from tallybrook.errors import MalformedError, UsageError
from tallybrook.files.reader import read_rows
from tallybrook.files.rows import Row, row_id
from tallybrook.files.source import detect, lines, open_source


def write(tmp_path: Path, name: str, body: bytes) -> str:
    path = tmp_path / name
    path.write_bytes(body)
    return str(path)


@pytest.mark.parametrize(
    ("name", "body", "expected"),
    [
        ("a.csv", b"a,b\n", "csv"),
        ("a.tsv", b"a\tb\n", "csv"),
        ("a.CSV.gz", b"a,b\n", "csv"),
        ("a.jsonl", b"{}\n", "ndjson"),
        ("a.ndjson.gz", b"{}\n", "ndjson"),
        ("a.json", b'[{"a":1}]', "json"),
        ("a.json", b'{"a":\n1}', "json"),
        ("a.json", b'{"a":1}\n{"a":2}\n', "ndjson"),
        ("a.txt", b"a,b\n1,2\n", "csv"),
        ("a", b' [{"a":1}]', "json"),
        ("a", b"", "csv"),
    ],
)
def test_the_format_is_told_by_name_then_by_content(
    tmp_path: Path, name: str, body: bytes, expected: str
) -> None:
    """.json files that hold a line an event are read as what they are."""
    assert detect(open_source(write(tmp_path, name, body))) == expected


def test_gzip_is_told_by_its_bytes_not_its_name(tmp_path: Path) -> None:
    """A gzipped file without .gz is read, and a plain one that is called .gz too."""
    zipped = open_source(write(tmp_path, "a.csv", gzip.compress(b"a,b\n1,2\n")))
    plain = open_source(write(tmp_path, "b.csv.gz", b"a,b\n1,2\n"))
    assert list(read_rows(zipped, "csv")) == list(read_rows(plain, "csv"))


@pytest.mark.parametrize("packed", [False, True])
def test_a_byte_order_mark_is_no_part_of_the_first_name(tmp_path: Path, packed: bool) -> None:
    """Files that spreadsheets write begin with one."""
    body = b"\xef\xbb\xbfa,b\n1,2\n"
    source = open_source(write(tmp_path, "a.csv", gzip.compress(body) if packed else body))
    (row,) = read_rows(source, "csv")
    assert list(row.fields or ()) == ["a", "b"]


def test_utf16_is_refused_with_the_way_out(tmp_path: Path) -> None:
    """Not thousands of broken rows: one line that says what to do."""
    with pytest.raises(MalformedError, match="UTF-16"):
        open_source(write(tmp_path, "a.csv", "a,b\n".encode("utf-16")))


@pytest.mark.parametrize("fmt", ["csv", "ndjson"])
def test_gzip_that_is_cut_off_gives_its_rows_and_then_says_so(tmp_path: Path, fmt: str) -> None:
    """A half transferred file does not pass for a whole one."""
    body = gzip.compress(b"".join(b'{"a":%d}\n' % n for n in range(50_000)))
    source = open_source(write(tmp_path, "a.gz", body[:-200]))
    seen: list[Row] = []
    with pytest.raises(MalformedError, match="damaged"):
        seen.extend(read_rows(source, "ndjson" if fmt == "ndjson" else "csv"))


def test_a_file_that_is_not_there_is_a_usage_error() -> None:
    """The message names the file."""
    with pytest.raises(UsageError, match=r"nowhere\.csv"):
        open_source("nowhere.csv")


def test_a_line_over_the_limit_is_cut_and_the_next_is_whole() -> None:
    """Memory is bounded by the limit, whatever the file holds."""
    body = b"x" * 1000 + b"\nshort\n"
    first, second = lines(io.BufferedReader(io.BytesIO(body)), max_bytes=100)
    assert (len(first.text), first.cut) == (101, True)
    assert (second.number, second.text, second.cut) == (2, b"short", False)


def test_a_rows_id_is_its_place_and_its_bytes() -> None:
    """The same row has the same id in every run; place, bytes and source each make another."""
    row = Row(1, 2, b"a,b")
    ids = {
        row_id(row),
        row_id(Row(2, 2, b"a,b")),
        row_id(Row(1, 2, b"a,c")),
        row_id(row, source="june"),
    }
    assert len(ids) == 4
    assert row_id(Row(1, 99, b"a,b")) == row_id(row)
    assert all(len(text) <= 128 for text in ids)
