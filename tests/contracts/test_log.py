"""What every log promises: the words of ``tallybrook.ports.log``, one after another."""

import json
import threading
from collections.abc import Callable, Iterator
from itertools import pairwise
from queue import Queue
from typing import Any

import msgspec
import pytest

from tallybrook.errors import BacklogFullError, InvalidError, StorageError, TallybrookError
from tallybrook.failed.keeping import failed_record
from tallybrook.ports.log import Commit, Log, LogReader, Receipt, Topic, Write
from tests.contracts.logs import BACKENDS, NOW_US, Backend, delete, event, put
from tests.contracts.parity import lacks
from tests.support import wait_for

Opened = Callable[..., Log]


NOT_WHOLE = "The parts of one write are stored one by one: a reader may see some of its events."
NO_ORDER = (
    "Events are numbered in the order of the stream's shards: those of one write, or of writes"
    " one after another, may stand in another order in the log."
)
NO_RECORDS = (
    "Records take no sequence numbers: the streams of the records' own tables are their log."
)


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> Backend:
    return BACKENDS[request.param](request)


@pytest.fixture
def opened(backend: Backend) -> Iterator[Opened]:
    """Open the log, closing the one before; the last is closed at the end."""
    current: list[Log] = []

    def open_(**options: Any) -> Log:
        while current:
            current.pop().close()
        current.append(backend.open(**options))
        return current[-1]

    yield open_
    for log in current:
        log.close()


@pytest.fixture
def log(opened: Opened) -> Log:
    return opened()


@pytest.fixture
def reader(log: Log, backend: Backend) -> Iterator[LogReader]:
    made = backend.reader()
    yield made
    made.close()  # type: ignore[attr-defined]


def entries(reader: LogReader, topic: Topic = "events") -> list[dict[str, Any]]:
    """All lines of a topic, read chunk by chunk; the shape of every chunk is checked."""
    found: list[dict[str, Any]] = []
    after = 0
    while chunks := reader.chunks(topic, after, 50):
        for chunk in chunks:
            lines = [json.loads(line) for line in chunk.body.split(b"\n")]
            assert [line["seq"] for line in lines] == list(
                range(chunk.first_seq, chunk.last_seq + 1)
            )
            assert chunk.first_seq > after
            after = chunk.last_seq
            found += lines
    return found


def ids(reader: LogReader) -> list[str]:
    return [line["event_id"] for line in entries(reader)]


# Durable before told.


def test_what_was_told_survives_a_kill(backend: Backend, opened: Opened) -> None:
    """A process that is killed right after its receipt has lost nothing of it."""
    backend.write_and_die(25)
    log = opened()
    backend.settle()
    assert sorted(ids(backend.reader())) == [f"k{i:02}" for i in range(25)]
    assert log.write(Write([event("k03"), event("k25")])).duplicate == [True, False]


def test_a_receipt_means_that_it_will_be_read(
    log: Log, reader: LogReader, backend: Backend
) -> None:
    """What was told can be read by anybody, after the backend's lag."""
    for i in range(5):
        log.write(Write([event(f"{i}")]))
        backend.settle()
        assert reader.head() == i + 1
        assert ids(reader)[-1] == f"{i}"


@lacks("aws", "Readers see an event a moment after its receipt: when the stream has brought it.")
def test_a_receipt_means_readable_at_once(log: Log, reader: LogReader) -> None:
    """What was told can be read at once, by anybody."""
    for i in range(5):
        log.write(Write([event(f"{i}")]))
        assert reader.head() == i + 1
        assert ids(reader)[-1] == f"{i}"


# After an error nothing of the write is stored, and it may be submitted again.


def large_write() -> Write:
    large = {"properties": json_text({"p": "x" * 20_000})}
    return Write(
        [event(f"e{i}", **large) for i in range(60)], [put("r")],
        [failed_record(InvalidError("x"), b"x", account_id="acme", source="s", now_us=NOW_US)],
    )  # fmt: skip


