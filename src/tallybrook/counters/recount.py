"""Counting from scratch: the slow way that the fast one must agree with.

Every size is counted from the instants themselves, never from another size, and the sums are
held against each other and against the number of records read before anything is written.
"""

from collections.abc import Iterable, Iterator

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from tallybrook.counters.buckets import LARGEST, SIZES
from tallybrook.counters.tallies import CrossCheckError, Tally, require_agreement
from tallybrook.events.instants import HOUR_US
from tallybrook.ports.counters import EVERYTHING, Counters, Scope
from tallybrook.ports.log import CounterKey, Kind

__all__ = ["CrossCheckError", "Tally", "recount", "require_agreement", "tally"]


def tally(
    instants_us: NDArray[np.int64],
    hours: Iterable[int] | None = None,
    *,
    no_timestamp: int = 0,
    invalid_timestamp: int = 0,
) -> Tally:
    """Count distinct records' instants (microseconds, shape (n,)) in the given hours.

    ``hours`` are hour numbers (``instant // 1 h``); None means every hour that has an instant.
    Raises ``CrossCheckError``.
    """
    ordered = np.sort(instants_us)
    touched = ordered // HOUR_US
    if hours is None:
        window, inside = _distinct(touched)[0], ordered
    else:
        window = np.unique(np.fromiter(hours, np.int64))
        inside = ordered[np.isin(touched, window)]
    counts: dict[tuple[int, int], int] = {}
    for minutes in SIZES:
        counts.update(_zeros(window, minutes))
        counts.update(_counted(inside, minutes))
    result = Tally(
        counts,
        read=len(instants_us) + no_timestamp + invalid_timestamp,
        counted=len(inside),
        out_of_window=len(instants_us) - len(inside),
        skipped_no_timestamp=no_timestamp,
        skipped_invalid_timestamp=invalid_timestamp,
    )
    require_agreement(result)
    return result


def _zeros(hours: NDArray[np.int64], minutes: int) -> Iterator[tuple[tuple[int, int], int]]:
    per_hour = LARGEST // minutes
    starts = (hours[:, None] * 3600 + np.arange(per_hour) * 60 * minutes).ravel()
    return (((minutes, start), 0) for start in starts.tolist())


def _counted(ordered_us: NDArray[np.int64], minutes: int) -> Iterator[tuple[tuple[int, int], int]]:
    numbers, counts = _distinct(ordered_us // (60_000_000 * minutes))
    starts = (numbers * (60 * minutes)).tolist()
    return (((minutes, s), n) for s, n in zip(starts, counts.tolist(), strict=True))


def _distinct(ordered: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The distinct numbers of a sorted array and how often each stands there. The order of
    instants is that of their buckets at every size, so one sort serves them all."""
    starts = np.flatnonzero(np.diff(ordered, prepend=ordered[:1] - 1))
    return ordered[starts], np.diff(starts, append=len(ordered))


class Difference(Struct):
    """A stored bucket that a recount disagrees with."""

    key: CounterKey
    stored: int
    recounted: int


class Recount(Struct):
    """A whole recount: per (account, kind, series) its tally, and where the store differs."""

    tallies: dict[tuple[str, Kind, str], Tally]
    differences: list[Difference]
    missing_zeros: list[CounterKey]


def recount(counters: Counters, since_us: int | None = None, scope: Scope = EVERYTHING) -> Recount:
    """Count everything stored and compare, all read at one commit. Writes nothing.

    With ``since_us`` only hours from that one on are compared; what lies before is
    ``out_of_window`` in the tallies. With a ``scope``, whose instants are whole hours, nothing but
    what is in it is held: its tallies know nothing of the rest.
    """
    since_hour = None if since_us is None else since_us // HOUR_US
    with counters.at_once():
        since_s = None if since_hour is None else since_hour * 3600
        stored = dict(counters.everything(since_s, scope))
        tallies = _tallies(counters, stored, since_hour, scope)
    expected: dict[CounterKey, int] = {
        (*series, minutes, start): count
        for series, result in tallies.items()
        for (minutes, start), count in result.counts.items()
    }
    wrong = [
        Difference(key, stored.get(key, 0), expected.get(key, 0))
        for key in stored.keys() | expected.keys()
        if stored.get(key, 0) != expected.get(key, 0)
    ]
    zeros = [key for key, count in expected.items() if count == 0 and key not in stored]
    return Recount(tallies, sorted(wrong, key=lambda d: d.key), zeros)


def corrections(found: Recount) -> dict[CounterKey, int]:
    """What to add to the store so that it says what the recount says, zeros included."""
    changes = {d.key: d.recounted - d.stored for d in found.differences}
    changes.update(dict.fromkeys(found.missing_zeros, 0))
    return changes


def _tallies(
    counters: Counters, stored: dict[CounterKey, int], since_hour: int | None, scope: Scope
) -> dict[tuple[str, Kind, str], Tally]:
    gathered: dict[tuple[str, Kind, str], list[NDArray[np.int64]]] = {}
    skipped: dict[tuple[str, Kind, str], tuple[int, int]] = {}
    for batch in counters.instants(scope):
        series = (batch.account_id, batch.kind, batch.series)
        gathered.setdefault(series, []).append(batch.us)
        if batch.kind == "record":
            skipped[series] = (batch.no_timestamp, batch.invalid_timestamp)
    for account_id, kind, name, _, _ in stored:
        gathered.setdefault((account_id, kind, name), [])
    hours: dict[tuple[str, Kind, str], set[int]] = {}
    for account_id, kind, name, _, start_s in stored:
        hours.setdefault((account_id, kind, name), set()).add(start_s // 3600)
    tallies: dict[tuple[str, Kind, str], Tally] = {}
    for series, parts in gathered.items():
        us = np.concatenate(parts) if parts else np.empty(0, np.int64)
        touched = set(np.unique(us // HOUR_US).tolist()) | hours.get(series, set())
        window = {h for h in touched if since_hour is None or h >= since_hour}
        missing, invalid = skipped.get(series, (0, 0))
        tallies[series] = tally(us, window, no_timestamp=missing, invalid_timestamp=invalid)
    return tallies
