"""Reading counters: ranges, buckets, and the current and previous bucket of every series."""

from msgspec import Struct

from tallybrook.counters.buckets import LARGEST, SIZES, cover, start_of
from tallybrook.counters.rows import BucketRow, bucket_row, zero_filled
from tallybrook.errors import InvalidError
from tallybrook.events.instants import MAX_US, MIN_US, MINUTE_US, format_instant
from tallybrook.ports.counters import Counters
from tallybrook.ports.log import Kind

MAX_BUCKETS = 50_000


class RangeCount(Struct):
    """How many of a series lie in ``[start, end)``, and the stored buckets that say so.

    Only whole minutes can be read from buckets: ``start`` and ``end`` are the range that was
    asked for, ``counted_start`` and ``counted_end`` the one that the count is of.
    """

    series: str
    kind: Kind
    count: int
    start: str
    end: str
    counted_start: str
    counted_end: str
    buckets_used: dict[str, int]


class Slot(Struct):
    """One bucket of the current view."""

    start: str
    end: str
    count: int
    complete: bool


class Pair(Struct):
    current: Slot
    previous: Slot


class SeriesNow(Struct):
    series: str
    kind: Kind
    buckets: dict[str, Pair]


class Check(Struct):
    """Whether the sizes agree: the last hour's complete buckets counted at each size."""

    ok: bool
    start: str
    end: str
    totals: dict[str, int]


class Now(Struct):
    """The current and previous bucket of each size, for every series of the account."""

    as_of: str
    series: list[SeriesNow]
    check: Check


def count_range(
    counters: Counters, account_id: str, kind: Kind, series: str, start_us: int, end_us: int
) -> RangeCount:
    """Count over ``[start_us, end_us)`` from buckets wholly inside, largest first."""
    if start_us > end_us:
        raise InvalidError.of("/start", "must not be after end")
    spans = cover(start_us, end_us)
    used = dict.fromkeys(map(str, reversed(SIZES)), 0)
    count = 0
    with counters.at_once():
        for span in spans:
            used[str(span.minutes)] += span.buckets
            rows = counters.rows(account_id, kind, series, span.minutes, span.start_s, span.end_s)
            count += sum(row.count for row in rows)
    counted = (spans[0].start_s, spans[-1].end_s) if spans else (start_us // 1_000_000,) * 2
    return RangeCount(
        series, kind, count, format_instant(start_us), format_instant(end_us),
        format_instant(counted[0] * 1_000_000), format_instant(counted[1] * 1_000_000), used,
    )  # fmt: skip


def bucket_rows(
    counters: Counters,
    account_id: str,
    kind: Kind,
    series: str,
    minutes: int,
    start_us: int,
    end_us: int,
    as_of_us: int,
) -> list[BucketRow]:
    """All buckets of one size that overlap ``[start_us, end_us)``, zeros included, in order."""
    if minutes not in SIZES:
        raise InvalidError.of("/minutes", f"must be one of {', '.join(map(str, SIZES))}")
    if start_us > end_us:
        raise InvalidError.of("/start", "must not be after end")
    start_s, end_s = start_of(start_us, minutes), -(-end_us // 1_000_000)
    if (end_s - start_s) // (60 * minutes) > MAX_BUCKETS:
        raise InvalidError.of("/start", f"asks for more than {MAX_BUCKETS} buckets")
    rows = counters.rows(account_id, kind, series, minutes, start_s, end_s)
    filled = zero_filled(rows, minutes, start_s, end_s)
    return [bucket_row(account_id, series, minutes, row, as_of_us) for row in filled]


def now(counters: Counters, account_id: str, as_of_us: int) -> Now:
    """The view at ``as_of_us``; a series shows when it has anything in these buckets."""
    as_of_us = min(max(as_of_us, MIN_US + 2 * LARGEST * MINUTE_US), MAX_US - LARGEST * MINUTE_US)
    counts: dict[int, dict[tuple[Kind, str, int], int]] = {}
    with counters.at_once():
        for minutes in SIZES:
            start = start_of(as_of_us, minutes)
            counts[minutes] = counters.sums(
                account_id, minutes, start - 60 * minutes, start + 60 * minutes
            )
        check = cross_check(counters, account_id, as_of_us)
    names = sorted({(kind, series) for sums in counts.values() for kind, series, _ in sums})
    shown = [
        SeriesNow(
            series,
            kind,
            {str(m): _pair(counts[m], kind, series, m, as_of_us) for m in SIZES},
        )
        for kind, series in names
    ]
    return Now(format_instant(as_of_us), shown, check)


def cross_check(counters: Counters, account_id: str, as_of_us: int) -> Check:
    """Count the previous full hour at every size; exact counters give the same four times."""
    end_s = start_of(as_of_us, LARGEST)
    start_s = end_s - 60 * LARGEST
    totals = {
        str(minutes): sum(counters.sums(account_id, minutes, start_s, end_s).values())
        for minutes in SIZES
    }
    return Check(
        len(set(totals.values())) == 1,
        format_instant(start_s * 1_000_000),
        format_instant(end_s * 1_000_000),
        totals,
    )


def _pair(
    sums: dict[tuple[Kind, str, int], int], kind: Kind, series: str, minutes: int, as_of_us: int
) -> Pair:
    start = start_of(as_of_us, minutes)
    return Pair(
        _slot(sums, kind, series, minutes, start, as_of_us),
        _slot(sums, kind, series, minutes, start - 60 * minutes, as_of_us),
    )


def _slot(
    sums: dict[tuple[Kind, str, int], int],
    kind: Kind,
    series: str,
    minutes: int,
    start_s: int,
    as_of_us: int,
) -> Slot:
    end_us = (start_s + 60 * minutes) * 1_000_000
    count = sums.get((kind, series, start_s), 0)
    return Slot(
        format_instant(start_s * 1_000_000), format_instant(end_us), count, end_us <= as_of_us
    )
