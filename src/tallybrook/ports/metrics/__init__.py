"""Where recounted buckets are written: our own counters, or an API of somebody else's.

Guarantees of every sink
------------------------
* **Newer wins.** A bucket is written only if what is stored has no newer version. A recount takes
  its version with ``ticket`` *before* it reads; then the bucket that stays is of a recount that
  read after every change that a recount with a lower version was made for.
* **Durable before told**, bucket by bucket: an error may leave some of them written. The same
  write again, under a new version, is safe.
* **Versions** are microseconds since the epoch, or later when the clock stands or steps back.
* **Absence.** A bucket that was never written is absent; absent means 0.
"""

from collections.abc import Mapping
from typing import Protocol

from msgspec import Struct

from tallybrook.ports.log import CounterKey

BucketKey = tuple[int, int]
"""(minutes, start): start in whole seconds since the epoch."""


class StoredMetric(Struct, frozen=True):
    """A stored bucket; instants in microseconds, ``version`` as it was written with."""

    minutes: int
    start_s: int
    count: int
    version: int
    created_at: int
    updated_at: int


class Written(Struct):
    """The outcome of a write.

    ``superseded`` buckets had a newer version already, which is as good. ``changes`` are of the
    minute buckets that now have another count than before: by how much (a sink that is not told
    what it replaced leaves it empty).
    """

    written: int = 0
    superseded: int = 0
    changes: dict[CounterKey, int] = {}


class MetricSink(Protocol):
    """Writes and reads the buckets of record types. Any number of threads may call it."""

    def ticket(self, account_id: str, record_type: str) -> int:
        """A version above every one this sink gave out for the series."""

    def write(
        self,
        account_id: str,
        record_type: str,
        counts: Mapping[BucketKey, int],
        version: int,
        now_us: int,
    ) -> Written:
        """Store these buckets, zeros included, where nothing newer than ``version`` is stored."""

    def stored(
        self,
        account_id: str,
        record_type: str,
        minutes: int,
        start_s: int,
        end_s: int,
        limit: int | None = None,
    ) -> list[StoredMetric]:
        """Buckets of one size whose start lies in ``[start_s, end_s)``, in order of start, the
        first ``limit`` of them."""

    def types(self, account_id: str) -> list[str]:
        """The record types that buckets are stored of, in order."""
