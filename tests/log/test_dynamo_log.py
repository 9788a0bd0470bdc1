"""The writing side of the AWS log: what DynamoDB's limits and the SDK's retries do to it."""

import json
import threading
from collections.abc import Iterator
from queue import Queue
from typing import Any

import msgspec
import pytest

from tallybrook.errors import StorageError, TallybrookError, TooLargeError
from tallybrook.failed.keeping import failed_record
from tallybrook.ports.log import Receipt, Write
from tallybrook.ports.log.aws import DynamoLog
from tallybrook.ports.log.aws.rows import ArrivalNumbers, place_of
from tests.contracts.logs import NOW_US, Aws, clock, delete, event, put
from tests.support import wait_for
from tests.support.calls import answers_lost, held, meddling, throttled
from tests.support.emulator import make_tables


@pytest.fixture
def backend(stack: str) -> Aws:
    make_tables(stack, Aws.TABLES)
    return Aws(stack)


@pytest.fixture
def log(backend: Aws) -> Iterator[DynamoLog]:
    opened = backend.open()
    yield opened
    opened.close()


def large(size: int) -> Any:
    return msgspec.Raw(json.dumps({"p": "x" * size}).encode())


# What was lost on the way.


def test_a_lost_answer_is_no_duplicate(log: DynamoLog) -> None:
    """The SDK sends a put again whose answer was lost: it finds its own event, and says so."""
    with answers_lost("PutItem", 3) as lost:
        told = log.write(Write([event("a"), event("b"), event("a"), event("c")]))
    assert len(lost) == 3
    assert told.duplicate == [False, False, True, False]
    with answers_lost("PutItem"):
        assert log.write(Write([event("a"), event("d")])).duplicate == [True, False]


def test_a_lost_answer_does_not_change_an_outcome(log: DynamoLog) -> None:
    """Created, updated and deleted are told as what they were, sent once or twice."""
    for change, outcome, operation in (
        (put("r"), "created", "PutItem"),
        (put("r", NOW_US + 1), "updated", "PutItem"),
        (delete("r"), "deleted", "TransactWriteItems"),
    ):
        with answers_lost(operation) as lost:
            assert log.write(Write(records=[change])).records == [outcome]
        assert lost == [operation]


# What cannot be stored.


def test_an_event_over_the_limit(log: DynamoLog, backend: Aws) -> None:
    """An event that no item holds is refused for good, and its write stores nothing."""
    for size in (400_000, 500_000):
        with pytest.raises(TooLargeError):
            log.write(Write([event("before"), event("large", properties=large(size))]))
    assert log.write(Write([event("before")])).duplicate == [False]
    assert not log.failing
    backend.settle()
    assert backend.reader().head() == 1


def test_the_largest_event(log: DynamoLog, backend: Aws) -> None:
    """Just below the limit it is stored, and read again."""
    log.write(Write([event("large", properties=large(379_500))]))
    backend.settle()
    (chunk,) = backend.reader().chunks("events", 0)
    assert len(chunk.body) > 379_500


def test_a_record_over_the_limit(log: DynamoLog) -> None:
    """A record that no item holds is refused for good, with everything beside it."""
    change = put("large")
    change.body = json.dumps({"p": "x" * 420_000})
    with pytest.raises(TooLargeError):
        log.write(Write(records=[put("r"), change]))
    assert log.write(Write(records=[put("r")])).records == ["created"]


@pytest.mark.parametrize("field", ["event", "user", "record", "failed", "settle"])
def test_text_that_is_none(log: DynamoLog, field: str) -> None:
    """A lone surrogate anywhere refuses the write before any of it is stored."""
    odd, records, failed, settle = event("odd"), [], [], {}
    if field == "event":
        odd = event("\ud800")
    elif field == "user":
        odd = event("odd", user_id="\ud800")
    elif field == "record":
        records = [put("\udfff")]
    elif field == "failed":
        error = TallybrookError("\ud800")
        failed = [failed_record(error, b"x", account_id="acme", source="s", now_us=NOW_US)]
    else:
        settle = {"\ud800": "replayed"}
    with pytest.raises(TallybrookError) as caught:
        log.write(Write([event("good"), odd], records, failed, settle))  # type: ignore[arg-type]
    assert not isinstance(caught.value, StorageError)
    assert log.write(Write([event("good")])).duplicate == [False]


# The state of the writer.


def test_pending_lag_and_failing(log: DynamoLog) -> None:
    """While nothing gets through the oldest wait grows; afterwards nothing waits."""
    outcomes: Queue[Any] = Queue()
    with held("PutItem"):
        log.submit(Write([event("a"), event("b")]), outcomes.put)
        assert log.pending == 2
        before = log.lag_ms()
        wait_for(lambda: log.lag_ms() > before)
    assert isinstance(outcomes.get(timeout=20), Receipt)
    wait_for(lambda: log.pending == 0)
    assert log.lag_ms() == 0.0
    with throttled("PutItem"):
        with pytest.raises(StorageError):
            log.write(Write([event("c")]))
        with pytest.raises(StorageError):
            log.probe()
        assert log.failing
    log.probe()
    assert not log.failing
    assert (log.stats.events, log.stats.commits, log.stats.failures) == (2, 1, 1)


def test_events_of_a_write_go_side_by_side(log: DynamoLog) -> None:
    """32 puts of one write are under way at once."""
    together = threading.Barrier(32)
    with meddling("PutItem", lambda: together.wait(20) and None):
        told = log.write(Write([event(f"{i}") for i in range(32)]))
    assert told.duplicate == [False] * 32
    assert not together.broken


# Arrival numbers.


def test_arrival_numbers_rise() -> None:
    """Strictly within a process, from any thread, also when the clock stands or steps back; they
    stay below 2**53 and come in the order of time between processes."""
    now = [NOW_US]
    numbers = ArrivalNumbers(lambda: now[0])
    found = [n for step in (0, 0, -5_000_000, 1) for n in _taken(numbers, now, step)]
    assert found == sorted(set(found))
    assert max(found) < 2**53
    later = ArrivalNumbers(lambda: NOW_US + 10_000_000).take(1)[0]
    assert later > max(found)
    assert ArrivalNumbers(lambda: 3_750_000_000_000_000).take(1)[0] < 2**53  # the year 2088
    assert ArrivalNumbers(lambda: 0).take(2)[0] > 0


def _taken(numbers: ArrivalNumbers, now: list[int], step: int) -> list[int]:
    now[0] += step
    return list(numbers.take(500))


def test_places_sort_as_numbers_do() -> None:
    """The text that the indexes are sorted by has the order of (time, arrival)."""
    times = [-62_135_596_800_000_000, -1, 0, 1, NOW_US, 253_402_300_799_999_999]
    places = [(time, arrival) for time in times for arrival in (0, 9, 10, 2**53)]
    assert sorted(places) == sorted(places, key=lambda place: place_of(*place))


def test_two_logs_at_once(backend: Aws) -> None:
    """Processes that write the same events beside each other: each event is new to one of them."""
    logs = [DynamoLog(backend.stack, clock=clock) for _ in range(2)]
    outcomes: Queue[Any] = Queue()
    for log in logs:
        log.submit(Write([event(f"{i}") for i in range(40)]), outcomes.put)
    flags = [outcomes.get(timeout=20).duplicate for _ in logs]
    assert all(sorted(pair) == [False, True] for pair in zip(*flags, strict=True))
    for log in logs:
        log.close()
