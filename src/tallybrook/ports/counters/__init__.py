"""Stored counters: reading, recounting and correcting.

The commit path changes counters through ``ports.log.Transaction``; this port is everything else.

Guarantees: a read sees the effect of every acknowledged write; rows come in order of start; a
bucket that was never counted in is absent (absent means 0). ``correct`` is all or nothing, and
adds, so that it commutes with the commits that go on meanwhile.
"""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Protocol

from msgspec import Struct

from tallybrook.ports.log import CounterKey, Kind

if TYPE_CHECKING:  # a function that only reads rows need not load it
    import numpy as np
    from numpy.typing import NDArray


class CounterRow(Struct, array_like=True):
    """One stored bucket; ``created_at`` and ``updated_at`` are microseconds."""

    start_s: int
    count: int
    created_at: int
    updated_at: int


class SeriesTotal(Struct):
    """A series of an account with its all-time count and the span of its non-zero hours."""

    series: str
    kind: Kind
    count: int
    first_s: int
    last_s: int


class Instants(Struct):
    """A batch of what one series counts: microseconds, shape (n,), and what had none."""

    account_id: str
    kind: Kind
    series: str
    us: "NDArray[np.int64]"
    no_timestamp: int = 0
    invalid_timestamp: int = 0


class Scope(Struct, frozen=True):
    """What of everything is meant: an account's (None: all), from an instant on and before
    another one, in microseconds (None: without end)."""

    account_id: str | None = None
    since_us: int | None = None
    until_us: int | None = None

    def has_account(self, account_id: str) -> bool:
        return self.account_id is None or self.account_id == account_id

    def has(self, account_id: str, at_us: int) -> bool:
        """Whether that instant of that account is meant."""
        return (
            self.has_account(account_id)
            and (self.since_us is None or at_us >= self.since_us)
            and (self.until_us is None or at_us < self.until_us)
        )


EVERYTHING = Scope()
_EVER_S = 1 << 62


def bounds_s(since_s: int | None, scope: Scope) -> tuple[int, int]:
    """The starts of buckets that are meant, half-open, in seconds."""
    first = [-_EVER_S if since_s is None else since_s]
    if scope.since_us is not None:
        first.append(-(-scope.since_us // 1_000_000))
    end_s = _EVER_S if scope.until_us is None else -(-scope.until_us // 1_000_000)
    return max(first), end_s


class Counters(Protocol):
    """The counters of all accounts; every call names the one it is about."""

    def rows(
        self, account_id: str, kind: Kind, series: str, minutes: int, start_s: int, end_s: int
    ) -> list[CounterRow]:
        """Stored buckets of one size whose start lies in ``[start_s, end_s)``."""

    def sums(
        self, account_id: str, minutes: int, start_s: int, end_s: int
    ) -> dict[tuple[Kind, str, int], int]:
        """Counts by (kind, series, start) of all series of the account, zeros left out."""

    def names(self, account_id: str) -> list[tuple[Kind, str]]:
        """Kind and name of every series that was ever counted; quick however long its history."""

    def series(self, account_id: str) -> list[SeriesTotal]:
        """The same with totals, which are added up: as slow as the history is long."""

    def at_once(self) -> AbstractContextManager[None]:
        """Reads of this thread inside the context all see one commit; may be nested."""

    def everything(
        self, since_s: int | None, scope: Scope = EVERYTHING
    ) -> Iterator[tuple[CounterKey, int]]:
        """Every stored bucket (that starts at or after ``since_s``, and in ``scope``), in no
        particular order."""

    def instants(self, scope: Scope = EVERYTHING) -> Iterator[Instants]:
        """Everything that is counted, from the log and the records themselves, in batches. With a
        scope only the instants in it; records without an instant are in every scope of their
        account. The log is read from its beginning all the same: an event of any hour may have
        come at any time."""

    def correct(self, changes: Mapping[CounterKey, int], now_us: int) -> None:
        """Add to these buckets, in one transaction; a 0 makes an absent bucket a stored zero."""
