"""The log: the one durable, ordered, de-duplicated place that everything comes in through.

Guarantees of every backend
---------------------------
* **Durable before told.** ``done`` is called with a receipt only after the write is on disk, or
  in the service. After an error the same write may be submitted again: however far it got the
  first time, all of it is there once in the end.
* **Exact outcomes.** A receipt tells of each event whether it was new, and of each record what
  became of it; an answer that was lost on the way and asked for again changes neither.
* **Density.** Sequence numbers are dense, start at 1 and rise in commit order; a reader never sees
  a number before every lower one is visible, and what it has seen stays where it is. It sees what
  was told within the backend's *lag*, and from then on.
* **One commit.** Entries and the effects of the commit on them (counters) become visible together
  or not at all.
* **Duplicates.** An event is identified by (account, event_id) for ever. The second one, in the
  same write, in another, or after a restart, is reported as duplicate and stores nothing.
* **One record, one history.** Changes of one record take effect one after another, whoever makes
  them, and in their order within a write.
* **Absence.** Reading past the head gives an empty list, an unknown id gives ``None``.
* **Back-pressure.** ``submit`` never blocks and never queues without bound: it raises
  ``BacklogFullError`` and has stored nothing.

The local backend has no lag and one more promise: a write is one commit. Its events, records,
failed records and their effects are stored together or, after an error, not at all; events stand
in the log in the order of writes and within them; records are entries of the topic ``records``.

On AWS each event, record and failed record of a write is stored by itself (events and records
first, then failed records, then what is settled). But one event or record that settles one failed
record is stored with it or not at all, and settling by itself (100 at most) is one step too:
``ConflictError`` when a failed record is not open. An event is counted and numbered by the function
on the table's stream, within about a second and in the stream's order; records are counted by the
function on their own tables' streams, which are their log.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Literal, Protocol

from msgspec import Struct

from tallybrook.errors import TallybrookError
from tallybrook.events.model import Event

Topic = Literal["events", "records"]
Kind = Literal["event", "record"]

CounterKey = tuple[str, Kind, str, int, int]
"""(account, kind, series, minutes, start): start in whole seconds since the epoch."""


class RecordChange(Struct, omit_defaults=True):
    """Create-or-replace, or delete, of one record. ``body`` is its JSON object ("" on delete).

    ``instant_us`` is None when the record has no usable instant; ``skipped`` then says why.
    """

    account_id: str
    record_type: str
    record_id: str
    op: Literal["put", "delete"]
    instant_us: int | None = None
    skipped: Literal["no_timestamp", "invalid_timestamp"] | None = None
    body: str = ""


class StoredRecord(Struct):
    """What the log keeps of a record: its last image."""

    instant_us: int | None
    skipped: str | None
    body: str
    seq: int


RecordOutcome = Literal["created", "updated", "unchanged", "deleted", "absent"]
EFFECTIVE: frozenset[RecordOutcome] = frozenset({"created", "updated", "deleted"})
"""Outcomes that changed something; only these become entries of the topic ``records``."""

FailedStatus = Literal["open", "replayed", "discarded"]


class FailedRecord(Struct, kw_only=True):
    """Something that could not be processed, kept whole until somebody decides.

    ``failed_id`` is deterministic where the failure is (a consumer naming a position), so keeping
    it twice keeps it once. ``body`` is the original bytes as text where they are UTF-8, else
    base64 with ``encoding`` saying so.
    """

    failed_id: str
    account_id: str
    source: str
    reason: str
    detail: str
    body: str
    encoding: Literal["utf-8", "base64"] = "utf-8"
    tries: int = 1
    status: FailedStatus = "open"
    first_at: int
    last_at: int


class Write(Struct):
    """What one caller wants stored as one unit. ``settle`` moves failed records to a status."""

    events: Sequence[Event] = ()
    records: Sequence[RecordChange] = ()
    failed: Sequence[FailedRecord] = ()
    settle: Mapping[str, FailedStatus] = {}


class Receipt(Struct):
    """The durable outcome, item by item, in the order of the write."""

    duplicate: list[bool]
    records: list[RecordOutcome]


class Commit(Struct):
    """What became durable in one commit, for those who watch (the live view). ``added``:
    events and bytes of their lines by account, where commits are billed to them (AWS)."""

    last_seq: int
    now_us: int
    counts: Mapping[CounterKey, int]
    failed: Sequence[FailedRecord]
    added: Mapping[str, tuple[int, int]] = {}


Watcher = Callable[[Commit], None]
Done = Callable[[Receipt | TallybrookError], None]


class Counting(Protocol):
    """The part of a commit that counts."""

    def add_counts(self, deltas: Mapping[CounterKey, int], now_us: int) -> None: ...


class Transaction(Counting, Protocol):
    """What a commit effect may do; all of it is part of the commit it is called in."""

    def record(self, account_id: str, record_type: str, record_id: str) -> StoredRecord | None: ...

    def put_record(self, change: RecordChange, seq: int) -> None: ...

    def delete_record(self, change: RecordChange) -> None: ...


class CommitEffects(Protocol):
    """What a commit does besides storing entries; called inside it, so all of it or nothing."""

    def count_events(self, transaction: Counting, events: Sequence[Event], now_us: int) -> None: ...

    def apply_records(
        self,
        transaction: Transaction,
        changes: Sequence[RecordChange],
        first_seq: int,
        now_us: int,
    ) -> list[RecordOutcome]: ...


class LogStats(Struct):
    """Totals of the writing side since the process started; times in seconds."""

    commits: int = 0
    events: int = 0
    duplicates: int = 0
    refused: int = 0
    failures: int = 0
    commit_s: float = 0.0
    slowest_s: float = 0.0


class Log(Protocol):
    """The writing side. Any number of threads may call it; locally one process holds it, on AWS
    any number do.

    ``head`` is the last sequence number committed, ``pending`` how many items wait or are being
    committed, ``failing`` whether the store refused the last commit.
    """

    stats: LogStats

    @property
    def head(self) -> int: ...

    @property
    def pending(self) -> int: ...

    @property
    def failing(self) -> bool: ...

    def lag_ms(self) -> float:
        """How long the oldest write that is not yet durable has been waiting, 0 when none is."""

    def probe(self) -> None:
        """Try an empty durable write; raises ``StorageError`` while the store refuses."""

    def submit(self, write: Write, done: Done) -> None:
        """Queue a write; ``done`` is called once, on a thread of the log's own."""

    def write(self, write: Write, timeout_s: float = 30.0) -> Receipt:
        """Submit and wait; raises what ``done`` would have been given.

        After ``timeout_s`` without an answer a ``StorageError``: the write may still be stored
        then, so that only what has an identity (every event) can safely be sent again.
        """

    def watch(self, watcher: Watcher) -> None:
        """Call ``watcher`` after every commit, in order, on the log's thread; must not block.

        Only where the writer commits itself: on AWS the sequencer gives its commits instead.
        """

    def close(self) -> None:
        """Commit what is queued, then refuse further writes."""


class Chunk(Struct):
    """Consecutive entries of one topic. ``body`` is NDJSON; line i has seq ``first_seq + i``."""

    first_seq: int
    count: int
    ingested_at: int
    body: bytes

    @property
    def last_seq(self) -> int:
        return self.first_seq + self.count - 1


class LogReader(Protocol):
    """The reading side: any process, any number, each at its own position."""

    def head(self) -> int:
        """The highest visible sequence number over all topics, 0 when empty."""

    def chunks(self, topic: Topic, after_seq: int, max_entries: int = 10_000) -> list[Chunk]:
        """Whole chunks holding entries past ``after_seq``, oldest first, at least one if any.

        Stops before ``max_entries``, or what a backend holds in memory at once, would be passed.
        A position that is always set to a chunk's ``last_seq`` never sees an entry twice.
        """

    def chunk_of(self, seq: int) -> Chunk | None:
        """The chunk that holds an entry, of whichever topic; None when there is none such."""

    def close(self) -> None:
        """Free what it holds."""
