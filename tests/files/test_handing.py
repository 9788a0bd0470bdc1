"""Rows of files that another process writes into the log: each once, and counted exactly."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tallybrook.errors import StorageError
from tallybrook.events.model import Event
from tallybrook.files import writing
from tallybrook.files.watching import STABLE_US, Watch
from tallybrook.files.writing import Handed, Handing, take_over
from tallybrook.ports.queue.local import SqliteQueue
from tallybrook.wiring import Product
from tests.entities.world import MemoryState, Moving
from tests.files.world import World, counts, opened_product


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    with opened_product(tmp_path_factory.mktemp("product")) as made:
        yield made


class Here:
    """Both sides of the queue."""

    def __init__(self, folder: Path, product: Product) -> None:
        self.clock = Moving()
        self.state: Any = MemoryState(self.clock)
        self.queue = SqliteQueue(folder / "queue.db", "files", clock=self.clock)
        self.handing = Handing(self.queue, self.state)
        self.product = product

    def take_over(self) -> int:
        log, find = self.product.log, self.product.stores.events.get
        return take_over(self.queue, log, find, self.state, self.clock())


@pytest.fixture
def here(tmp_path: Path, product: Product) -> Iterator[Here]:
    made = Here(tmp_path, product)
    yield made
    made.queue.close()


def event(name: str, at_us: int = 1) -> Event:
    return Event(0, name, "x", 0, at_us, "default", "event", user_id="u\ufffe")


def test_what_was_written_by_the_same_chunk_is_no_duplicate(here: Here) -> None:
    """Written and then handed over once more, as after a crash: the same count. What was there
    before it, and what it holds twice, is."""
    first = Handed("f", 0, False, [event("before", 5)])
    chunk = Handed("f", 1, False, [event("a", 6), event("before", 6), event("a", 6)])
    for one in (first, chunk):
        settle = here.handing.send(one)
        assert here.take_over() == 1
        known = settle()
    assert known == 2
    here.state.delete(writing.RECEIPTS, "f#000000001")
    settle = here.handing.send(Handed("f", 1, True, chunk.events))
    assert here.take_over() == 1
    assert settle() == 2


def test_a_receipt_is_not_asked_for_twice(here: Here) -> None:
    """A chunk whose receipt is there is not sent again."""
    here.handing.send(Handed("g", 0, False, [event("g")]))
    here.take_over()
    assert here.handing.send(Handed("g", 0, True, [event("g")]))() == 0
    assert here.queue.depth().waiting == 0


def test_nobody_waits_for_ever(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a log the file is left for later."""
    monkeypatch.setattr(writing, "_PATIENCE_S", 0.0)
    with pytest.raises(StorageError, match="takes nothing"):
        here.handing.send(Handed("h", 0, False, [event("h")]))()


def test_a_whole_file_by_way_of_the_queue(tmp_path: Path, here: Here) -> None:
    """Several chunks are on their way at once, and counted in their order."""
    world = World(tmp_path, here.product)
    ports = world.ports()
    ports.sink = here.handing
    world.ports = lambda: ports  # type: ignore[method-assign]
    stop = threading.Event()

    def serve() -> None:
        while not stop.is_set():
            here.take_over()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        body = [{"event_type": "handed", "user_id": "u", "event_id": f"h{n % 5600}"}
                for n in range(6000)]  # fmt: skip
        file = world.done("raw/events/x", body)
    finally:
        stop.set()
        thread.join()
    assert counts(file) == (6000, 5600, 400, 0)


def test_a_file_that_is_still_written_is_left_alone(tmp_path: Path) -> None:
    """It is worked off when it has not changed for a while, once; hidden files never are, and a
    folder that went comes back."""
    seen: list[str] = []
    clock = Moving()
    watch = Watch(tmp_path, lambda put: seen.append(put.key), clock)
    file = tmp_path / "raw/events/a"
    (tmp_path / "raw/events/.a.part").write_text("x")
    (tmp_path / "imports/errors").mkdir()
    (tmp_path / "imports/errors/e").write_text("x")

    def look(size: int, after_us: int) -> int:
        if file.stat().st_size != size:
            file.write_text("x" * size)
        changed_us = file.stat().st_mtime_ns // 1000
        clock.us = changed_us + after_us
        return watch.look()

    file.write_text("x")
    assert [look(1, 0), look(1, STABLE_US - 1), look(2, STABLE_US), look(2, STABLE_US)] == [
        0, 0, 0, 1,
    ]  # fmt: skip
    assert look(2, 2 * STABLE_US) == 0
    assert seen == ["raw/events/a"]
    assert [look(3, STABLE_US), look(3, STABLE_US)] == [0, 1]
    file.unlink()
    (tmp_path / "raw/events/.a.part").unlink()
    file.parent.rmdir()
    watch.make()
    assert file.parent.is_dir()


def test_a_file_that_fails_keeps_no_other_from_its_turn(tmp_path: Path) -> None:
    """It is tried again after a pause that doubles."""
    clock = Moving()
    seen: list[str] = []

    def work(put: Any) -> None:
        seen.append(put.key[-1])
        if put.key.endswith("a"):
            raise StorageError("away")

    watch = Watch(tmp_path, work, clock)
    for name in "ab":
        (tmp_path / "imports" / name).write_text("x")
    clock.us = (tmp_path / "imports/b").stat().st_mtime_ns // 1000 + STABLE_US
    for _ in range(12):
        watch.look()
        clock.us += 1_000_000
    assert "".join(seen) == "abaa"
    assert watch.unfinished == 1