def test_a_refusal_stores_nothing(log: Log, reader: LogReader, backend: Backend) -> None:
    """Events, records, failed records and counters of a refused write are all absent; the very
    same write is accepted when there is room, and is no duplicate of itself."""
    log.write(Write([event("before")]))
    write, failed = large_write(), backend.failed()
    with backend.refusing(log):
        for _ in range(2):
            with pytest.raises(StorageError) as caught:
                log.write(write)
            assert caught.value.retry_after_s >= 1
        assert log.failing
        assert failed.page("acme", None, 9, None) == []
    backend.settle()
    assert ids(reader) == ["before"]
    receipt = log.write(write)
    assert not log.failing
    assert receipt.duplicate == [False] * 60
    assert receipt.records == ["created"]
    backend.settle()
    assert len(ids(reader)) == 61
    assert len(failed.page("acme", None, 9, None)) == 1
    failed.close()


@lacks("aws", "A write that fails half-way leaves its first part: sent again, that is duplicate.")
def test_a_refusal_halfway_stores_nothing(log: Log, reader: LogReader, backend: Backend) -> None:
    """A write for which there is room for a part is refused whole."""
    write = large_write()
    with backend.refusing_midway(log), pytest.raises(StorageError):
        log.write(write)
    assert log.write(write).duplicate == [False] * 60


def test_a_refused_write_may_be_sent_again(log: Log, reader: LogReader, backend: Backend) -> None:
    """However far it got: after the last try, the one that is told, all of it is there once."""
    write, failed = large_write(), backend.failed()
    with backend.refusing_midway(log), pytest.raises(StorageError):
        log.write(write)
    log.write(write)
    backend.settle()
    assert sorted(ids(reader)) == sorted(f"e{i}" for i in range(60))
    assert log.write(Write(records=[put("r")])).records == ["unchanged"]
    assert len(failed.page("acme", None, 9, None)) == 1
    failed.close()


def json_text(value: Any) -> Any:
    return msgspec.Raw(json.dumps(value).encode())


def test_a_poisonous_write_goes_alone(log: Log, reader: LogReader, backend: Backend) -> None:
    """A write that cannot be stored is refused with an error; those of its group are stored."""
    outcomes: dict[str, Any] = {}
    with backend.holding():
        for name in ("a", "\ud800", "b", "\udfff", "c"):
            log.submit(Write([event(name)]), lambda outcome, n=name: outcomes.update({n: outcome}))
    wait_for(lambda: len(outcomes) == 5)
    good = {name for name, outcome in outcomes.items() if isinstance(outcome, Receipt)}
    assert good == {"a", "b", "c"}
    assert isinstance(outcomes["\ud800"], TallybrookError)
    backend.settle()
    assert sorted(ids(reader)) == ["a", "b", "c"]
    assert log.write(Write([event("d"), event("a")])).duplicate == [False, True]


def test_a_caller_that_fails_on_its_receipt_stops_nobody(
    log: Log, reader: LogReader, backend: Backend
) -> None:
    """An exception in ``done`` is the caller's own."""

    def fail(_outcome: object) -> None:
        raise RuntimeError("mine")

    log.submit(Write([event("a")]), fail)
    log.write(Write([event("b")]))
    backend.settle()
    wait_for(lambda: log.pending == 0)
    assert sorted(ids(reader)) == ["a", "b"]


# One write, one fate.


def reading_beside_a_writer(log: Log, backend: Backend) -> Iterator[None]:
    """Writes of 7 events on another thread; gives way to the reader until they are done."""
    done = threading.Event()

    def write() -> None:
        for i in range(backend.rounds):
            log.write(Write([event(f"{i}-{j}") for j in range(7)]))
        done.set()

    writer = threading.Thread(target=write)
    writer.start()
    while not done.is_set():
        backend.settle()
        yield
    writer.join()
    backend.settle()


@lacks("aws", NOT_WHOLE)
def test_readers_see_whole_writes(log: Log, reader: LogReader, backend: Backend) -> None:
    """Whoever reads meanwhile sees all events of a write or none."""
    for i in range(10):
        log.write(Write([event(f"{i}-{j}") for j in range(7)]))
        backend.settle_partly()
        assert len(ids(reader)) % 7 == 0


def test_readers_see_more_and_never_less(log: Log, reader: LogReader, backend: Backend) -> None:
    """What was seen once stays where it is; in the end everything is there, once."""
    seen: list[str] = []
    for _ in reading_beside_a_writer(log, backend):
        now = ids(reader)
        assert now[: len(seen)] == seen
        seen = now
    names = ids(reader)
    assert names[: len(seen)] == seen
    assert sorted(names) == sorted(f"{i}-{j}" for i in range(backend.rounds) for j in range(7))


