"""Reading a log whose file cannot be read: told as such, by every call."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tallybrook.errors import StorageError
from tallybrook.ports.log import Write
from tallybrook.ports.log.local import SqliteLogReader
from tests.contracts.logs import Local, event

CALLS: dict[str, Callable[[SqliteLogReader], object]] = {
    "head": lambda reader: reader.head(),
    "chunks": lambda reader: reader.chunks("events", 0),
    "chunk_of": lambda reader: reader.chunk_of(3),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize("content", [None, b"", b"garbage" * 1000], ids=["none", "empty", "other"])
def test_a_file_that_is_no_log(
    tmp_path: Path, call: Callable[[SqliteLogReader], object], content: bytes | None
) -> None:
    """Missing, empty, or something else: an error that may pass, and the reader can be closed."""
    path = tmp_path / "log.db"
    if content is not None:
        path.write_bytes(content)
    reader = SqliteLogReader(path)
    with pytest.raises(StorageError, match=r"log\.db"):
        call(reader)
    reader.close()


def test_a_page_that_is_broken(tmp_path: Path) -> None:
    """Found out in the middle of the rows it is told as well; mended, the file is read again."""
    backend = Local(tmp_path)
    log = backend.open()
    for n in range(8):
        log.write(Write([event(f"{n}", user_id="u" * 60_000)]))
    log.close()
    whole = backend.path.read_bytes()
    half = len(whole) // 2 // 4096 * 4096
    reader = SqliteLogReader(backend.path)
    assert len(reader.chunks("events", 0)) == 8
    reader.close()
    backend.path.write_bytes(whole[:half] + b"\xff" * (len(whole) - half))
    reader = SqliteLogReader(backend.path)
    with pytest.raises(StorageError):
        reader.chunks("events", 0)
    backend.path.write_bytes(whole)
    again = SqliteLogReader(backend.path)
    assert len(again.chunks("events", 0)) == 8
    for opened in (reader, again):
        opened.close()
