"""The SQL engine of one machine: a few warm child processes, one statement at a time in each."""

import asyncio
import hashlib
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import msgspec

from tallybrook.errors import RateLimitedError, RetryableError, TallybrookError
from tallybrook.ports.sql import (
    MAX_EXPORT_ROWS,
    MAX_ROWS,
    Format,
    Limits,
    QueryMetadata,
    QueryRequest,
    frames,
    process,
)
from tallybrook.ports.sql.results import MAX_BYTES, REUSE_S, Answer, Results, Writing
from tallybrook.ports.sql.running import Executing, Running, checked, deadline
from tallybrook.ports.sql.source import LocalSource, Source


class LocalSqlEngine(Executing):
    """``ports.sql.SqlEngine`` over a data directory, or over what ``source`` names each time a
    child is started. Belongs to one event loop.

    At most ``children`` statements run and ``max_waiting`` wait; the next is told to come back.
    A child that was killed, or died, is replaced while nobody waits for it. Answers are kept in
    memory and in files without a name under ``scratch``, ``result_bytes`` of them,
    and given to who asks the same again for ``reuse_s``.
    """

    def __init__(
        self,
        source: Path | Callable[[], Source],
        *,
        children: int = 2,
        max_waiting: int = 16,
        limits: Limits | None = None,
        scratch: Path | None = None,
        result_bytes: int = MAX_BYTES,
        reuse_s: float = REUSE_S,
    ) -> None:
        self._source = source if callable(source) else partial(LocalSource, str(source))
        self._limits = limits or Limits()
        self._children, self._max_waiting = children, max_waiting
        self._slots: asyncio.LifoQueue[process.Child | None] = asyncio.LifoQueue()
        self._waiting = 0
        self._live: set[process.Child] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False
        self._scratch = scratch
        self._results = Results(result_bytes, reuse_s=reuse_s)
        self._running = Running(self._work, self._results)

    async def start(self) -> None:
        if self._scratch is not None:
            self._scratch.mkdir(parents=True, exist_ok=True, mode=0o700)
        # One is kept warm; the others' slots lie below it and start when there is use for them.
        for _ in range(self._children - 1):
            self._slots.put_nowait(None)
        self._slots.put_nowait(await self._start())

    async def submit(self, request: QueryRequest) -> str:
        if self._full:
            raise RateLimitedError("too many queries wait for their turn", retry_after_s=2)
        return self._running.submit(checked(request, MAX_ROWS))

    async def forget(self, account_id: str) -> None:
        self._results.forget(account_id)

    async def export(self, request: QueryRequest, form: Format, to: Path) -> QueryMetadata:
        request = checked(request, MAX_EXPORT_ROWS)
        folder = Path(tempfile.mkdtemp(dir=to.parent))
        try:
            path = folder / "answer"
            ask = frames.Ask(request, export=frames.Export(form, str(path)))
            begun = asyncio.Event()
            async with deadline(request.timeout_s, begun.is_set), self._child() as child:
                begun.set()
                done = await child.ask(ask, _ignore)
            path.rename(to)
        finally:
            shutil.rmtree(folder)
        return done.metadata

    async def _work(
        self, execution_id: str, request: QueryRequest, begin: Callable[[], None]
    ) -> Answer:
        """The answer that is kept where the child says that it still holds, else a new one."""
        key = b"" if request.dry_run else _key_of(request)
        known = self._results.same(key) if key else None
        done, answer = await self._ask(request, known.version if known else "", begin)
        if done.same and known is not None:
            answer.close()
            if known.file.closed:  # given up meanwhile
                done, answer = await self._ask(request, "", begin)
            else:
                answer = msgspec.structs.replace(known)
                done.metadata.truncated = known.metadata.truncated
                done.metadata.hints = known.metadata.hints
        answer.metadata, answer.version, answer.key = done.metadata, done.version, key
        self._results.keep(execution_id, answer)
        return answer

    async def _ask(
        self, request: QueryRequest, known: str, begin: Callable[[], None]
    ) -> tuple[frames.Done, Answer]:
        async with self._child() as child:
            begin()
            writing = Writing(request.account_id, self._scratch)
            return await child.ask(frames.Ask(request, known), writing), writing.answer

    @asynccontextmanager
    async def _child(self) -> AsyncIterator[process.Child]:
        """A child for one question; it comes back, or is killed and replaced: also where the task
        that asks is cancelled."""
        child = await self._take()
        sound = False
        try:
            yield child
            sound = True
        except TallybrookError:
            sound = child.alive
            raise
        finally:
            self._give_back(child, sound)

    async def close(self) -> None:
        self._closed = True
        await self._running.close()
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

    @property
    def _full(self) -> bool:
        return self._slots.empty() and self._waiting >= self._max_waiting

    async def _take(self) -> process.Child:
        if self._closed:
            raise RetryableError("the query engine is closing")
        if self._full:
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


def _key_of(request: QueryRequest) -> bytes:
    """What makes two questions the same, data apart."""
    parts = [request.account_id, request.sql, sorted(request.parameters.items()), request.max_rows]
    asked = [*parts, request.full_scan, request.max_scanned_bytes]
    return hashlib.blake2b(msgspec.msgpack.encode(asked), digest_size=16).digest()


def _ignore(_reply: frames.Reply) -> None:
    """An export's rows are in its file."""
