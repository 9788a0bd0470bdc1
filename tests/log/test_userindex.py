"""The index of users: a consumer whose effect and position are one file (SPEC 1)."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tallybrook.ports.events import Position
from tallybrook.ports.log import Write
from tallybrook.ports.log.local import SqliteLog, SqliteLogReader
from tallybrook.ports.log.local import segments as segments_module
from tallybrook.ports.log.local.events import SqliteEvents
from tallybrook.ports.log.local.userindex import UserIndexer
from tests.contracts.logs import Local, event


@pytest.fixture
def log(tmp_path: Path) -> Iterator[SqliteLog]:
    opened = Local(tmp_path).open()
    yield opened
    opened.close()


@pytest.fixture
def reader(log: SqliteLog, tmp_path: Path) -> SqliteLogReader:
    return SqliteLogReader(tmp_path / "log.db")


@pytest.fixture
def events(log: SqliteLog, tmp_path: Path) -> SqliteEvents:
    return SqliteEvents(tmp_path / "log.db", log.find)


def write(log: SqliteLog, count: int, start: int = 0) -> None:
    for i in range(start, start + count):
        log.write(Write([event(f"{i}-{j}", user_id=f"u{j % 3}") for j in range(4)]))


def index(indexer: UserIndexer, reader: SqliteLogReader, chunks: int = 10**6) -> None:
    """Hand over what is past the position, one chunk at a time."""
    for chunk in reader.chunks("events", indexer.position())[:chunks]:
        indexer.handle([chunk])


def names(events: SqliteEvents, user: str, limit: int = 1000) -> list[str]:
    return [found.event_id for found in events.of_user("acme", user, limit, None)]


def test_indexed_or_not_is_the_same_answer(
    log: SqliteLog, reader: SqliteLogReader, events: SqliteEvents, tmp_path: Path
) -> None:
    """However far the consumer is behind, merged or not, reopened or not, the events of a user
    are the same and in the same order."""
    write(log, 40)
    expected = [names(events, f"u{u}") for u in range(3)]
    assert [len(found) for found in expected] == [80, 40, 40]
    for _ in range(40):
        indexer = UserIndexer(tmp_path / "log.db")
        index(indexer, reader, 1)
        assert [names(events, f"u{u}") for u in range(3)] == expected
    assert UserIndexer(tmp_path / "log.db").position() == reader.head()
    assert len(list((tmp_path / "users").glob("*.npy"))) < 10


def test_handing_over_again_changes_nothing(
    log: SqliteLog, reader: SqliteLogReader, events: SqliteEvents, tmp_path: Path
) -> None:
    """Chunks at or below the position are known already."""
    write(log, 6)
    chunks = reader.chunks("events", 0)
    indexer = UserIndexer(tmp_path / "log.db")
    indexer.handle(chunks)
    position = indexer.position()
    again = UserIndexer(tmp_path / "log.db")
    assert again.position() == position
    again.handle(chunks)
    assert len(names(events, "u0")) == len(set(names(events, "u0"))) == 12


def test_pages_join(log: SqliteLog, reader: SqliteLogReader, events: SqliteEvents,
                    tmp_path: Path) -> None:  # fmt: skip
    """A walk with positions gives every event once while the consumer works and merges."""
    write(log, 30)
    indexer = UserIndexer(tmp_path / "log.db")
    seen: list[str] = []
    before: Position | None = None
    while page := events.of_user("acme", "u0", 7, before):
        seen += [found.event_id for found in page]
        before = Position(page[-1].timestamp, page[-1].seq)
        index(indexer, reader, 3)
        write(log, 1, 100 + len(seen))
    assert [n for n in seen if int(n.split("-")[0]) < 100] == [
        f"{i}-{j}" for i in reversed(range(30)) for j in (3, 0)
    ]


def test_a_reader_beside_the_consumer(
    log: SqliteLog, reader: SqliteLogReader, events: SqliteEvents, tmp_path: Path
) -> None:
    """While segments are written and merged, a reader always sees everything."""
    write(log, 60)
    done = threading.Event()

    def work() -> None:
        index(UserIndexer(tmp_path / "log.db"), reader)
        done.set()

    worker = threading.Thread(target=work)
    worker.start()
    while not done.is_set():
        assert len(names(events, "u0")) == 120
    worker.join()
    assert len(names(events, "u0")) == 120


def test_a_merge_between_listing_and_opening(
    log: SqliteLog, reader: SqliteLogReader, events: SqliteEvents, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """Files that are merged away after a reader listed them and before it opened them are not
    missed: the reader looks again."""
    write(log, 9)
    indexer = UserIndexer(tmp_path / "log.db")
    index(indexer, reader, 7)
    opening = segments_module.Segment

    def slow(path: Path) -> object:
        monkeypatch.setattr(segments_module, "Segment", opening)
        index(indexer, reader)
        return opening(path)

    monkeypatch.setattr(segments_module, "Segment", slow)
    assert len(names(events, "u0")) == 18
