"""What a recount counted, and the check that it adds up. Pure."""

from collections.abc import Mapping

from msgspec import Struct

from tallybrook.counters.buckets import SIZES
from tallybrook.errors import TallybrookError


class CrossCheckError(TallybrookError):
    """The sums of a recount do not agree; nothing was written."""

    slug, title = "cross-check", "Recount does not add up"


class Tally(Struct):
    """One series counted over a set of hours.

    ``counts`` holds (minutes, start) of **every** bucket of the hours, zeros included.
    ``counted + out_of_window + skipped`` is the number of records read.
    """

    counts: dict[tuple[int, int], int]
    read: int
    counted: int
    out_of_window: int
    skipped_no_timestamp: int = 0
    skipped_invalid_timestamp: int = 0


def sizes_of(counts: Mapping[tuple[int, int], int]) -> dict[int, tuple[int, int]]:
    """For each size the number of buckets and their sum."""
    found = dict.fromkeys(SIZES, (0, 0))
    for (minutes, _), count in counts.items():
        buckets, total = found[minutes]
        found[minutes] = (buckets + 1, total + count)
    return found


def require_agreement(result: Tally) -> None:
    """Raise ``CrossCheckError`` unless every size sums to what was counted, and all adds up."""
    for minutes, (_, total) in sizes_of(result.counts).items():
        if total != result.counted:
            raise CrossCheckError(f"{minutes} min: {total} in buckets, {result.counted} counted")
    accounted = (
        result.counted
        + result.out_of_window
        + result.skipped_no_timestamp
        + result.skipped_invalid_timestamp
    )
    if accounted != result.read:
        raise CrossCheckError(f"{accounted} accounted for, {result.read} read")
