"""What the engine over Athena does when the service does not do as it is told: throttled, queued,
out of reach, its answer gone, its values unreadable."""

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest
from botocore.config import Config

from tallybrook.errors import RateLimitedError, RetryableError, StorageError, TallybrookError
from tallybrook.ports.sql import (
    QueryCancelledError,
    QueryFailedError,
    QueryRequest,
    QueryResult,
    QueryTimeoutError,
)
from tallybrook.ports.sql.aws import asking
from tallybrook.ports.sql.aws.athena import AthenaSqlEngine
from tallybrook.ports.sql.aws.service import Athena
from tallybrook.ports.sql.local import LocalSqlEngine
from tests.support.athena import Listening, Refused, Scripted
from tests.support.waiting import wait_for

SQL = "SELECT seq FROM events WHERE date >= date '2024-01-01' ORDER BY seq"
BUSY = Refused("TooManyRequestsException", Reason="CONCURRENT_QUERY_LIMIT_EXCEEDED")
THROTTLED = Refused("ThrottlingException", "Rate exceeded")
BROKEN = Refused("InternalServerException", "?", status=500)


@pytest.fixture(autouse=True)
def two_tries(monkeypatch: pytest.MonkeyPatch) -> None:
    """The SDK waits for up to a second before the second try, and ever longer before others."""
    once_more = Config(retries={"mode": "standard", "total_max_attempts": 2})
    monkeypatch.setattr("tallybrook.ports.aws.clients._CONFIG", once_more)


class Beside:
    """The engine beside with the price it gave once, so that time is Athena's alone."""

    def __init__(self, result: QueryResult, after_s: float = 0.0) -> None:
        self._result, self._after_s = result, after_s

    async def forget(self, account_id: str) -> None:
        """It keeps nothing."""

    async def run(self, request: QueryRequest) -> QueryResult:
        assert request.dry_run
        await asyncio.sleep(self._after_s)
        metadata = msgspec.structs.replace(self._result.metadata, hints=[])
        return msgspec.structs.replace(self._result, metadata=metadata)


@pytest.fixture(scope="module")
def priced(beside: LocalSqlEngine, runner: asyncio.Runner) -> QueryResult:
    return runner.run(beside.run(ask(dry_run=True)))


@pytest.fixture
def open_engine(
    two_tries: None, service: Scripted, priced: QueryResult, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., AthenaSqlEngine]:
    """An engine whose price takes ``after_s``."""
    monkeypatch.setattr(asking, "FIRST_PAUSE_S", 0.01)
    service.rows = [["1"]]

    def make(after_s: float = 0.0, *, settled: bool = True) -> AthenaSqlEngine:
        beside: Any = Beside(priced, after_s)
        return AthenaSqlEngine(beside, Athena("tb-x", "tb_x"), settled=lambda: settled)

    return make


@pytest.fixture
def engine(open_engine: Callable[..., AthenaSqlEngine]) -> AthenaSqlEngine:
    return open_engine()


@pytest.fixture
def gate(service: Scripted) -> Iterator[threading.Event]:
    """Whoever waits for it is let through at the end at last."""
    gate = threading.Event()
    yield gate
    gate.set()


def ask(sql: str = SQL, **fields: Any) -> QueryRequest:
    return QueryRequest(account_id="acme", sql=sql, **fields)


def test_a_throttled_call_is_made_again(
    engine: AthenaSqlEngine, listening: Listening, service: Scripted, runner: asyncio.Runner
) -> None:
    """Whichever it is; and one that begins a query twice begins it once, by the SDK's token."""
    listening.faults |= {
        "StartQueryExecution": [BUSY],
        "GetQueryExecution": [THROTTLED],
        "GetQueryResults": [BUSY],
    }
    assert runner.run(engine.run(ask())).rows == [[1]]
    first, second = listening.asked("StartQueryExecution")
    assert first["ClientRequestToken"] == second["ClientRequestToken"]


def test_a_full_line_says_come_back(
    engine: AthenaSqlEngine, listening: Listening, service: Scripted, runner: asyncio.Runner
) -> None:
    """Where as many queries wait and run as the account may have, nothing is begun."""
    listening.faults["StartQueryExecution"] = [BUSY, BUSY]
    with pytest.raises(RateLimitedError, match="too many queries") as caught:
        runner.run(engine.run(ask()))
    assert caught.value.retry_after_s > 0
    assert service.asked == service.stopped == []


def test_a_look_that_fails_is_no_end(
    engine: AthenaSqlEngine, listening: Listening, service: Scripted, runner: asyncio.Runner
) -> None:
    """It is looked again; where that fails too often, the query is stopped and not left to run."""
    listening.faults["GetQueryExecution"] = [BROKEN, BROKEN]
    assert runner.run(engine.run(ask())).rows == [[1]]
    listening.faults["GetQueryExecution"] = [BROKEN] * 6
    with pytest.raises(StorageError):
        runner.run(engine.run(ask(max_rows=5)))
    assert service.stopped == ["q2"]


