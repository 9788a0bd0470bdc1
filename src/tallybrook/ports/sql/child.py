"""The query child: ``python -m tallybrook.ports.sql.child DATA_DIR MEMORY_BYTES THREADS``.

Requests on stdin, replies on stdout. It has no other way in or out, runs one statement at a time
at the lowest priority, and ends when its stdin does, whatever it is doing.
"""

import os
import queue
import resource
import sqlite3
import sys
import threading
from pathlib import Path
from typing import Any, BinaryIO

import duckdb

from tallybrook.errors import RetryableError, TallybrookError
from tallybrook.ports.lake.local import LocalLakeReader
from tallybrook.ports.log.local import SqliteLogReader
from tallybrook.ports.priority import step_back
from tallybrook.ports.sql import Limits, QueryRequest, ResultColumn, frames
from tallybrook.sql.session import Session, public_message


def main() -> None:
    """Serve until stdin closes."""
    data_dir, limits = Path(sys.argv[1]), Limits(int(sys.argv[2]), int(sys.argv[3]))
    step_back(19)
    requests: queue.SimpleQueue[QueryRequest] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(sys.stdin.buffer, requests), daemon=True).start()
    out = _private_stdout()
    session = Session(LocalLakeReader(data_dir), SqliteLogReader(data_dir / "log.db"), limits)
    session.warm()
    _limit_memory(limits.memory_bytes)
    _send(out, frames.Ready())
    while True:
        _answer(session, requests.get(), out, data_dir)
        session.prepare()


def _listen(stdin: BinaryIO, requests: "queue.SimpleQueue[QueryRequest]") -> None:
    """The end of stdin is the end of the parent: leave at once, mid-query or not."""
    while len(prefix := stdin.read(frames.LENGTH_BYTES)) == frames.LENGTH_BYTES:
        requests.put(frames.request(stdin.read(frames.length(prefix))))
    os._exit(0)


def _private_stdout() -> BinaryIO:
    """Keep the pipe for frames; whatever a library prints goes to stderr."""
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return out


def _limit_memory(memory_bytes: int) -> None:
    """Address space: a second fence, wide enough for threads and mapped libraries."""
    pages = int(Path("/proc/self/statm").read_text().split()[0]) if sys.platform == "linux" else 0
    if pages:
        ceiling = pages * resource.getpagesize() + 3 * memory_bytes
        resource.setrlimit(resource.RLIMIT_AS, (ceiling, ceiling))


def _send(out: BinaryIO, reply: frames.Reply) -> None:
    out.write(frames.frame(reply))
    out.flush()


def _answer(session: Session, request: QueryRequest, out: BinaryIO, data_dir: Path) -> None:
    def emit(part: list[ResultColumn] | list[list[Any]]) -> None:
        columns = [c for c in part if isinstance(c, ResultColumn)]
        rows = [row for row in part if isinstance(row, list)]
        _send(out, frames.Heading(columns) if columns else frames.Rows(rows))

    try:
        reply: frames.Reply = frames.Done(session.run(request, emit))
    except (TallybrookError, duckdb.Error, sqlite3.Error, MemoryError, RecursionError) as error:
        reply = _failed(error, str(data_dir))
    _send(out, reply)


def _failed(error: Exception, root: str) -> frames.Failed:
    if isinstance(error, RetryableError):
        return frames.Failed("StorageError", error.detail)
    if isinstance(error, TallybrookError):
        pointer = error.errors[0].pointer if error.errors else "/sql"
        reason, fix = getattr(error, "reason", error.detail), getattr(error, "fix", "")
        return frames.Failed(type(error).__name__, reason, fix, pointer)
    if isinstance(error, duckdb.OutOfMemoryException | MemoryError):
        return frames.Failed("QueryMemoryError", "It needs more memory than a query may use.")
    if isinstance(error, duckdb.IOException | sqlite3.Error):
        return frames.Failed("StorageError", "The lake could not be read.")
    return frames.Failed("QueryFailedError", public_message(error, root))


if __name__ == "__main__":
    main()