# Order.


def test_numbers_are_dense(log: Log, reader: LogReader, backend: Backend) -> None:
    """From 1, without a gap, whatever is duplicate; a reader's order is that of the numbers."""
    log.write(Write([event("a"), event("b"), event("a")]))
    backend.settle()
    log.write(Write([event("b")]))
    log.write(Write([event("c"), event("a"), event("d")]))
    log.write(Write())
    backend.settle()
    assert [e["seq"] for e in entries(reader)] == [1, 2, 3, 4]
    assert reader.head() == 4
    assert sorted(ids(reader)) == ["a", "b", "c", "d"]


@lacks("aws", NO_ORDER)
def test_events_keep_their_order(log: Log, reader: LogReader, backend: Backend) -> None:
    """Those of one write, and those of writes one after another."""
    for i in range(10):
        log.write(Write([event(f"{i}-{j}") for j in range(10)]))
    backend.settle()
    assert ids(reader) == [f"{i}-{j}" for i in range(10) for j in range(10)]


@lacks("aws", NO_RECORDS)
def test_numbers_are_dense_over_all_topics(log: Log, reader: LogReader) -> None:
    """From 1, without a gap, whatever is duplicate, unchanged or absent; each write in order."""
    log.write(Write([event("a"), event("b"), event("a")], [put("r"), put("r"), put("s")]))
    log.write(Write([event("b")], [put("r")]))
    log.write(Write([event("c")], [put("r", NOW_US + 1)]))
    log.write(Write())
    numbers = [e["seq"] for e in entries(reader)] + [e["seq"] for e in entries(reader, "records")]
    assert sorted(numbers) == list(range(1, reader.head() + 1)) == [1, 2, 3, 4, 5, 6]
    assert ids(reader) == ["a", "b", "c"]
    assert [e["record_id"] for e in entries(reader, "records")] == ["r", "s", "r"]


def under_load(log: Log, reader: LogReader, backend: Backend) -> list[str]:
    """The ids in the log after eight threads wrote at once, followed by a reader."""
    threads = [
        threading.Thread(
            target=lambda t=t: [
                log.write(Write([event(f"{t}-{i}-{j}") for j in range(3)]))
                for i in range(backend.rounds)
            ]
        )
        for t in range(8)
    ]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        backend.settle()
        head = reader.head()
        assert [line["seq"] for line in entries(reader)][:head] == list(range(1, head + 1))
    backend.settle()
    return ids(reader)


def test_numbers_under_load(log: Log, reader: LogReader, backend: Backend) -> None:
    """Eight threads at once: dense numbers, every event once; a reader that follows never sees a
    number before every lower one is there."""
    names = under_load(log, reader, backend)
    assert len(names) == len(set(names)) == reader.head() == 8 * backend.rounds * 3


@lacks("aws", NO_ORDER)
def test_order_under_load(log: Log, reader: LogReader, backend: Backend) -> None:
    """Eight threads at once: each thread's own events are in order."""
    names = under_load(log, reader, backend)
    for t in range(8):
        mine = [name for name in names if name.startswith(f"{t}-")]
        assert mine == [f"{t}-{i}-{j}" for i in range(backend.rounds) for j in range(3)]


# Duplicates.


def test_duplicates_wherever_they_are(opened: Opened, backend: Backend) -> None:
    """In the same write, in another, in the same group, after a restart: told, and not stored."""
    log = opened()
    assert log.write(Write([event("a"), event("b"), event("a")])).duplicate == [False, False, True]
    assert log.write(Write([event("b"), event("c")])).duplicate == [True, False]
    outcomes: Queue[Any] = Queue()
    with backend.holding():
        for _ in range(3):
            log.submit(Write([event("d")]), outcomes.put)
    flags = [outcomes.get(timeout=20).duplicate for _ in range(3)]
    assert sorted(flags) == [[False], [True], [True]]
    for _ in range(2):
        log = opened()
        assert log.write(Write([event(n) for n in "abcd"])).duplicate == [True] * 4
    backend.settle()
    assert sorted(ids(backend.reader())) == ["a", "b", "c", "d"]


