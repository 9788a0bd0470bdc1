"""Where records are read from to be counted: our own tables, or an API of somebody else's.

Guarantees of every source
--------------------------
* **All of it or an error.** ``read`` gives the records of every page or raises; what was given
  before an error must not be used.
* **After the fact.** A change that was durable before ``read`` was called is seen.
* **Duplicates.** A record that moves while it is being read may be given twice, or not at all:
  its change comes with a recount of its own, which reads after it. The reader counts distinct ids.
* **Order.** None.
* **Absence.** An account that nobody knows has no records.
"""

from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple, Protocol

from msgspec import Struct

Skipped = Literal["no_timestamp", "invalid_timestamp"]


class Interval(NamedTuple):
    """``[start_us, end_us)`` in microseconds since the epoch."""

    start_us: int
    end_us: int


class RecordRow(NamedTuple):
    """What counting needs of a record; without an instant ``skipped`` says why."""

    record_id: str
    instant_us: int | None
    skipped: Skipped | None = None


class RecordSource(Protocol):
    """Reads records by their instant. Any number of threads may call it."""

    def read(
        self, account_id: str, record_type: str, intervals: Sequence[Interval]
    ) -> Iterator[RecordRow]:
        """The records whose instant lies in one of the intervals (disjoint, ascending).

        A source may give others beside them, and those without an instant where it finds any.
        Raises ``RetryableError`` or another ``TallybrookError`` when a page cannot be read.
        """


class FullRecord(Struct, frozen=True):
    """A stored record. ``body`` is its JSON object."""

    record_id: str
    instant_us: int | None
    body: str


class Place(NamedTuple):
    """Where a page ended, in the order of a listing."""

    instant_us: int
    record_id: str


class RecordShelf(RecordSource, Protocol):
    """A source that also gives the records themselves."""

    def page(
        self,
        account_id: str,
        record_type: str,
        interval: Interval,
        limit: int,
        after: Place | None = None,
    ) -> list[FullRecord]:
        """Up to ``limit`` records of the interval in the order of (instant, id), past ``after``.

        Records without an instant are in no interval.
        """

    def get(self, account_id: str, record_type: str, record_id: str) -> FullRecord | None:
        """One record, or None."""
