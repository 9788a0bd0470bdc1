"""Answers that are kept for a while: for their pages, and for who asks the same again.

Small ones are in memory, others in files that have no name and go with the process.
"""

import time
from collections import OrderedDict
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import Any

from msgspec import Struct, field

from tallybrook.ports.sql import QueryMetadata, ResultColumn, frames

IN_MEMORY_BYTES = 256 * 1024
MAX_BYTES = 256 * 1024 * 1024
MAX_ANSWERS = 200
KEEP_S = 3600.0
REUSE_S = 600.0


class Answer(Struct):
    """Columns, and rows in packed batches, one after the other in a file."""

    account_id: str
    columns: list[ResultColumn] = field(default_factory=list)
    batches: list[tuple[int, int]] = field(default_factory=list)
    """Rows and bytes of each batch."""
    file: Any = None
    metadata: QueryMetadata = field(default_factory=QueryMetadata)
    version: str = ""
    key: bytes = b""
    kept_at_s: float = 0.0

    @property
    def rows(self) -> int:
        return sum(count for count, _ in self.batches)

    @property
    def bytes(self) -> int:
        return sum(size for _, size in self.batches)

    def page(self, first: int, most: int) -> list[list[Any]]:
        """Rows from ``first`` on, at most so many."""
        return list(islice(self._from(first), most))

    def _from(self, first: int) -> Iterator[list[Any]]:
        place = row = 0
        for count, size in self.batches:
            if row + count > first:
                self.file.seek(place)
                rows = frames.rows_of(self.file.read(size))
                yield from rows[max(first - row, 0) :]
            place, row = place + size, row + count

    def close(self) -> None:
        if self.file is not None:
            self.file.close()


class Writing:
    """The answer of one execution while it comes in; a sink of ``process.Child.ask``."""

    def __init__(self, account_id: str, folder: Path | None) -> None:
        where = None if folder is None else str(folder)
        # Closed when the answer is given up.
        file = SpooledTemporaryFile(IN_MEMORY_BYTES, dir=where)  # noqa: SIM115
        self.answer = Answer(account_id, file=file)

    def __call__(self, reply: frames.Reply) -> None:
        if isinstance(reply, frames.Heading):
            self.answer.columns = reply.columns
        elif isinstance(reply, frames.Rows):
            packed = bytes(reply.rows)
            self.answer.file.write(packed)
            self.answer.batches.append((reply.count, len(packed)))


class Results:
    """The answers by execution, the oldest given up first: kept for ``keep_s`` for their pages, for
    ``reuse_s`` for who asks the same again. Not thread-safe."""

    def __init__(
        self, max_bytes: int = MAX_BYTES, keep_s: float = KEEP_S, reuse_s: float = REUSE_S
    ) -> None:
        self._max_bytes, self._keep_s, self._reuse_s = max_bytes, keep_s, reuse_s
        self._kept: OrderedDict[str, Answer] = OrderedDict()
        self._by_key: dict[bytes, str] = {}
        self._bytes = 0

    def keep(self, execution_id: str, answer: Answer, now_s: float | None = None) -> None:
        """Keep an answer, and give up others until it has room. One that is larger than all the
        room there is stays until the next one."""
        answer.kept_at_s = time.monotonic() if now_s is None else now_s
        self._kept[execution_id] = answer
        self._bytes += answer.bytes
        if answer.key:
            self._by_key[answer.key] = execution_id
        while len(self._kept) > 1 and (
            self._bytes > self._max_bytes or len(self._kept) > MAX_ANSWERS
        ):
            self._drop(next(iter(self._kept)))

    def get(self, execution_id: str) -> Answer | None:
        """An answer that is kept. Asking for it makes it stay longer."""
        answer = self._kept.get(execution_id)
        if answer is None or time.monotonic() - answer.kept_at_s > self._keep_s:
            if answer is not None:
                self._drop(execution_id)
            return None
        self._kept.move_to_end(execution_id)
        return answer

    def same(self, key: bytes) -> Answer | None:
        """The latest answer to a question, whatever has happened to the data since; none that is
        older than ``reuse_s``."""
        found = self._by_key.get(key)
        answer = self.get(found) if found is not None else None
        if answer is None or time.monotonic() - answer.kept_at_s > self._reuse_s:
            return None
        return answer

    def forget(self, account_id: str) -> None:
        for execution_id in [i for i, a in self._kept.items() if a.account_id == account_id]:
            self._drop(execution_id)

    def clear(self) -> None:
        for execution_id in list(self._kept):
            self._drop(execution_id)

    @property
    def held_bytes(self) -> int:
        return self._bytes

    def _drop(self, execution_id: str) -> None:
        answer = self._kept.pop(execution_id)
        self._bytes -= answer.bytes
        if self._by_key.get(answer.key) == execution_id:
            del self._by_key[answer.key]
        shared = any(other.file is answer.file for other in self._kept.values())
        if not shared:
            answer.close()
