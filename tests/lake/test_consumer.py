"""The lake's consumer: every event once, its text byte for byte, bad lines kept."""

import datetime as dt
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tallybrook.errors import StorageError
from tallybrook.lake import merging as module
from tallybrook.lake.consumer import LakeConsumer
from tallybrook.lake.room import Room, room_of
from tallybrook.lake.rows import FIRST_US, LAST_US
from tallybrook.ports.lake.local import LocalLake, LocalLakeReader
from tallybrook.ports.log import Chunk, FailedRecord


@pytest.fixture
def lake(tmp_path: Path, keep: Callable[[FailedRecord], None]) -> Any:
    consumer = LakeConsumer(LocalLake(tmp_path), keep)
    yield consumer
    consumer.close()


def test_takes_chunks_in_once(lake: Any, tmp_path: Path, make_chunk: Any, rows_of: Any) -> None:
    """The same chunks again, whole or in part, change nothing."""
    chunks = [make_chunk(1, 5), make_chunk(6, 3)]
    lake.handle(chunks)
    lake.handle(chunks)
    lake.handle([make_chunk(6, 3), make_chunk(9, 2)])
    assert lake.position() == 10
    assert rows_of(tmp_path, "acme") == [(seq,) for seq in range(1, 11)]


def test_starts_inside_a_chunk(lake: Any, tmp_path: Path, make_chunk: Any, rows_of: Any) -> None:
    """A chunk that begins at or below the position gives only what lies past it."""
    lake.handle([make_chunk(1, 4)])
    lake.handle([make_chunk(3, 4)])
    assert rows_of(tmp_path, "acme") == [(seq,) for seq in range(1, 7)]


TEXTS = [
    b'{"n":12345678901234567890123456789012345678901234567890,"e":1.0e5,"t":1.10,"z":-0.0}',
    b'{"a" : [ 1 , 2 ] ,\t"b":{"c":{}} }',
    b'{"escape":"\\u00e9\\/\\ud83d\\ude00\\u0000","raw":"\xc3\xa9\xf0\x9f\x98\x80\xe2\x80\xa8"}',
    b'{"same":1,"same":2,"":null}',
    b'{"quote":"\\"},\\"context\\":{","context":{"x":1},"properties":{}}',
    b"{}",
    b'{"deep":' + b"[" * 60 + b"]" * 60 + b"}",
]


@pytest.mark.parametrize("text", TEXTS)
def test_json_text_survives(
    text: bytes, lake: Any, tmp_path: Path, make_chunk: Any, rows_of: Any
) -> None:
    """``properties`` and ``context`` come out byte for byte as they went in."""
    lake.handle([make_chunk(1, properties=text, context=text), make_chunk(2)])
    assert rows_of(tmp_path, "acme", "properties, context") == [
        (text.decode(), text.decode()),
        (None, None),
    ]


@pytest.mark.parametrize(
    ("instant", "date"),
    [
        (FIRST_US, "0001-01-01"),
        (LAST_US, "9999-12-31"),
        (-1, "1969-12-31"),
        (0, "1970-01-01"),
        (1_709_164_800_000_000, "2024-02-29"),
    ],
)
def test_any_instant(
    instant: int, date: str, lake: Any, tmp_path: Path, make_chunk: Any, rows_of: Any
) -> None:
    """Instants of years 1 to 9999 keep every microsecond and fall in their UTC day."""
    lake.handle([make_chunk(1, timestamp=instant, ingested_at=instant)])
    assert rows_of(tmp_path, "acme", "epoch_us(timestamp), epoch_us(ingested_at), date") == [
        (instant, instant, dt.date.fromisoformat(date))
    ]
    (file,) = LocalLakeReader(tmp_path).snapshot("acme").files
    assert (file.min_us, file.max_us, file.values["date"], file.rows) == (instant, instant, date, 1)


def test_absent_is_null_and_empty_is_empty(
    lake: Any, tmp_path: Path, make_chunk: Any, rows_of: Any
) -> None:
    """An absent field is NULL even where no row of the flush has it; "" stays ""."""
    lake.handle([make_chunk(1), make_chunk(2, user_id="")])
    fields = "user_id, anonymous_id, session_id, typeof(session_id)"
    assert rows_of(tmp_path, "acme", fields) == [
        (None, None, None, "VARCHAR"),
        ("", None, None, "VARCHAR"),
    ]


BAD = {
    "no json": b"{",
    "no object": b"[]",
    "missing": b'{"seq":2}',
    "wrong type": b'{"seq":"2"}',
    "not utf-8": b'{"seq":2,"event_id":"\xff"}',
    "empty": b"",
    "deep": b'{"seq":' + b"[" * 100_000,
}


@pytest.mark.parametrize("line", BAD.values(), ids=BAD.keys())
def test_bad_line_is_kept_and_the_rest_goes_on(
    line: bytes,
    lake: Any,
    tmp_path: Path,
    make_line: Any,
    rows_of: Any,
    failed: dict[str, FailedRecord],
) -> None:
    """A line that is no row becomes the failed record of its place; its neighbours are rows."""
    body = b"\n".join([make_line(1), line, make_line(3)]) + b"\n"
    lake.handle([Chunk(1, 3, 99, body)])
    assert rows_of(tmp_path, "acme") == [(1,), (3,)]
    assert lake.position() == 3
    assert list(failed) == ["lake-2"]
    assert failed["lake-2"].first_at == 99