def test_a_query_may_wait_and_wait_again(
    engine: AthenaSqlEngine, service: Scripted, runner: asyncio.Runner
) -> None:
    """One that ran and failed in passing goes back into the line; its execution runs on."""
    states = ("QUEUED", "RUNNING", "QUEUED", "RUNNING", "SUCCEEDED")
    service.statuses = [{"State": state} for state in states]
    seen = []

    async def follow() -> QueryResult:
        execution = await engine.submit(ask())
        while (state := (await engine.status("acme", execution)).state) in ("queued", "running"):
            seen.append(state)
            await asyncio.sleep(0)
        return await engine.page("acme", execution)

    assert runner.run(follow()).rows == [[1]]
    assert sorted(seen) == seen, "queued, then running"
    assert {*seen} == {"queued", "running"}


def test_a_failure_that_may_pass_says_so(
    engine: AthenaSqlEngine, service: Scripted, runner: asyncio.Runner
) -> None:
    """After it waited and ran: it may be asked again, and is not by itself; nothing is to stop."""
    told = {"ErrorCategory": 1, "ErrorType": 100, "Retryable": True}
    service.statuses = [
        {"State": "QUEUED"},
        {"State": "RUNNING"},
        {"State": "FAILED", "StateChangeReason": "Internal error", "AthenaError": told},
    ]
    with pytest.raises(RetryableError, match="Internal error"):
        runner.run(engine.run(ask()))
    assert (len(service.asked), service.stopped) == (1, [])


def test_a_line_that_is_too_long(
    engine: AthenaSqlEngine, service: Scripted, runner: asyncio.Runner
) -> None:
    """Waiting in Athena's line counts. Where it was all waiting, asking later may help; where it
    ran, it will not. Either way it is stopped."""
    service.statuses = [{"State": "QUEUED"}]
    with pytest.raises(RateLimitedError, match="its turn did not come within 1 s"):
        runner.run(engine.run(ask(timeout_s=1)))
    service.statuses = [{"State": "QUEUED"}, {"State": "RUNNING"}]
    with pytest.raises(QueryTimeoutError, match="over 1 s"):
        runner.run(engine.run(ask(timeout_s=1)))
    assert service.stopped == ["q1", "q2"]


def test_one_deadline_for_the_price_and_the_run(
    open_engine: Callable[..., AthenaSqlEngine], service: Scripted, runner: asyncio.Runner
) -> None:
    """Together they get the time that was asked for, and not each."""
    service.statuses = [{"State": "RUNNING"}]
    started = time.monotonic()
    with pytest.raises((QueryTimeoutError, RateLimitedError)):
        runner.run(open_engine(after_s=0.9).run(ask(timeout_s=1.0)))
    assert 1.0 <= time.monotonic() - started < 1.8
    assert len(service.stopped) == len(service.asked)


def test_an_answer_that_is_gone(
    engine: AthenaSqlEngine, listening: Listening, service: Scripted, runner: asyncio.Runner
) -> None:
    """Deleted from the place of results before or while it is read, it has to be asked for again;
    where we may not read it, asking again does not help."""
    gone = Refused("InvalidRequestException", "Could not find results")
    service.rows = [[str(number)] for number in range(1500)]
    for faults in ([gone], [None, gone]):
        listening.faults["GetQueryResults"] = list(faults)
        with pytest.raises(StorageError, match="cannot be read"):
            runner.run(engine.run(ask()))
    denied = Refused("InvalidRequestException", "Access denied when reading s3://b/results/x")
    listening.faults["GetQueryResults"] = [denied]
    with pytest.raises(TallybrookError) as caught:
        runner.run(engine.run(ask()))
    assert not isinstance(caught.value, RetryableError)
    assert len(runner.run(engine.run(ask())).rows) == 1500


def test_who_is_at_fault(
    engine: AthenaSqlEngine, listening: Listening, service: Scripted, runner: asyncio.Runner
) -> None:
    """A statement that cannot be read is the caller's fault; a missing workgroup or place of
    results is not."""
    listening.faults["StartQueryExecution"] = [
        Refused("InvalidRequestException", "line 1:8: mismatched input 'x'",
                AthenaErrorCode="MALFORMED_QUERY"),
    ]  # fmt: skip
    with pytest.raises(QueryFailedError, match="line 1:8"):
        runner.run(engine.run(ask()))
    for ours in (
        "WorkGroup tb-x is not found.",
        "Unable to verify/create output bucket tb-x",
        "No output location provided.",
        "Access denied when writing to location: s3://b/results/",
    ):
        listening.faults["StartQueryExecution"] = [Refused("InvalidRequestException", ours)]
        with pytest.raises(TallybrookError) as caught:
            runner.run(engine.run(ask()))
        assert caught.value.status == 500


