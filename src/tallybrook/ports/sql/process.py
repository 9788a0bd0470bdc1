"""One child process as the engine sees it: start, ask, kill."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from tallybrook.errors import RetryableError, StorageError, TallybrookError
from tallybrook.ports.sql import (
    Limits,
    QueryFailedError,
    QueryMemoryError,
    QueryRefusedError,
    ScanLimitError,
    frames,
)
from tallybrook.ports.sql.source import AwsSource, Source

START_TIMEOUT_S = 30.0
WATCH_S = 0.1
BASE_BYTES = 256 * 1024 * 1024
"""What a child takes beside the memory DuckDB counts."""

_ERRORS: dict[str, Callable[[str], TallybrookError]] = {
    "QueryFailedError": QueryFailedError,
    "QueryMemoryError": QueryMemoryError,
    "ScanLimitError": ScanLimitError,
    "StorageError": StorageError,
}
_KEPT_ENVIRONMENT = ("PATH", "PYTHONPATH", "LANG", "LC_ALL", "TZ", "VIRTUAL_ENV", "LD_LIBRARY_PATH")
_OUT_OF_MEMORY = "It needs more memory than a query may use, and was stopped."


Sink = Callable[[frames.Reply], None]
"""Takes the heading and the rows of an answer."""


class Child:
    """A warm process. After ``kill``, or once it died, it is of no more use."""

    def __init__(self, process: asyncio.subprocess.Process, limits: Limits) -> None:
        self._process, self._limits = process, limits
        self._killed = False

    @property
    def alive(self) -> bool:
        """False from ``kill`` on: one that was killed with its answer on the way must not be given
        the next question."""
        return self._process.returncode is None and not self._killed

    @property
    def pid(self) -> int:
        return self._process.pid

    async def ask(self, ask: frames.Ask, sink: Sink) -> frames.Done:
        """The end of the answer; what comes before it goes to ``sink``. Anything but a normal
        return or a ``TallybrookError`` that came from the child leaves it in an unknown state:
        kill it."""
        watch = asyncio.ensure_future(self._watch_memory())
        try:
            self.send(ask)
            return await self._collect(sink)
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            raise await self._died() from error
        finally:
            watch.cancel()

    def kill(self) -> None:
        self._killed = True
        with suppress(ProcessLookupError):
            self._process.kill()

    async def wait(self) -> None:
        await self._process.wait()

    def send(self, message: frames.Ask | frames.Setup) -> None:
        if self._process.stdin is None:
            raise ConnectionError("no stdin")
        self._process.stdin.write(frames.frame(message))

    async def read(self) -> frames.Reply:
        stream = self._process.stdout
        if stream is None:
            raise ConnectionError("no stdout")
        prefix = await stream.readexactly(frames.LENGTH_BYTES)
        return frames.reply(await stream.readexactly(frames.length(prefix)))

    async def _collect(self, sink: Sink) -> frames.Done:
        while not isinstance(reply := await self.read(), frames.Done):
            if isinstance(reply, frames.Failed):
                raise _error(reply)
            sink(reply)
        return reply

    async def _watch_memory(self) -> None:
        """The engine's own limit does not count everything: look from outside too."""
        limit = self._limits.memory_bytes + self._limits.memory_bytes // 4 + BASE_BYTES
        while self.alive:
            # First: what the last statement held may still be on its way back.
            await asyncio.sleep(WATCH_S)
            if _resident_bytes(self.pid) > limit:
                self.kill()

    async def _died(self) -> TallybrookError:
        code = await self._process.wait()
        if code in (-signal.SIGKILL, -signal.SIGABRT, -signal.SIGSEGV, -signal.SIGBUS):
            return QueryMemoryError(_OUT_OF_MEMORY)
        return RetryableError(f"the query process ended with {code}")


async def start(source: Source, limits: Limits) -> Child:
    """Start one and wait until it is warm. ``RetryableError`` when it does not come up."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "tallybrook.ports.sql.child"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env=_environment(source),
        start_new_session=True,
    )
    child = Child(process, limits)
    try:
        async with asyncio.timeout(START_TIMEOUT_S):
            child.send(frames.Setup(source, limits))
            await child.read()
    except (TimeoutError, asyncio.IncompleteReadError, ConnectionError) as error:
        child.kill()
        raise RetryableError("the query process did not start") from error
    except asyncio.CancelledError:
        child.kill()
        raise
    return child


def _environment(source: Source) -> dict[str, str]:
    """No secrets, and no thread pools of libraries that the child does not use."""
    kept = {name: os.environ[name] for name in _KEPT_ENVIRONMENT if name in os.environ}
    kept |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    # Files are fetched by threads, each of which would reserve address space, and that is limited.
    return kept | ({"MALLOC_ARENA_MAX": "2"} if isinstance(source, AwsSource) else {})


def _error(reply: frames.Failed) -> TallybrookError:
    if reply.error == "QueryRefusedError":
        return QueryRefusedError(reply.reason, reply.fix, reply.pointer)
    return _ERRORS.get(reply.error, QueryFailedError)(reply.reason)


def _resident_bytes(pid: int) -> int:
    """0 where the system does not tell."""
    try:
        pages = Path(f"/proc/{pid}/statm").read_text().split()[1]
    except (OSError, IndexError):
        return 0
    return int(pages) * os.sysconf("SC_PAGE_SIZE")
