"""Numbering: what the stream of the events table tells of becomes the log that readers follow.

A chunk of events is committed by one transaction: the head moves, the chunk is stored, its events
are counted, and a marker says which stream records these were. All of it or nothing.

Exactly once, whatever is delivered again. The stream gives the records of one shard in order, and
a delivery that was not acknowledged comes again from the same record on, though it may end
elsewhere. So what is committed of a shard is always a run of records from that point, in pieces
each of which is found by the mark of its first record; the piece tells which records it holds. A
delivery that ends inside a piece leaves a marker for the rest, where the next one begins. Two
deliveries of the same records at once meet at the same marker, and one of them finds it taken.

For this the event source mapping has to retry a failed batch whole and for as long as the stream
keeps it: one batch of a shard at a time (parallelisation factor 1), no bisecting, no partial
failures. Sequencers of any number of shards may run at once: they meet at the head, where one
wins and the others number again. All numbers come by that one item and all chunks by one
partition: some fifty commits and 500 KB of compressed lines a second.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from tallybrook.errors import StorageError
from tallybrook.ports.aws.clients import client, translated
from tallybrook.ports.aws.dynamo import back_off, batch_write
from tallybrook.ports.aws.tables import LOG, SERIES, physical
from tallybrook.ports.aws.transactions import UnmetError, transact
from tallybrook.ports.clock import Clock, system_clock
from tallybrook.ports.counters.aws.rows import series_key
from tallybrook.ports.log import Commit, CommitEffects, CounterKey, FailedRecord
from tallybrook.ports.log.aws.chunking import Draft, added, chunk_of, counting, draft
from tallybrook.ports.log.aws.reader import DynamoLogReader
from tallybrook.ports.log.aws.rows import head_of
from tallybrook.ports.log.aws.stream import Arrival, StreamRecord, arrivals
from tallybrook.ports.log.aws.transaction import (
    HEAD,
    MARKER,
    commit_actions,
    marker_item,
    marker_key,
    marks_in,
)

_ROUNDS = 40
KeepFailed = Callable[[FailedRecord], None]


class Sequencer:
    """Commits deliveries of the events table's stream. One delivery at a time an object."""

    def __init__(
        self,
        stack: str,
        effects: CommitEffects,
        *,
        clock: Clock = system_clock,
        keep_failed: KeepFailed,
    ) -> None:
        self._stack = stack
        self._effects = effects
        self._clock = clock
        self._keep_failed = keep_failed
        self._dynamo: Any = client("dynamodb")
        self._reader = DynamoLogReader(stack)
        self._head: int | None = None
        self._named: set[tuple[str, str, str]] = set()

    def apply(self, records: Iterable[StreamRecord]) -> list[Commit]:
        """Commit a delivery, the records of one shard in order; gives the commits made now.

        When it returns, everything in it is committed, or kept as a failed record where it is no
        event. After a ``StorageError`` a part of it may be: deliver it again, from the same
        record on. What was committed before gives no ``Commit`` again.
        """
        self._head = None  # a transaction that finds it moved costs more than to ask
        waiting, failed = arrivals(records, self._clock())
        for record in failed:
            self._keep_failed(record)
        commits = [Commit(self._known_head(), self._clock(), {}, failed)] if failed else []
        self._skip_done(waiting)
        while waiting:
            made = self._next(waiting)
            if isinstance(made, Commit):
                commits.append(made)
        return commits

    def _next(self, waiting: list[Arrival]) -> Commit | None:
        """Commit the next chunk, or take note that it is there; takes it from what waits."""
        now_us = self._clock()
        drafted = draft(waiting, counting(self._effects, now_us))
        self._name_series(drafted.deltas)
        done = self._commit(drafted, now_us)
        if isinstance(done, Commit):
            del waiting[: len(drafted.arrivals)]
            return done
        self._skip(waiting, done, now_us)
        return None

    def _commit(self, drafted: Draft, now_us: int) -> Commit | list[bytes]:
        """The commit, or the marks of the records that were committed before from here on."""
        marks = [arrival.mark for arrival in drafted.arrivals]
        for attempt in range(_ROUNDS):
            head = self._known_head()
            chunk = chunk_of(drafted.arrivals, head + 1, now_us)
            actions = commit_actions(self._stack, head, chunk, marks, drafted.deltas)
            try:
                transact(self._dynamo, actions, "commit to the log")
            except UnmetError as unmet:
                found = unmet.items.get(MARKER)
                if found is not None:
                    return marks_in(found)
                self._head = head_of(unmet.items.get(HEAD))
                back_off(min(attempt, 4))
                continue
            self._head = chunk.last_seq
            return Commit(chunk.last_seq, now_us, drafted.deltas, [], added(drafted))
        raise StorageError("commit to the log: other sequencers are in the way")

    def _skip_done(self, waiting: list[Arrival]) -> None:
        """Leave out what an earlier delivery committed. Asking for it costs little; finding it in
        the way costs a transaction each."""
        while waiting:
            key = marker_key(waiting[0].mark)
            with translated("look for a marker"):
                found = self._dynamo.get_item(
                    TableName=physical(self._stack, LOG), Key=key, ConsistentRead=True
                )
            if "Item" not in found:
                return
            self._skip(waiting, marks_in(found["Item"]), self._clock())

    def _skip(self, waiting: list[Arrival], marks: Sequence[bytes], now_us: int) -> None:
        """Leave out what is committed; where that goes on past the end of the delivery, the next
        one has to find it."""
        same = 0
        for arrival, mark in zip(waiting, marks, strict=False):
            if arrival.mark != mark:
                break
            same += 1
        if same == len(waiting) < len(marks):
            rest = marker_item(marks[same:], now_us)
            with translated("mark what is committed"):
                self._dynamo.put_item(TableName=physical(self._stack, LOG), Item=rest)
        del waiting[:same]

    def _name_series(self, deltas: Mapping[CounterKey, int]) -> None:
        """Make the series known before they are counted. A crash in between leaves a name that
        has no counts, never counts that nobody can find."""
        fresh = {key[:3] for key in deltas} - self._named
        if fresh:
            with translated("name a series"):
                batch_write(
                    self._dynamo,
                    physical(self._stack, SERIES),
                    ({"PutRequest": {"Item": series_key(*name)}} for name in fresh),
                )
            self._named |= fresh

    def _known_head(self) -> int:
        if self._head is None:
            self._head = self._reader.head()
        return self._head
