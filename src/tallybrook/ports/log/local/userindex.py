"""Which entries belong to which user: a consumer, and the reading of what it wrote."""

from pathlib import Path

import msgspec
import numpy as np
from msgspec import Struct
from xxhash import xxh3_64_intdigest

from tallybrook.ports.log import Chunk, Topic
from tallybrook.ports.log.local.segments import SegmentSet, signed


class Belongs(Struct):
    """The part of an event's line that tells whose it is and when it was."""

    seq: int
    timestamp: int
    account_id: str
    user_id: str | None = None
    anonymous_id: str | None = None


BELONGS = msgspec.json.Decoder(Belongs)


def user_key(account_id: str, user_id: str) -> int:
    """The signed 64-bit hash under which a user's entries are filed."""
    return signed(xxh3_64_intdigest(f"{account_id}\0{user_id}".encode()))


def users_folder(log_path: Path) -> Path:
    return log_path.parent / "users"


class UserIndexer:
    """``ports.log.consumer.Consumer``: files (hash of user, time, seq) in sorted segments.

    A segment file is both the effect and the position (its name ends in the last sequence
    number it covers), so one rename makes the two durable together.
    """

    name = "users"
    topic: Topic = "events"
    max_entries = 200_000
    linger_s = 5.0

    def __init__(self, log_path: Path) -> None:
        self._segments = SegmentSet(users_folder(log_path), columns=3)
        self._segments.sweep()

    def position(self) -> int:
        return self._segments.last

    def handle(self, chunks: list[Chunk]) -> None:
        fresh = [chunk for chunk in chunks if chunk.first_seq > self.position()]
        if not fresh:
            return
        rows: list[tuple[int, int, int]] = []
        for chunk in fresh:
            for line in chunk.body.split(b"\n"):
                seen = BELONGS.decode(line)
                for user in {seen.user_id, seen.anonymous_id} - {None}:
                    key = user_key(seen.account_id, str(user))
                    rows.append((key, seen.timestamp, seen.seq))
        table = np.array(rows, dtype=np.int64).reshape(-1, 3).T
        self._segments.add(self.position() + 1, fresh[-1].last_seq, table)
        while self._segments.merge():
            pass

    def idle(self) -> None:
        """Nothing to tidy: merging goes with the writing."""
