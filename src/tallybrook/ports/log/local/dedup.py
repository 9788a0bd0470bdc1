"""Deciding, inside the commit, whether an event is new: exactly, by its id and not its hash."""

from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

import msgspec
from msgspec import Struct
from xxhash import xxh3_64_intdigest

from tallybrook.events.model import Event
from tallybrook.ports.log.local.idindex import IdIndex
from tallybrook.ports.log.local.reader import SqliteLogReader

_CACHED_CHUNKS = 16


class Identity(Struct):
    """The part of a log line that names an event."""

    account_id: str
    event_id: str


_IDENTITIES = msgspec.json.Decoder(Identity)

Hash = Callable[[bytes], int]


def identity_key(account_id: str, event_id: str) -> bytes:
    """What is hashed; an account id cannot hold the separator."""
    return f"{account_id}\0{event_id}".encode()


class Deduplicator:
    """The ids of committed events, and of those staged in the open transaction.

    ``admit`` stages; then ``remember`` after the commit, or ``forget`` after a rollback.
    """

    def __init__(self, path: Path, index: IdIndex, hash_of: Hash = xxh3_64_intdigest) -> None:
        self._index = index
        self._hash = hash_of
        self._reader = SqliteLogReader(path)
        self._staged: dict[int, int] = {}
        self._collided: list[tuple[int, int]] = []
        self._texts: dict[bytes, int] = {}
        self._chunks: OrderedDict[int, list[Identity]] = OrderedDict()

    @property
    def size(self) -> int:
        """Ids known."""
        return self._index.size

    def admit(self, event: Event, seq: int) -> bool:
        """Whether the event is new; it is then staged under ``seq``."""
        text = identity_key(event.account_id, event.event_id)
        key = self._hash(text)
        if key in self._staged:
            if text in self._texts or self._stored(key, event):
                return False
            self._collided.append((key, seq))
        else:
            if self._stored(key, event):
                return False
            self._staged[key] = seq
        self._texts[text] = seq
        return True

    def find(self, account_id: str, event_id: str) -> int | None:
        """The sequence number of a committed event, or None. Safe on any thread."""
        key = self._hash(identity_key(account_id, event_id))
        for seq in self._index.candidates(key):
            chunk = self._reader.chunk_of(seq)
            found = _decode(chunk.body)[seq - chunk.first_seq] if chunk else None
            if found == Identity(account_id, event_id):
                return seq
        return None

    def remember(self, last_seq: int) -> None:
        """The staged ids are committed, up to ``last_seq``."""
        self._index.add(self._staged, self._collided, last_seq)
        self.forget()

    def forget(self) -> None:
        """The staged ids were rolled back."""
        self._staged, self._collided, self._texts = {}, [], {}

    def catch_up(self) -> int:
        """Feed the index what the log holds past its segments; gives the log's head."""
        after = self._index.sealed
        while chunks := self._reader.chunks("events", after):
            for chunk in chunks:
                for offset, found in enumerate(_decode(chunk.body)):
                    text = identity_key(found.account_id, found.event_id)
                    self._stage_known(self._hash(text), chunk.first_seq + offset)
                after = chunk.last_seq
                self.remember(after)
        return self._reader.head()

    def close(self) -> None:
        self._index.close()
        self._reader.close()

    def _stage_known(self, key: int, seq: int) -> None:
        if key in self._staged or self._index.candidates(key):
            self._collided.append((key, seq))
        else:
            self._staged[key] = seq

    def _stored(self, key: int, event: Event) -> bool:
        candidates = self._index.candidates(key)
        return bool(candidates) and any(
            self._is(seq, event.account_id, event.event_id) for seq in candidates
        )

    def _is(self, seq: int, account_id: str, event_id: str) -> bool:
        found = self._identity(seq)
        return found is not None and (found.account_id, found.event_id) == (account_id, event_id)

    def _identity(self, seq: int) -> Identity | None:
        for first, identities in self._chunks.items():
            if first <= seq < first + len(identities):
                return identities[seq - first]
        chunk = self._reader.chunk_of(seq)
        if chunk is None:
            return None
        identities = self._chunks[chunk.first_seq] = _decode(chunk.body)
        if len(self._chunks) > _CACHED_CHUNKS:
            self._chunks.popitem(last=False)
        return identities[seq - chunk.first_seq]


def _decode(body: bytes) -> list[Identity]:
    return [_IDENTITIES.decode(line) for line in body.split(b"\n")]
