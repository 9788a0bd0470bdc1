"""Stored buckets as they are shown: the names of the row, ``complete``, zeros filled in. Pure."""

from msgspec import Struct

from tallybrook.counters.buckets import starts_between
from tallybrook.events.instants import format_instant
from tallybrook.ports.counters import CounterRow


class BucketRow(Struct):
    """One bucket of a series. ``complete``: it ended at or before the ``as_of`` of the read.

    ``createdAt`` and ``updatedAt`` are None for a bucket that nothing was ever counted in.
    """

    accountId: str  # noqa: N815 - the names are the schema's that other software reads
    compositeKey: str  # noqa: N815
    recordType: str  # noqa: N815
    timeRangeStart: str  # noqa: N815
    timeRangeEnd: str  # noqa: N815
    numberOfMinutes: int  # noqa: N815
    count: int
    complete: bool
    createdAt: str | None  # noqa: N815
    updatedAt: str | None  # noqa: N815


def bucket_row(
    account_id: str, series: str, minutes: int, row: CounterRow, as_of_us: int
) -> BucketRow:
    """The shown form of a stored (or absent, count 0) bucket."""
    start, end = row.start_s, row.start_s + 60 * minutes
    start_text = format_instant(start * 1_000_000)
    return BucketRow(
        accountId=account_id,
        compositeKey=f"{series}#{start_text}#{minutes}",
        recordType=series,
        timeRangeStart=start_text,
        timeRangeEnd=format_instant(end * 1_000_000),
        numberOfMinutes=minutes,
        count=row.count,
        complete=end * 1_000_000 <= as_of_us,
        createdAt=format_instant(row.created_at) if row.created_at else None,
        updatedAt=format_instant(row.updated_at) if row.updated_at else None,
    )


def zero_filled(rows: list[CounterRow], minutes: int, start_s: int, end_s: int) -> list[CounterRow]:
    """Every bucket that overlaps ``[start_s, end_s)``, absent ones with count 0."""
    found = {row.start_s: row for row in rows}
    return [
        found.get(start) or CounterRow(start, 0, 0, 0)
        for start in starts_between(start_s, end_s, minutes)
    ]
