"""Rows come out the same wherever the bytes of a file are cut."""

import gzip
import json
import os
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tallybrook.errors import MalformedError
from tallybrook.files.event_rows import MAX_EVENTS, Reading, chunks
from tallybrook.files.opening import opened, rows_of
from tallybrook.files.reader import read_rows
from tallybrook.files.rows import Row

EXAMPLES = int(os.environ.get("TALLYBROOK_CHUNK_EXAMPLES", "60"))

ROWS = [
    {"event_type": "view", "user_id": "ü\u2028", "n": 1, "text": 'a "quoted", {braced} [text]\\'},
    {"event_type": "buy", "user_id": "v", "n": 2.5, "list": [1, {"x": None}]},
]
NDJSON = b"\n".join(json.dumps(row, ensure_ascii=False).encode() for row in ROWS)
CSV = 'event_type;user_id;text\r\nview;ü;"a ""b""; c\r\nd"\r\nbuy;v;\n"open;x;y\nbuy;w;1\n'.encode()
BODIES = [
    NDJSON,
    b"\xef\xbb\xbf" + NDJSON + b"\n{broken\n" + b"\xff\xfe{}\n" + NDJSON,
    b"{broken\r\n\r\n" + NDJSON + b"\r\n",
    json.dumps(ROWS, indent=2).encode(),
    json.dumps({"events": ROWS}).encode(),
    json.dumps(ROWS).encode()[:-7],
    CSV,
    CSV.decode().encode("latin-1"),
    gzip.compress(NDJSON * 3, mtime=0),
    gzip.compress(CSV, mtime=0) + gzip.compress(CSV, mtime=0),
    gzip.compress(NDJSON * 3, mtime=0)[:-11],
    b"",
    b"\n\n",
]


def read(pieces: list[bytes]) -> tuple[list[Row], str | None]:
    """The rows, and what broke them off."""
    rows: list[Row] = []
    try:
        for row in rows_of(pieces):
            rows.append(row)  # noqa: PERF402 - what was read before an error counts
    except MalformedError as error:
        return rows, error.detail
    return rows, None


@settings(max_examples=EXAMPLES, deadline=None)
@given(body=st.sampled_from(BODIES), cuts=st.lists(st.integers(0, 400), max_size=12))
def test_cut_anywhere_the_rows_are_the_same(body: bytes, cuts: list[int]) -> None:
    """Within a character, a quote, a line end, a gzip header: rows, their numbers and the reason
    of a broken end are those of the whole read at once."""
    places = sorted({0, len(body), *(cut % (len(body) + 1) for cut in cuts)})
    pieces = [body[a:b] for a, b in zip(places, [*places[1:], len(body)], strict=True)]
    assert read(pieces) == read([body])


@pytest.mark.parametrize("body", BODIES, ids=range(len(BODIES)))
def test_byte_by_byte(body: bytes) -> None:
    """The worst way to be cut."""
    assert read([body[i : i + 1] for i in range(len(body))]) == read([body])


@pytest.mark.parametrize("done", [0, 1, 2])
def test_chunks_end_where_the_rows_say(done: int) -> None:
    """Going on after a chunk gives the chunks that the whole would have given, ids and instants
    included."""
    body = b"\n".join(b'{"event_type":"x","user_id":"u%d"}' % n for n in range(3 * MAX_EVENTS + 7))
    reading = Reading("default", "d" * 64, 1_000_000)
    source, fmt = opened([body])
    whole = list(chunks(read_rows(source, fmt), fmt, reading))
    source, fmt = opened([body])
    last = whole[done - 1].last_row if done else 0
    rest = (row for row in read_rows(source, fmt) if row.number > last)
    assert list(chunks(rest, fmt, reading, done)) == whole[done:]
    assert [len(chunk.events) for chunk in whole] == [MAX_EVENTS] * 3 + [7]
    assert len({event.event_id for chunk in whole for event in chunk.events}) == 1507


def test_a_chunk_fits_a_message() -> None:
    """Rows as long as they may be are fewer a chunk."""
    noise = random.Random(3).randbytes(15_000).hex()
    body = b"\n".join(
        json.dumps({"event_type": "x", "user_id": f"u{n}", "properties": {"p": noise}}).encode()
        for n in range(40)
    )
    source, fmt = opened([body])
    found = list(chunks(read_rows(source, fmt), fmt, Reading("default", "d", 0)))
    assert sum(len(chunk.events) for chunk in found) == 40
    assert max(sum(map(len, chunk.bodies)) for chunk in found) < 600_000
