"""Driving a consumer: nothing is skipped, errors are told and tried again, stopping flushes."""

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tallybrook.entrypoints.worker.crew import run_all
from tallybrook.entrypoints.worker.runner import Runner
from tallybrook.entrypoints.worker.standing import Standing, read_standings
from tallybrook.errors import StorageError
from tallybrook.ports.log import Chunk, Topic
from tests.support import wait_for


class FakeLog:
    """A log in memory: chunks of events, and of records between them."""

    def __init__(self) -> None:
        self.all: list[tuple[Topic, Chunk]] = []

    def add(self, count: int, topic: Topic = "events", age_s: float = 60.0) -> None:
        stamp = int((time.time() - age_s) * 1e6)
        self.all.append((topic, Chunk(self.head() + 1, count, stamp, b"{}\n" * count)))

    def head(self) -> int:
        return self.all[-1][1].last_seq if self.all else 0

    def chunks(self, topic: Topic, after_seq: int, max_entries: int = 10_000) -> list[Chunk]:
        found: list[Chunk] = []
        for named, chunk in self.all:
            if named == topic and chunk.last_seq > after_seq:
                if found and sum(c.count for c in found) + chunk.count > max_entries:
                    break
                found.append(chunk)
        return found


class FakeConsumer:
    """Keeps what it was handed; ``errors`` are raised first, one a call."""

    name = "fake"
    topic: Topic = "events"
    max_entries = 10

    def __init__(self, *errors: Exception, linger_s: float = 0.0) -> None:
        self.linger_s = linger_s
        self.errors = list(errors)
        self.batches: list[list[int]] = []
        self.at = 0
        self.idled = 0

    def position(self) -> int:
        return self.at

    def handle(self, chunks: list[Chunk]) -> None:
        if self.errors:
            raise self.errors.pop(0)
        assert all(chunk.first_seq > self.at for chunk in chunks), "handed over twice"
        self.batches.append([chunk.first_seq for chunk in chunks])
        self.at = chunks[-1].last_seq

    def idle(self) -> None:
        self.idled += 1


class Following:
    """A runner in a thread; leaving the block stops it."""

    def __init__(self, consumer: FakeConsumer, log: FakeLog) -> None:
        self.standing = Standing(consumer.name, consumer.topic)
        self.stop = threading.Event()
        runner = Runner(consumer, log, self.standing, self.stop)
        self.thread = threading.Thread(target=runner.run)

    def __enter__(self) -> "Following":
        self.thread.start()
        return self

    def until(self, condition: Callable[[], object]) -> None:
        wait_for(condition, 20)

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        self.thread.join(20)
        assert not self.thread.is_alive()


def test_everything_is_handed_over_once_in_order() -> None:
    """Whole chunks, never more than the consumer asked for while there are several."""
    log, consumer = FakeLog(), FakeConsumer()
    for count in (4, 4, 4, 30, 1):
        log.add(count)
    with Following(consumer, log) as following:
        following.until(lambda: consumer.at == 43)
    assert consumer.batches == [[1, 5], [9], [13], [43]]
    assert following.standing.entries == 43
    assert following.standing.status == "stopped"


def test_entries_of_other_topics_are_no_lag() -> None:
    """``seen`` goes past them, so that a consumer that is done is seen to be done."""
    log, consumer = FakeLog(), FakeConsumer()
    log.add(2)
    log.add(5, topic="records")
    with Following(consumer, log) as following:
        following.until(lambda: following.standing.seen == 7)
    assert (consumer.at, following.standing.position) == (2, 2)


@pytest.mark.parametrize(
    ("error", "status"),
    [(StorageError("full"), "retrying"), (ZeroDivisionError("bug"), "failing")],
)
def test_a_batch_that_fails_is_handed_over_again(error: Exception, status: str) -> None:
    """Foreseen or not: the error is in the standing, and no entry is passed over."""
    log, consumer = FakeLog(), FakeConsumer(error, error, error)
    log.add(3)
    seen: list[str] = []

    def taken_in() -> bool:
        seen.append(following.standing.status)
        return consumer.at == 3

    with Following(consumer, log) as following:
        following.until(taken_in)
        following.until(lambda: following.standing.status == "ok")
    assert status in seen
    assert consumer.batches == [[1]]
    assert type(error).__name__ in (following.standing.last_error or "")
    assert following.standing.tries == 0


def test_fresh_entries_linger_for_company_and_stopping_flushes_them() -> None:
    """With a linger of an hour nothing is handed over until the stop; then all is."""
    log, consumer = FakeLog(), FakeConsumer(linger_s=3600.0)
    log.add(3, age_s=0.0)
    with Following(consumer, log) as following:
        following.until(lambda: following.standing.status == "ok")
        assert consumer.batches == []
    assert consumer.batches == [[1]]


def test_a_full_batch_does_not_linger() -> None:
    """Company is there already."""
    log, consumer = FakeLog(), FakeConsumer(linger_s=3600.0)
    log.add(10, age_s=0.0)
    with Following(consumer, log) as following:
        following.until(lambda: consumer.at == 10)


def test_stopping_gives_up_on_a_consumer_that_cannot(caplog: pytest.LogCaptureFixture) -> None:
    """The log still has it: the next start hands it over. The stop does not hang."""
    log = FakeLog()
    consumer = FakeConsumer(*[StorageError("full")] * 1000)
    log.add(1)
    with Following(consumer, log) as following:
        following.until(lambda: following.standing.tries > 0)
    assert consumer.at == 0
    assert "after position 0" in caplog.text


def test_a_quiet_log_is_time_for_housekeeping() -> None:
    """``idle`` is called, and not at every look at the log."""
    consumer = FakeConsumer()
    with Following(consumer, FakeLog()) as following:
        following.until(lambda: consumer.idled >= 1)
    assert consumer.idled < 10


def test_the_status_file_tells_where_everybody_stands(tmp_path: Path) -> None:
    """Written at the start, while running, and at the end; always whole."""
    log, consumer, stop = FakeLog(), FakeConsumer(), threading.Event()
    log.add(2)
    thread = threading.Thread(target=run_all, args=([consumer], log, tmp_path, stop))
    thread.start()
    try:
        wait_for(lambda: positions(tmp_path) == {"fake": 2})
    finally:
        stop.set()
        thread.join(20)
    told = json.loads((tmp_path / "consumers.json").read_text())
    assert told["consumers"][0]["status"] == "stopped"
    assert told["updated_at"].endswith("Z")


def positions(data: Path) -> dict[str, int]:
    told = read_standings(data)
    return {c.name: c.position for c in told.consumers} if told else {}


def test_no_status_file_and_a_broken_one_are_no_answer(tmp_path: Path) -> None:
    """The server goes on without."""
    assert read_standings(tmp_path) is None
    (tmp_path / "consumers.json").write_text('{"half')
    assert read_standings(tmp_path) is None