def test_a_stop_that_fails_is_told_to_the_log(
    engine: AthenaSqlEngine,
    listening: Listening,
    service: Scripted,
    runner: asyncio.Runner,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Who cancels is told that it is cancelled all the same. To stop one that has ended is no
    fault."""

    def cancelled() -> list[str]:
        async def cancel() -> None:
            execution_id = await engine.submit(ask())
            await asyncio.to_thread(wait_for, lambda: len(service.asked) > before)
            assert await engine.cancel("acme", execution_id)
            with pytest.raises(QueryCancelledError):
                await engine.page("acme", execution_id)

        before = len(service.asked)
        service.statuses = [{"State": "RUNNING"}]
        caplog.clear()
        with caplog.at_level(logging.WARNING, "tallybrook.sql"):
            runner.run(cancel())
        return [record.message for record in caplog.records if record.name == "tallybrook.sql"]

    listening.faults["StopQueryExecution"] = [BROKEN, BROKEN]
    assert len(cancelled()) == 1
    ended = Refused("InvalidRequestException", "Query has already ended")
    listening.faults["StopQueryExecution"] = [ended]
    assert cancelled() == []
    assert cancelled() == []
    assert service.stopped == ["q3"]


def test_a_stop_that_hangs_holds_nobody(
    engine: AthenaSqlEngine,
    service: Scripted,
    gate: threading.Event,
    runner: asyncio.Runner,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The error comes in its time, and the stop after it."""
    monkeypatch.setattr(asking, "STOP_WITHIN_S", 0.05)
    service.before = {"StopQueryExecution": gate}
    service.statuses = [{"State": "RUNNING"}]
    started = time.monotonic()
    with pytest.raises((QueryTimeoutError, RateLimitedError)):
        runner.run(engine.run(ask(timeout_s=0.8)))
    assert time.monotonic() - started < 1.5
    gate.set()
    wait_for(lambda: len(service.stopped) == len(service.asked))


def test_one_that_begins_after_its_time_is_stopped(
    engine: AthenaSqlEngine,
    listening: Listening,
    service: Scripted,
    gate: threading.Event,
    runner: asyncio.Runner,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The call that begins it may come back when nobody waits any more."""
    monkeypatch.setattr(asking, "STOP_WITHIN_S", 0.05)
    service.before = {"StartQueryExecution": gate}

    async def leave() -> None:
        with pytest.raises(RateLimitedError):
            await engine.run(ask(timeout_s=1.0))
        assert listening.asked("StartQueryExecution")
        gate.set()
        await asyncio.to_thread(wait_for, lambda: service.stopped)

    runner.run(leave())
    assert service.stopped == ["q1"]


def test_no_rows_and_plans(
    engine: AthenaSqlEngine, service: Scripted, runner: asyncio.Runner
) -> None:
    """An answer without rows has columns. A plan has its names as a first row or has not, and
    empty lines."""
    service.rows = []
    empty = runner.run(engine.run(ask()))
    assert (empty.rows, [column.name for column in empty.columns]) == ([], ["seq"])
    service.statement, service.columns = "UTILITY", [("Query Plan", "varchar")]
    lines: list[list[str | None]] = [["Fragment 0"], [], ["    Output"]]
    for shown in (lines, [["Query Plan"], *lines], []):
        service.rows = shown
        plan = runner.run(engine.run(ask(sql=f"EXPLAIN {SQL}")))
        assert plan.rows == ([["Fragment 0"], [None], ["    Output"]] if shown else [])
        runner.run(engine.forget("acme"))


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("timestamp", "10000-01-01 00:00:00.000"),
        ("timestamp with time zone", "2024-05-01 10:11:12.000 Moon/Dark"),
        ("timestamp with time zone", "2024-05-01"),
        ("decimal(4,2)", "1,50"),
        ("bigint", "1.0"),
    ],
)
def test_a_value_without_a_form(
    engine: AthenaSqlEngine, service: Scripted, runner: asyncio.Runner, kind: str, text: str
) -> None:
    """It is an error of the statement that names the column, and none of the server."""
    service.columns, service.rows = [("odd", kind)], [[text]]
    with pytest.raises(QueryFailedError, match=f"odd: {text}"):
        runner.run(engine.run(ask()))


def test_a_lake_that_is_being_written(
    open_engine: Callable[..., AthenaSqlEngine], runner: asyncio.Runner
) -> None:
    """Where a manifest is owed, the answer says what may be missing."""
    for settled in (True, False):
        hints = runner.run(open_engine(settled=settled).run(ask())).metadata.hints
        assert any("being written" in hint for hint in hints) is not settled
