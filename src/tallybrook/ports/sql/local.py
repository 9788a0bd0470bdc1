"""The SQL engine of one machine: a few warm child processes, one statement at a time in each."""

import asyncio
import uuid
from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path

import msgspec

from tallybrook.errors import RateLimitedError, RetryableError, TallybrookError
from tallybrook.ports.lake import ACCOUNT_ID
from tallybrook.ports.sql import (
    MAX_ROWS,
    MAX_TIMEOUT_S,
    Limits,
    QueryRefusedError,
    QueryRequest,
    QueryResult,
    QueryTimeoutError,
    process,
)
from tallybrook.ports.sql.source import LocalSource, Source


class LocalSqlEngine:
    """``ports.sql.SqlEngine`` over a data directory, or over what ``source`` names each time a
    child is started. Belongs to one event loop.

    At most ``children`` statements run and ``max_waiting`` wait; the next is told to come back.
    A child that was killed, or died, is replaced while nobody waits for it.
    """

    def __init__(
        self,
        source: Path | Callable[[], Source],
        *,
        children: int = 2,
        max_waiting: int = 16,
        limits: Limits | None = None,
    ) -> None:
        self._source = source if callable(source) else partial(LocalSource, str(source))
        self._limits = limits or Limits()
        self._children, self._max_waiting = children, max_waiting
        self._slots: asyncio.LifoQueue[process.Child | None] = asyncio.LifoQueue()
        self._waiting = 0
        self._live: set[process.Child] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False

    async def start(self) -> None:
        # One is kept warm; the others' slots lie below it and start when there is use for them.
        for _ in range(self._children - 1):
            self._slots.put_nowait(None)
        self._slots.put_nowait(await self._start())

    async def run(self, request: QueryRequest) -> QueryResult:
        request = _checked(request)
        child = await self._take()
        sound = False
        try:
            async with asyncio.timeout(request.timeout_s):
                result = await child.ask(request, uuid.uuid4().hex)
            sound = True
            return result
        except TimeoutError:
            raise QueryTimeoutError(
                f"It ran over {request.timeout_s:g} s and was stopped."
            ) from None
        except TallybrookError:
            sound = child.alive
            raise
        finally:
            self._give_back(child, sound)

    async def close(self) -> None:
        self._closed = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for child in self._live:
            child.kill()
        await asyncio.gather(*(child.wait() for child in self._live))
        self._live.clear()

    @property
    def pids(self) -> list[int]:
        """Of the children that live, for ``/metrics`` and tests."""
        return [child.pid for child in self._live if child.alive]

    async def _take(self) -> process.Child:
        if self._closed:
            raise RetryableError("the query engine is closing")
        if self._slots.empty() and self._waiting >= self._max_waiting:
            raise RateLimitedError("too many queries wait for their turn", retry_after_s=2)
        self._waiting += 1
        try:
            child = await self._slots.get()
        finally:
            self._waiting -= 1
        if child is not None and child.alive:
            return child
        try:
            return await self._start()
        except BaseException:
            self._slots.put_nowait(None)
            raise

    def _give_back(self, child: process.Child, sound: bool) -> None:
        if sound and child.alive:
            self._slots.put_nowait(child)
            return
        child.kill()
        self._background(self._replace(child))

    async def _replace(self, child: process.Child) -> None:
        """The slot comes back in any case; if no child can be started, its next user tries."""
        fresh: process.Child | None = None
        try:
            await child.wait()
            self._live.discard(child)
            fresh = await self._start()
        except (RetryableError, OSError):
            pass  # told to the next user of the slot, who tries again
        finally:
            self._slots.put_nowait(fresh)

    async def _start(self) -> process.Child:
        child = await process.start(self._source(), self._limits)
        self._live.add(child)
        return child

    def _background(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _checked(request: QueryRequest) -> QueryRequest:
    if not ACCOUNT_ID.fullmatch(request.account_id):
        raise QueryRefusedError("That is no account id.", pointer="/account_id")
    if request.timeout_s <= 0:
        raise QueryRefusedError("timeout_s must be over 0.", pointer="/timeout_s")
    if request.max_rows < 0:
        raise QueryRefusedError("max_rows must not be negative.", pointer="/max_rows")
    return msgspec.structs.replace(
        request,
        timeout_s=min(request.timeout_s, MAX_TIMEOUT_S),
        max_rows=min(request.max_rows, MAX_ROWS),
    )
