"""Values in the order of their instants, with counts and exact sums of any stretch. Pure."""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from operator import itemgetter
from typing import Any

from tallybrook.events.instants import DAY_US

_BLOCK = 256
"""So many values share a stored sum: a sum reads the ends of its stretch and the sums between."""

_AT_AND_KEY = itemgetter(0, 1)


class Steps:
    """Instants (µs, sorted) with the value each brought; of equal instants the one with the higher
    key is newer. Putting in order, counting and summing take no longer for being among many."""

    __slots__ = ("_sums", "at", "keys", "values")

    def __init__(self, found: Iterable[tuple[int, str, Any]] = ()) -> None:
        self.at: list[int] = []
        self.keys: list[str] = []
        self.values: list[Any] = []
        for at, key, value in sorted(found, key=_AT_AND_KEY):
            self.at.append(at)
            self.keys.append(key)
            self.values.append(value)
        self._sums: list[tuple[float, ...]] = []

    def within(self, x: int, days: int) -> tuple[int, int]:
        """The slice of what lies inside so many days at x."""
        return bisect_right(self.at, x - days * DAY_US), bisect_right(self.at, x)

    def last(self, x: int) -> int:
        """The index of the newest at x, -1 when there is none."""
        return bisect_right(self.at, x) - 1

    def find(self, at: int, key: str) -> int:
        """The index of what is there under an instant and a key, -1 for nothing."""
        index = self._place(at, key)
        there = index < len(self.at) and self.at[index] == at and self.keys[index] == key
        return index if there else -1

    def put(self, at: int, key: str, value: Any) -> None:
        """Add a value, of which there is none under this instant and key."""
        index = self._place(at, key)
        self.at.insert(index, at)
        self.keys.insert(index, key)
        self.values.insert(index, value)
        del self._sums[index // _BLOCK :]

    def take(self, at: int, key: str) -> None:
        """Take away a value that is there."""
        index = self.find(at, key)
        del self.at[index], self.keys[index], self.values[index]
        del self._sums[index // _BLOCK :]

    def take_until(self, x: int) -> None:
        """Take away everything up to x."""
        end = self.last(x) + 1
        del self.at[:end], self.keys[:end], self.values[:end]
        if end:
            self._sums.clear()

    def total(self, first: int, end: int) -> float:
        """The sum of a slice of numbers, rounded once: as ``math.fsum`` has it."""
        low, high = -(-first // _BLOCK), end // _BLOCK
        if low >= high:
            return math.fsum(map(float, self.values[first:end]))
        while len(self._sums) < high:
            begin = len(self._sums) * _BLOCK
            self._sums.append(_exact_sum(self.values[begin : begin + _BLOCK]))
        ends = chain(self.values[first : low * _BLOCK], self.values[high * _BLOCK : end])
        return math.fsum(chain(map(float, ends), *self._sums[low:high]))

    def _place(self, at: int, key: str) -> int:
        low = bisect_left(self.at, at)
        return bisect_left(self.keys, key, low, bisect_right(self.at, at, low))


def _exact_sum(values: Sequence[Any]) -> tuple[float, ...]:
    """Floats whose sum is that of the values without any rounding."""
    return tuple(_parts([float(value) for value in values]))


def _parts(rest: list[float]) -> Iterator[float]:
    while part := math.fsum(rest):
        yield part
        rest.append(-part)
