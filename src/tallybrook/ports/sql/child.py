"""The query child: ``python -m tallybrook.ports.sql.child``.

Setup and requests on stdin, replies on stdout. It runs one statement at a time at the lowest
priority, and ends when its stdin does, whatever it is doing. A statement has no other way in or
out: the engine is locked, and neither the arguments nor the environment hold a secret.
"""

import gc
import os
import queue
import resource
import sqlite3
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import duckdb

from tallybrook.errors import RetryableError, TallybrookError, TooLargeError
from tallybrook.ports.lake import LakeReader
from tallybrook.ports.log import LogReader
from tallybrook.ports.priority import step_back
from tallybrook.ports.sql import Limits, ResultColumn, frames
from tallybrook.ports.sql.source import AwsSource, LocalSource, Source

if TYPE_CHECKING:
    from tallybrook.sql.session import Session

LOADED_LATER_BYTES = 96 * 1024 * 1024
"""Address space of what the first tail loads."""


def main() -> None:
    """Serve until stdin closes."""
    # What is loaded stays: looking through it again and again for what may go takes an eighth of
    # the start.
    gc.disable()
    stdin = sys.stdin.buffer
    setup = frames.setup(_next_body(stdin))
    asked: queue.SimpleQueue[frames.Ask] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(stdin, asked), daemon=True).start()
    out = _private_stdout()
    readers = _readers(setup.source)
    # Not before what is imported by then: on a busy machine that would take the longest.
    step_back(19)
    session = _session(readers, setup.limits)
    gc.freeze()
    gc.enable()
    _limit_memory(setup.limits.memory_bytes)
    _send(out, frames.Ready())
    while True:
        _answer(session, asked.get(), out, setup.source.root)
        session.prepare()


def _session(readers: tuple[LakeReader, LogReader], limits: Limits) -> "Session":
    """Warm. What it needs is loaded here, after ``main`` has begun."""
    from tallybrook.sql.session import Session

    session = Session(*readers, limits)
    session.warm()
    return session


def _readers(source: Source) -> tuple[LakeReader, LogReader]:
    # Imported here, so that a child loads the one it needs and never an SDK beside SQLite.
    if isinstance(source, LocalSource):
        from tallybrook.ports.lake.local import LocalLakeReader
        from tallybrook.ports.log.local import SqliteLogReader

        data_dir = Path(source.data_dir)
        return LocalLakeReader(data_dir), SqliteLogReader(data_dir / "log.db")
    with _environment(source):
        from tallybrook.ports.lake.aws import AwsLakeReader
        from tallybrook.ports.log.aws.reader import DynamoLogReader

        lake = AwsLakeReader(
            source.stack, source.bucket, Path(source.cache_dir), cache_bytes=source.cache_bytes
        )
        lake.locate([])  # has it make everything that it makes when first asked
        return lake, DynamoLogReader(source.stack)


@contextmanager
def _environment(source: AwsSource) -> Iterator[None]:
    """For as long as the clients are made, which then keep what they found."""
    os.environ.update(source.environment)
    try:
        yield
    finally:
        for name in source.environment:
            os.environ.pop(name, None)


def _next_body(stdin: BinaryIO) -> bytes:
    """The end of stdin is the end of the parent: leave at once, mid-query or not."""
    prefix = stdin.read(frames.LENGTH_BYTES)
    if len(prefix) < frames.LENGTH_BYTES:
        os._exit(0)
    length = frames.length(prefix)
    body = stdin.read(length)
    if len(body) < length:
        os._exit(0)
    return body


def _listen(stdin: BinaryIO, asked: "queue.SimpleQueue[frames.Ask]") -> None:
    """Hand over what is asked. Whatever ends this ends the process: with nobody listening it would
    wait for ever, and outlive its parent."""
    try:
        while True:
            asked.put(frames.ask(_next_body(stdin)))
    except BaseException:
        traceback.print_exc()
        raise
    finally:
        os._exit(1)


def _private_stdout() -> BinaryIO:
    """Keep the pipe for frames; whatever a library prints goes to stderr."""
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return out


def _limit_memory(memory_bytes: int) -> None:
    """Address space: a second fence, wide enough for threads and mapped libraries."""
    pages = int(Path("/proc/self/statm").read_text().split()[0]) if sys.platform == "linux" else 0
    if pages:
        ceiling = pages * resource.getpagesize() + LOADED_LATER_BYTES + 3 * memory_bytes
        resource.setrlimit(resource.RLIMIT_AS, (ceiling, ceiling))


def _send(out: BinaryIO, reply: frames.Reply) -> None:
    out.write(frames.frame(reply))
    out.flush()


def _answer(session: "Session", ask: frames.Ask, out: BinaryIO, root: str) -> None:
    def emit(part: list[ResultColumn] | list[list[Any]]) -> None:
        columns = [c for c in part if isinstance(c, ResultColumn)]
        rows = [row for row in part if isinstance(row, list)]
        _send(out, frames.Heading(columns) if columns else frames.pack(rows))

    try:
        outcome = session.run(ask.request, emit, known=ask.known, export=ask.export)
        reply: frames.Reply = frames.Done(outcome.metadata, outcome.version, outcome.same)
    except (TallybrookError, duckdb.Error, sqlite3.Error, MemoryError, RecursionError) as error:
        reply = _failed(error, root)
        # Give back what it held, before who watches takes it for the next statement's.
        session.prepare()
    _send(out, reply)


def _failed(error: Exception, root: str) -> frames.Failed:
    if isinstance(error, RetryableError):
        return frames.Failed("StorageError", error.detail)
    if isinstance(error, TooLargeError):
        return frames.Failed("ScanLimitError", error.detail)
    if isinstance(error, TallybrookError):
        pointer = error.errors[0].pointer if error.errors else "/sql"
        reason, fix = getattr(error, "reason", error.detail), getattr(error, "fix", "")
        return frames.Failed(type(error).__name__, reason, fix, pointer)
    if isinstance(error, duckdb.OutOfMemoryException | MemoryError):
        return frames.Failed("QueryMemoryError", "It needs more memory than a query may use.")
    if isinstance(error, duckdb.IOException | sqlite3.Error):
        return frames.Failed("StorageError", "The lake could not be read.")
    from tallybrook.sql.session import public_message

    return frames.Failed("QueryFailedError", public_message(error, root))


if __name__ == "__main__":
    main()
