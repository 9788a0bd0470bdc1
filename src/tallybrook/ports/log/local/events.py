"""Finding events in the SQLite log: by id through a scan-free index, by user through segments."""

import heapq
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from tallybrook.events.model import Event
from tallybrook.ports.events import Position
from tallybrook.ports.log import Chunk
from tallybrook.ports.log.local.reader import SqliteLogReader
from tallybrook.ports.log.local.segments import SegmentSet
from tallybrook.ports.log.local.userindex import BELONGS, user_key, users_folder

Find = Callable[[str, str], int | None]
_EVENT = msgspec.json.Decoder(Event)


class SqliteEvents:
    """``ports.events.Events``.

    The id index lives in the writer's process, which gives its ``find``.
    """

    def __init__(self, log_path: Path, find: Find) -> None:
        self._reader = SqliteLogReader(log_path)
        self._users = SegmentSet(users_folder(log_path), columns=3)
        self._lock = threading.Lock()
        self._find = find

    def get(self, account_id: str, event_id: str) -> Event | None:
        seq = self._find(account_id, event_id)
        return None if seq is None else self._event(seq)

    def of_user(
        self, account_id: str, user_id: str, limit: int, before: Position | None
    ) -> list[Event]:
        places = self._places(account_id, user_id)
        below = (place for place in places if before is None or place < before)
        return [self._event(place.seq) for place in heapq.nlargest(limit, below)]

    def close(self) -> None:
        self._reader.close()

    def _places(self, account_id: str, user_id: str) -> Iterator[Position]:
        """Everything of the user: what is filed, then what came in after the last filing."""
        key = user_key(account_id, user_id)
        with self._lock:
            self._users.reload()
            segments = list(self._users.segments)
        for segment in segments:
            rows = segment.find(key)
            yield from (Position(t, s) for t, s in zip(*rows[1:].tolist(), strict=True))
        after = segments[-1].last if segments else 0
        while chunks := self._reader.chunks("events", after):
            for chunk in chunks:
                yield from _unfiled(chunk, account_id, user_id)
            after = chunks[-1].last_seq

    def _event(self, seq: int) -> Event:
        chunk = self._reader.chunk_of(seq)
        if chunk is None:
            raise LookupError(f"the log has no entry {seq}")
        return _EVENT.decode(chunk.body.split(b"\n")[seq - chunk.first_seq])


def _unfiled(chunk: Chunk, account_id: str, user_id: str) -> Iterator[Position]:
    if user_id.encode() not in chunk.body and user_id.isascii() and user_id.isalnum():
        return
    for line in chunk.body.split(b"\n"):
        seen = BELONGS.decode(line)
        if seen.account_id == account_id and user_id in (seen.user_id, seen.anonymous_id):
            yield Position(seen.timestamp, seen.seq)