def test_of_many_at_once_one_is_new(log: Log, reader: LogReader, backend: Backend) -> None:
    """The same events from eight threads at once: of each, exactly one is told as new."""
    outcomes: Queue[Any] = Queue()
    threads = [
        threading.Thread(
            target=lambda t=t: log.submit(
                Write([event(f"{(i + t) % 12}") for i in range(12)]),
                lambda outcome: outcomes.put((t, outcome)),
            )
        )
        for t in range(8)
    ]
    for thread in threads:
        thread.start()
    answers = [outcomes.get(timeout=20) for _ in threads]
    fresh = [
        (i + t) % 12 for t, told in answers for i, known in enumerate(told.duplicate) if not known
    ]
    assert sorted(fresh) == list(range(12))
    backend.settle()
    assert len(ids(reader)) == 12


def test_accounts_have_ids_of_their_own(log: Log, reader: LogReader, backend: Backend) -> None:
    """The same id in two accounts is two events."""
    both = [event("a"), event("a", "rival"), event("a", "acme2")]
    assert log.write(Write(both)).duplicate == [False] * 3
    assert log.write(Write(both)).duplicate == [True] * 3
    backend.settle()
    assert len(ids(reader)) == 3


@pytest.mark.parametrize(
    "name", ["", "\0", "a\0b", "é", "e\u0301", "A", "a ", '"', "\n", "x" * 128]
)
def test_ids_are_compared_exactly(opened: Opened, name: str) -> None:
    """As text, every character, without folding."""
    others = [event(other) for other in ("a", "a\0", "\u00e9x", "b")]
    opened().write(Write(others))
    assert opened().write(Write([event(name)])).duplicate == [False]
    assert opened().write(Write([event(name)])).duplicate == [True]


# Records.


def test_what_became_of_each_record(log: Log) -> None:
    """Exactly, in the order of the write, also for one record many times in one write."""
    later = NOW_US + 1
    changes = [
        (put("r"), "created"), (put("r"), "unchanged"), (put("r", later), "updated"),
        (put("s"), "created"), (delete("r"), "deleted"), (delete("r"), "absent"),
        (put("r", later), "created"),
    ]  # fmt: skip
    told = log.write(Write(records=[change for change, _ in changes])).records
    assert told == [outcome for _, outcome in changes]
    for change, outcome in (
        (put("r", later), "unchanged"), (put("r"), "updated"), (delete("none"), "absent"),
        (delete("s"), "deleted"), (put("s"), "created"),
    ):  # fmt: skip
        assert log.write(Write(records=[change])).records == [outcome]


