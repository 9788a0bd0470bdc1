"""NDJSON and JSON: an object is a row, and a broken one costs only itself."""

import io
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tallybrook.errors import MalformedError
from tallybrook.files.json_rows import json_rows, ndjson_rows
from tallybrook.files.rows import MAX_ROW_BYTES, Row


class Dribble(io.RawIOBase):
    """A source that gives few bytes at a time, as a pipe may."""

    def __init__(self, body: bytes, step: int) -> None:
        self._body, self._step = body, step

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        part = self._body[: min(self._step, len(buffer))]
        self._body = self._body[len(part) :]
        buffer[: len(part)] = part
        return len(part)


def stream(body: str | bytes) -> io.BufferedReader:
    return io.BufferedReader(io.BytesIO(body.encode() if isinstance(body, str) else body))


def values(row: Row) -> dict[str, Any]:
    assert row.fields is not None, row.error
    return {name: msgspec.json.decode(value) for name, value in row.fields.items()}


def test_ndjson_is_a_row_a_line() -> None:
    """Blank lines are no rows; line numbers are those of the file."""
    rows = list(ndjson_rows(stream('{"a":1}\r\n\n{"a":2}')))
    assert [(r.number, r.line, values(r)) for r in rows] == [(1, 1, {"a": 1}), (2, 3, {"a": 2})]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"[1]", "not a JSON object"),
        (b'"text"', "not a JSON object"),
        (b'{"a":', "truncated"),
        (b"{'a':1}", "malformed"),
        (b'{"a":"\xe9"}', "UTF-8"),
        (b'{"a":' + b"[" * 100_000, ""),
        (b'{"a":"' + b"x" * 2 * MAX_ROW_BYTES + b'"}', "over"),
    ],
)
def test_a_broken_line_is_an_error_and_the_next_is_read(line: bytes, reason: str) -> None:
    """One bad line never stops the file, and says why it is bad."""
    rows = list(ndjson_rows(stream(b'{"a":1}\n' + line + b'\n{"a":2}\n')))
    assert [bool(r.error) for r in rows] == [False, True, False]
    assert reason in rows[1].error


def test_values_keep_their_bytes() -> None:
    """Numbers are not re-written: 1.10 stays 1.10 and a long integer keeps every digit."""
    (row,) = ndjson_rows(stream('{"a":1.10,"b":123456789012345678901234567890}'))
    assert row.fields is not None
    assert {name: bytes(raw) for name, raw in row.fields.items()} == {
        "a": b"1.10",
        "b": b"123456789012345678901234567890",
    }


@pytest.mark.parametrize(
    "body",
    ['[{"a":1},{"a":2}]', '{"events":[{"a":1},{"a":2}]}', ' \n[ {"a":1} ,\n {"a":2} ] \n'],
)
def test_an_array_and_an_events_object_are_rows(body: str) -> None:
    """Both shapes of a JSON file give the same rows."""
    assert [values(r) for r in json_rows(stream(body))] == [{"a": 1}, {"a": 2}]


def test_one_object_is_one_row() -> None:
    """A file with a single event is read as that event."""
    assert [values(r) for r in json_rows(stream('{"a":\n1}'))] == [{"a": 1}]


@pytest.mark.parametrize("body", ["", "  ", "[]", "[ ]", '{"events":[]}'])
def test_nothing_in_it_is_no_rows(body: str) -> None:
    """Empty is not an error."""
    assert list(json_rows(stream(body))) == []


def test_a_bad_item_of_an_array_costs_only_itself() -> None:
    """An item that is no object or no JSON is an error with its number and line."""
    rows = list(json_rows(stream('[{"a":1},\n7,\n{"a" 2},\n{"a":3}]')))
    assert [(r.number, r.line, bool(r.error)) for r in rows] == [
        (1, 1, False),
        (2, 2, True),
        (3, 3, True),
        (4, 4, False),
    ]


def test_an_array_that_is_cut_off_gives_its_rows_and_then_says_so() -> None:
    """What was whole is not lost, and the file does not pass for complete."""
    rows = json_rows(stream('[{"a":1},{"a":2}'))
    assert [values(next(rows)), values(next(rows))] == [{"a": 1}, {"a": 2}]
    with pytest.raises(MalformedError, match="never closed"):
        next(rows)


def test_text_behind_the_array_is_not_ignored() -> None:
    """Two documents in one file are refused, not half read in silence."""
    with pytest.raises(MalformedError, match="follows"):
        list(json_rows(stream('[{"a":1}] [{"a":2}]')))


_json = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text('ab"\\[]{},:\n', max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text('a"\\]', max_size=3), inner)
    ),
    max_leaves=6,
)


@settings(max_examples=40)
@given(st.lists(st.dictionaries(st.text(max_size=3), _json), max_size=6), st.integers(1, 7))
def test_an_array_is_cut_right_wherever_the_bytes_break(items: list[Any], step: int) -> None:
    """Whatever stands in strings, and however the bytes arrive, the items are the items."""
    body = json.dumps(items, indent=1).encode()
    rows = json_rows(io.BufferedReader(Dribble(body, step), 16))
    assert [values(row) for row in rows] == items
