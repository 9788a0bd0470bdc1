"""Which bucket an instant falls in, and which buckets make up a range. Pure.

A bucket of size m starts at ``floor(t / 60m) * 60m`` in epoch seconds, a true floor before 1970
as well, and is half-open. Every size divides the next, so each nests in one of the next size.
"""

from collections.abc import Iterator
from typing import NamedTuple

SIZES = (1, 5, 15, 60)
"""Minutes of the stored buckets, smallest first."""

LARGEST = SIZES[-1]


class Bucket(NamedTuple):
    """``start_s`` in whole seconds since the epoch, ``minutes`` long."""

    start_s: int
    minutes: int

    @property
    def end_s(self) -> int:
        return self.start_s + 60 * self.minutes


def start_of(instant_us: int, minutes: int) -> int:
    """The start, in epoch seconds, of the bucket of that size that holds the instant."""
    return instant_us // (60_000_000 * minutes) * (60 * minutes)


def buckets_of(instant_us: int) -> list[Bucket]:
    """The one bucket of each size that holds the instant, smallest first."""
    return [Bucket(start_of(instant_us, minutes), minutes) for minutes in SIZES]


def starts_between(start_s: int, end_s: int, minutes: int) -> range:
    """Starts of the buckets that overlap ``[start_s, end_s)``."""
    step = 60 * minutes
    return range(start_s // step * step, end_s, step)


class Span(NamedTuple):
    """Consecutive buckets of one size: ``[start_s, end_s)``."""

    minutes: int
    start_s: int
    end_s: int

    @property
    def buckets(self) -> int:
        return (self.end_s - self.start_s) // (60 * self.minutes)


def cover(start_us: int, end_us: int, largest: int = LARGEST) -> list[Span]:
    """The spans that tile what whole minutes of ``[start_us, end_us)`` hold.

    Only buckets wholly inside, the largest (at most ``largest`` minutes) first, finer ones at
    the edges; disjoint, in time order. What is left at either end is less than a minute (the
    spans do not reach it).
    """
    first = -(-start_us // 60_000_000) * 60
    last = end_us // 60_000_000 * 60
    return list(_tile(first, last, SIZES.index(largest))) if first < last else []


def _tile(start_s: int, end_s: int, level: int) -> Iterator[Span]:
    if start_s >= end_s:
        return
    step = 60 * SIZES[level]
    if level == 0:
        yield Span(SIZES[0], start_s, end_s)
        return
    inner_start, inner_end = -(-start_s // step) * step, end_s // step * step
    if inner_start >= inner_end:
        yield from _tile(start_s, end_s, level - 1)
        return
    yield from _tile(start_s, inner_start, level - 1)
    yield Span(SIZES[level], inner_start, inner_end)
    yield from _tile(inner_end, end_s, level - 1)