def test_changes_of_one_record_follow_each_other(log: Log) -> None:
    """Four threads put and delete the same record: what they are told is a possible history, in
    which a record is created as often as it is taken away, or once more."""
    told: list[str] = []

    def change(t: int) -> None:
        for i in range(12):
            write = Write(records=[put("r", NOW_US + t * 100 + i) if i % 2 else delete("r")])
            told.extend(log.write(write).records)

    threads = [threading.Thread(target=change, args=(t,)) for t in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    there = log.write(Write(records=[delete("r")])).records == ["deleted"]
    assert told.count("created") - told.count("deleted") == there
    assert len(told) == 48


# Failed records.


def test_failed_records_go_with_the_write(log: Log, backend: Backend) -> None:
    """What failed is kept by the same write as what did not, and settled by another."""
    failed = backend.failed()
    record = failed_record(InvalidError("x"), b"x", account_id="acme", source="s", now_us=NOW_US)
    log.write(Write([event("a")], failed=[record]))
    (kept,) = failed.page("acme", "open", 9, None)
    assert kept.failed_id == record.failed_id
    log.write(Write([event("b")], settle={record.failed_id: "replayed"}))
    found = failed.get("acme", record.failed_id)
    assert found is not None
    assert found.status == "replayed"
    failed.close()


# Back-pressure.


def test_submit_never_waits_and_never_grows(opened: Opened, backend: Backend) -> None:
    """With as much waiting as may, submit refuses at once and has stored nothing; what waits is
    stored when the way is free, and then there is room again."""
    log = opened(max_pending=10)
    outcomes: Queue[Any] = Queue()
    with backend.holding():
        log.submit(Write([event(f"a{i}") for i in range(8)]), outcomes.put)
        log.submit(Write([event("b"), event("c")]), outcomes.put)
        for _ in range(50):
            with pytest.raises(BacklogFullError) as caught:
                log.submit(Write([event("refused")]), outcomes.put)
        assert caught.value.retry_after_s >= 1
    assert all(isinstance(outcomes.get(timeout=20), Receipt) for _ in range(2))
    assert log.write(Write([event("refused")])).duplicate == [False]
    backend.settle()
    assert len(ids(backend.reader())) == 11
    assert outcomes.empty()


def test_a_write_over_the_limit_passes_an_idle_log(opened: Opened) -> None:
    """Nothing is refused for ever."""
    assert opened(max_pending=1).write(Write([event("a"), event("b")])).duplicate == [False, False]


# Watching and closing.


@lacks(
    "aws",
    "Watching tells nothing: commits are made by the function on the stream, which pushes them.",
)
def test_watchers_see_every_commit_in_order(log: Log, backend: Backend) -> None:
    """What was counted, and how far the log is, once a commit, in order."""
    seen: list[Commit] = []
    log.watch(seen.append)
    for i in range(20):
        log.write(Write([event(f"{i}"), event("0")]))
    log.write(Write(records=[put("r")]))
    backend.settle()
    wait_for(lambda: seen and seen[-1].last_seq == 21, 2)
    assert all(a.last_seq <= b.last_seq for a, b in pairwise(seen))
    minute = {
        key: n for c in seen for key, n in c.counts.items() if key[1:4] == ("event", "view", 1)
    }
    assert set(minute.values()) == {1}
    assert sum(n for c in seen for key, n in c.counts.items() if key[3] == 1) == 21


def test_closing_commits_what_waits(opened: Opened, backend: Backend) -> None:
    """Everything submitted before is answered and stored; afterwards writes are refused."""
    log = opened()
    outcomes: Queue[Any] = Queue()
    for i in range(120):
        log.submit(Write([event(f"{i}")]), outcomes.put)
    log.close()
    assert outcomes.qsize() == 120
    assert all(isinstance(outcomes.get(), Receipt) for _ in range(120))
    with pytest.raises(StorageError):
        log.submit(Write([event("late")]), outcomes.put)
    backend.settle()
    assert len(ids(backend.reader())) == 120


# Reading.


def test_absence(log: Log, reader: LogReader, backend: Backend) -> None:
    """Nothing is an empty list and head 0; past the head is nothing."""
    assert reader.head() == 0
    assert reader.chunks("events", 0) == reader.chunks("records", 0) == []
    log.write(Write([event("a")]))
    backend.settle()
    assert reader.chunks("events", 1) == reader.chunks("events", 10**9) == []
    assert reader.chunks("records", 0) == []


@pytest.mark.parametrize("most", [1, 3, 5, 1_000])
def test_chunks_of_any_bound(log: Log, reader: LogReader, backend: Backend, most: int) -> None:
    """Whole chunks, at least one, no more than the bound allows; every entry once from any
    position."""
    for i in range(12):
        log.write(Write([event(f"{i}-{j}") for j in range(i % 4 + 1)], [put(f"r{i}")]))
        backend.settle()
    numbers = [e["seq"] for e in entries(reader)]
    for start in range(reader.head() + 2):
        found = reader.chunks("events", start, most)
        assert len(found) <= 1 or sum(chunk.count for chunk in found) <= most
        assert all(chunk.last_seq > start for chunk in found)
        left = [seq for seq in numbers if seq > start]
        assert bool(found) == bool(left)
        if found:
            assert found[0].first_seq <= left[0] <= found[0].last_seq
        assert all(a.last_seq < b.first_seq for a, b in pairwise(found))


def test_lines_are_canonical(log: Log, reader: LogReader, backend: Backend) -> None:
    """The keys of a line in their order, absent ones omitted, zero and empty kept."""
    log.write(Write([event("a", user_id=None, anonymous_id="", session_id="s")]))
    backend.settle()
    (chunk,) = reader.chunks("events", 0)
    assert chunk.body == (
        b'{"seq":1,"event_id":"a","event_type":"view","timestamp":1705675043000000,'
        b'"ingested_at":1705675043000000,"account_id":"acme","time_source":"event",'
        b'"anonymous_id":"","session_id":"s"}'
    )
    assert (chunk.count, chunk.ingested_at) == (1, NOW_US)