@pytest.mark.parametrize(
    "fields",
    [
        {"account_id": "../x"},
        {"account_id": "a/b"},
        {"account_id": ""},
        {"timestamp": LAST_US + 1},
        {"timestamp": FIRST_US - 1},
        {"timestamp": 2**63},
        {"place": 7},
        {"properties": b'{"lone":"\\ud800"}'},
        {"properties": b'{"a":"\xff"}'},
    ],
)
def test_impossible_row_is_kept(
    fields: dict[str, Any],
    lake: Any,
    tmp_path: Path,
    make_line: Any,
    rows_of: Any,
    failed: dict[str, FailedRecord],
) -> None:
    """Accounts that are no folder names, years past 9999, foreign seqs, broken text: kept."""
    body = make_line(1) + b"\n" + make_line(fields.pop("place", 2), **fields) + b"\n"
    lake.handle([Chunk(1, 2, 0, body)])
    assert rows_of(tmp_path, "acme") == [(1,)]
    assert list(failed) == ["lake-2"]


def test_only_bad_lines_still_move_the_position(lake: Any, tmp_path: Path) -> None:
    """A chunk without one good line is taken in, with no file."""
    lake.handle([Chunk(1, 2, 0, b"x\ny\n")])
    assert lake.position() == 2
    assert LocalLakeReader(tmp_path).snapshot("acme").files == ()


def test_sorted_within_a_file(lake: Any, tmp_path: Path, make_chunk: Any) -> None:
    """Rows of a file lie by event type, then time."""
    lake.handle([make_chunk(1, 5_000)])
    (file,) = LocalLakeReader(tmp_path).snapshot("acme").files
    path = str(tmp_path / "lake" / file.path)
    with duckdb.connect() as db:
        rows = db.execute(f"SELECT event_type, timestamp FROM '{path}'").fetchall()
    assert rows == sorted(rows)


def test_flush_is_cut_by_bytes(tmp_path: Path, keep: Any, make_chunk: Any, rows_of: Any) -> None:
    """Many big chunks are several commits, each ending at a chunk's end."""
    lake = LakeConsumer(LocalLake(tmp_path), keep, batch_bytes=2_000)
    lake.handle([make_chunk(1 + 10 * n, 10) for n in range(10)])
    assert lake.position() == 100
    assert len(LocalLakeReader(tmp_path).snapshot("acme").files) > 1
    assert len(rows_of(tmp_path, "acme")) == 100
    lake.close()


def test_compaction_keeps_every_row(
    tmp_path: Path, keep: Any, make_chunk: Any, rows_of: Any
) -> None:
    """Many small files become one; rows, text and order of days stay."""
    now = [1_800_000_000_000_000]
    store = LocalLake(tmp_path, now_us=lambda: now[0])
    lake = LakeConsumer(store, keep, now_us=lambda: now[0])
    for n in range(20):
        lake.handle([make_chunk(1 + 10 * n, 10, properties=TEXTS[n % len(TEXTS)])])
    before = rows_of(tmp_path, "acme", "*")
    assert len(store.snapshot("acme").files) == 20
    lake.idle()
    assert len(store.snapshot("acme").files) < 8
    now[0] += 3_600_000_000
    lake.idle()
    assert len(store.snapshot("acme").files) == 1
    assert rows_of(tmp_path, "acme", "*") == before
    now[0] += 3_600_000_000
    lake.idle()
    assert len(list((tmp_path / "lake" / "events").rglob("*.parquet"))) == 1
    lake.close()


def test_a_merge_that_does_not_fit_is_made_in_parts(
    tmp_path: Path, keep: Any, make_chunk: Any, rows_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Too little memory for eight files at once: fewer at once, and no row is lost by it; two
    that do not fit stay as they are, and hold nothing up."""
    lake = LakeConsumer(LocalLake(tmp_path, grace_s=0), keep, now_us=lambda: 1 << 60)
    for n in range(8):
        lake.handle([make_chunk(1 + 10 * n, 10)])
    merge, asked = module.merge_files, []

    def tight(writer: Any, store: Any, group: list[Any]) -> list[Any]:
        asked.append(len(group))
        if len(group) > 2 or len(asked) == 3:
            raise duckdb.OutOfMemoryException("on purpose")
        return merge(writer, store, group)

    monkeypatch.setattr(module, "merge_files", tight)
    lake.idle()
    assert asked == [8, 4, 2, 2, 4, 2, 2]
    assert len(LocalLakeReader(tmp_path).snapshot("acme").files) == 5
    assert rows_of(tmp_path, "acme") == [(seq,) for seq in range(1, 81)]
    lake.close()


def test_room_grows_with_the_process() -> None:
    """A larger process writes larger batches and files, up to what one on a machine does."""
    rooms = [room_of(mb) for mb in (128, 256, 512, 1024, 10_240)]
    assert rooms[0] == rooms[1] == Room(64 << 20, 4 << 20, 8 << 20, 10_240)
    for smaller, larger in pairwise(rooms):
        assert smaller.batch_bytes <= larger.batch_bytes
        assert smaller.target_bytes <= larger.target_bytes
    assert rooms[-1].memory_bytes == 256 << 20


def test_refusing_disk_leaves_no_file(
    tmp_path: Path, keep: Any, make_chunk: Any, rows_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``StorageError``: nothing was taken in, nothing is left over, the same works later."""
    lake = LakeConsumer(LocalLake(tmp_path), keep)

    def refuse(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("tallybrook.ports.lake.local._sync_files", refuse)
        with pytest.raises(StorageError):
            lake.handle([make_chunk(1, 5)])
    assert lake.position() == 0
    assert list((tmp_path / "lake" / "events").rglob("*.parquet")) == []
    lake.handle([make_chunk(1, 5)])
    assert len(rows_of(tmp_path, "acme")) == 5
    lake.close()
