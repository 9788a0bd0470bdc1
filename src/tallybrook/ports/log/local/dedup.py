"""Deciding, inside the commit, whether an event is new: exactly, by its id and not its hash."""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
from msgspec import Struct
from xxhash import xxh3_64_intdigest

from tallybrook.events.model import Event
from tallybrook.ports.log import Chunk
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

    ``admit`` stages, any number of times; then ``remember`` after the commit, or ``forget``
    after a rollback.
    """

    def __init__(self, path: Path, index: IdIndex, hash_of: Hash = xxh3_64_intdigest) -> None:
        self._index = index
        self._hash = hash_of
        self._reader = SqliteLogReader(path)
        self._fresh: list[Event] = []
        self._staged: dict[int, Event] = {}
        self._collided: list[tuple[int, Event]] = []
        self._chunks: OrderedDict[int, list[Identity]] = OrderedDict()

    @property
    def size(self) -> int:
        """Ids known."""
        return self._index.size

    @property
    def fresh(self) -> list[Event]:
        """The events staged so far, in order."""
        return self._fresh

    def admit(self, events: Sequence[Event], seq: int) -> list[bool]:
        """Number the events that are new from ``seq`` on; tells of each whether it is not.

        The loop of the whole product: what it does for an event that is new and has a hash
        nobody has, is all here; the rest is in ``_settle``.
        """
        hash_of, staged, fresh = self._hash, self._staged, self._fresh
        recent, absent_on_disk = self._index.screen()
        flags: list[bool] = []
        for event in events:
            # Written out: identity_key() as a call costs as much as all the rest of the loop.
            key = hash_of(f"{event.account_id}\0{event.event_id}".encode())
            if key in staged or key in recent or not absent_on_disk(key):
                if self._is_known(key, event):
                    flags.append(True)
                    continue
                self._stage_odd(key, event)
            else:
                staged[key] = event
            event.seq = seq
            seq += 1
            fresh.append(event)
            flags.append(False)
        return flags

    def _is_known(self, key: int, event: Event) -> bool:
        """Whether one of those with the same hash has the same id."""
        other = self._staged.get(key)
        names = [other] if other is not None else []
        names += [other for hash_, other in self._collided if hash_ == key]
        if any(_same(name, event) for name in names):
            return True
        return any(
            self._is(seq, event.account_id, event.event_id) for seq in self._index.candidates(key)
        )

    def _stage_odd(self, key: int, event: Event) -> None:
        """Stage a new event whose hash another one has."""
        if key in self._staged or self._index.candidates(key):
            self._collided.append((key, event))
        else:
            self._staged[key] = event

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
        staged = {key: event.seq for key, event in self._staged.items()}
        collided = [(key, event.seq) for key, event in self._collided]
        self._index.add(staged, collided, last_seq)
        self.forget()

    def forget(self) -> None:
        """The staged ids were rolled back."""
        self._staged, self._collided, self._fresh = {}, [], []

    def catch_up(self) -> int:
        """Feed the index what the log holds past its segments; gives the log's head."""
        after = self._index.sealed
        while chunks := self._reader.chunks("events", after):
            for chunk in chunks:
                self._feed(chunk)
                after = chunk.last_seq
        return self._reader.head()

    def _feed(self, chunk: Chunk) -> None:
        known: dict[int, int] = {}
        collided: list[tuple[int, int]] = []
        for seq, found in enumerate(_decode(chunk.body), chunk.first_seq):
            key = self._hash(identity_key(found.account_id, found.event_id))
            if key in known or self._index.candidates(key):
                collided.append((key, seq))
            else:
                known[key] = seq
        self._index.add(known, collided, chunk.last_seq)

    def close(self) -> None:
        self._index.close()
        self._reader.close()

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


def _same(one: Event, other: Event) -> bool:
    return (one.account_id, one.event_id) == (other.account_id, other.event_id)


def _decode(body: bytes) -> list[Identity]:
    return [_IDENTITIES.decode(line) for line in body.split(b"\n")]
