"""Executions of one process: what was submitted, how it stands, how long it may take, and how its
answer is paged."""

import asyncio
import logging
import time
import uuid
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial

import msgspec
from msgspec import Struct

from tallybrook.errors import InvalidError, NotFoundError, RateLimitedError, TallybrookError
from tallybrook.ports.lake import ACCOUNT_ID
from tallybrook.ports.sql import (
    MAX_TIMEOUT_S,
    Execution,
    ExecutionState,
    QueryCancelledError,
    QueryRefusedError,
    QueryRequest,
    QueryResult,
    QueryTimeoutError,
)
from tallybrook.ports.sql.results import Answer, Results

MAX_KNOWN = 1_000
"""Ended executions whose state is remembered."""

_log = logging.getLogger("tallybrook.sql")

Work = Callable[[str, QueryRequest, Callable[[], None]], Awaitable[Answer]]
"""Computes an answer; calls its last argument when its turn to run has come."""


class _Entry(Struct):
    account_id: str
    execution: Execution
    task: "asyncio.Task[Answer]"


class Running:
    """Belongs to one event loop."""

    def __init__(self, work: Work, results: Results) -> None:
        self._work, self._results = work, results
        self._entries: OrderedDict[str, _Entry] = OrderedDict()

    def submit(self, request: QueryRequest) -> str:
        execution_id = uuid.uuid4().hex
        execution = Execution(execution_id=execution_id, state="queued", submitted_at=_now_us())

        def begin() -> None:
            execution.state = "running"

        task = asyncio.get_running_loop().create_task(self._run(execution, request, begin))
        task.add_done_callback(partial(_seen, execution))
        self._entries[execution_id] = _Entry(request.account_id, execution, task)
        while len(self._entries) > MAX_KNOWN:
            oldest = next(iter(self._entries.values()))
            if not oldest.task.done():
                break
            self._entries.popitem(last=False)
        return execution_id

    async def _run(
        self, execution: Execution, request: QueryRequest, begin: Callable[[], None]
    ) -> Answer:
        try:
            async with deadline(request.timeout_s, lambda: execution.state == "running"):
                answer = await self._work(execution.execution_id, request, begin)
        except asyncio.CancelledError:
            _end(execution, "cancelled", QueryCancelledError("The query was cancelled."))
            raise
        except TallybrookError as error:
            _end(execution, "failed", error)
            raise
        execution.metadata, execution.rows = answer.metadata, answer.rows
        _end(execution, "succeeded")
        return answer

    def status(self, account_id: str, execution_id: str) -> Execution:
        return self._entry(account_id, execution_id).execution

    async def page(
        self, account_id: str, execution_id: str, token: str | None, page_rows: int | None
    ) -> QueryResult:
        """Cancelling the task that waits does not stop the execution."""
        entry = self._entry(account_id, execution_id)
        try:
            answer = await asyncio.shield(entry.task)
        except asyncio.CancelledError:
            if entry.task.cancelled():
                raise QueryCancelledError("The query was cancelled.") from None
            raise
        if answer.file is not None and answer.file.closed:
            raise NotFoundError("the answer is no longer kept: run the statement again")
        self._results.get(execution_id)
        return page_of(execution_id, answer, _place(execution_id, token), page_rows)

    def cancel(self, account_id: str, execution_id: str) -> bool:
        entry = self._entry(account_id, execution_id)
        return entry.task.cancel()

    async def first_page(self, request: QueryRequest, execution_id: str) -> QueryResult:
        """The same of an execution that nobody else waits for: cancelled, it is stopped."""
        try:
            return await self.page(request.account_id, execution_id, None, request.page_rows)
        except asyncio.CancelledError:
            await self.stop(execution_id)
            raise

    async def stop(self, execution_id: str) -> None:
        """Cancel, and wait until it has ended."""
        entry = self._entries.get(execution_id)
        if entry is not None and entry.task.cancel():
            await asyncio.wait({entry.task})

    async def close(self) -> None:
        tasks = [entry.task for entry in self._entries.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._results.clear()

    def _entry(self, account_id: str, execution_id: str) -> _Entry:
        entry = self._entries.get(execution_id)
        if entry is None or entry.account_id != account_id:
            raise NotFoundError("there is no such execution, or it is no longer known")
        return entry


class Executing(ABC):
    """What engines have in common: each has its own way of taking a question in and of working it
    off."""

    _running: Running

    @abstractmethod
    async def submit(self, request: QueryRequest) -> str: ...

    async def run(self, request: QueryRequest) -> QueryResult:
        return await self._running.first_page(request, await self.submit(request))

    async def status(self, account_id: str, execution_id: str) -> Execution:
        return self._running.status(account_id, execution_id)

    async def page(
        self, account_id: str, execution_id: str, token: str | None = None, page_rows: int = 10_000
    ) -> QueryResult:
        return await self._running.page(account_id, execution_id, token, page_rows)

    async def cancel(self, account_id: str, execution_id: str) -> bool:
        return self._running.cancel(account_id, execution_id)


def checked(request: QueryRequest, most_rows: int) -> QueryRequest:
    """The request with its limits capped, or ``QueryRefusedError``."""
    if not ACCOUNT_ID.fullmatch(request.account_id):
        raise QueryRefusedError("That is no account id.", pointer="/account_id")
    if request.timeout_s <= 0:
        raise QueryRefusedError("timeout_s must be over 0.", pointer="/timeout_s")
    if request.max_rows < 0:
        raise QueryRefusedError("max_rows must not be negative.", pointer="/max_rows")
    return msgspec.structs.replace(
        request,
        timeout_s=min(request.timeout_s, MAX_TIMEOUT_S),
        max_rows=min(request.max_rows, most_rows),
    )


@asynccontextmanager
async def deadline(timeout_s: float, has_begun: Callable[[], bool]) -> AsyncIterator[None]:
    """One time for all that a question takes: its wait, its price, its run and its rows. When it is
    over: ``QueryTimeoutError``, or ``RateLimitedError`` where its turn had not come."""
    try:
        async with asyncio.timeout(timeout_s) as limit:
            yield
    except TimeoutError:
        if not limit.expired():
            raise
        if has_begun():
            raise QueryTimeoutError(f"It ran over {timeout_s:g} s and was stopped.") from None
        detail = f"its turn did not come within {timeout_s:g} s: too many queries wait"
        raise RateLimitedError(detail, retry_after_s=5) from None


def page_of(execution_id: str, answer: Answer, first: int, page_rows: int | None) -> QueryResult:
    """Rows from ``first`` on; ``next_token`` is where the next page begins."""
    total = answer.rows
    rows = answer.page(first, total if page_rows is None else page_rows)
    following = first + len(rows)
    token = f"{execution_id}.{following}" if following < total else None
    rows_in_all = total if answer.columns else None
    metadata = msgspec.structs.replace(answer.metadata, next_token=token, rows=rows_in_all)
    return QueryResult(
        execution_id=execution_id, columns=answer.columns, rows=rows, metadata=metadata
    )


def _place(execution_id: str, token: str | None) -> int:
    if token is None:
        return 0
    named, _, place = token.partition(".")
    if named != execution_id or not place.isascii() or not place.isdigit() or len(place) > 12:
        raise InvalidError.of("/next_token", "is not one that was given out")
    return int(place)


def _seen(execution: Execution, task: "asyncio.Task[Answer]") -> None:
    """Nobody may ask for the answer; its error is in the execution all the same. One that is not
    ours is a fault of the program: it ends the execution too, and is written down with its trace.
    """
    if task.cancelled():
        if execution.ended_at is None:  # before it began
            _end(execution, "cancelled", QueryCancelledError("The query was cancelled."))
    elif (error := task.exception()) is not None and execution.ended_at is None:
        _log.error("query %s failed inside", execution.execution_id, exc_info=error)
        _end(execution, "failed", TallybrookError("The query failed inside the product."))


def _end(execution: Execution, state: ExecutionState, error: TallybrookError | None = None) -> None:
    execution.state, execution.error, execution.ended_at = state, error, _now_us()


def _now_us() -> int:
    return time.time_ns() // 1000
