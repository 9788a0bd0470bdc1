"""What a change of records makes to be counted again, and that counting. Pure.

Plain Python on purpose: it runs where there is no room for numpy.
"""

from array import array
from collections.abc import Iterable, Iterator, Sequence

import xxhash
from msgspec import Struct

from tallybrook.counters.buckets import LARGEST, SIZES
from tallybrook.counters.tallies import Tally, require_agreement
from tallybrook.events.instants import HOUR_US
from tallybrook.ports.records import Interval, RecordRow, Skipped

Pair = tuple[str, str]
"""(account, record type)."""


class Touch(Struct, frozen=True):
    """A record that changed, as the change told of it.

    ``old_us`` and ``new_us`` are the instants of the images before and after it (None where there
    is no image or it has no instant). ``skipped`` says why a new image has none. ``token`` is how
    the caller knows the change again.
    """

    account_id: str
    record_type: str
    record_id: str
    token: str
    old_us: int | None = None
    new_us: int | None = None
    skipped: Skipped | None = None

    @property
    def pair(self) -> Pair:
        return self.account_id, self.record_type


class Window(Struct, frozen=True):
    """The hours to count again (numbers, ``instant // 1 h``, ascending), and touched ones that
    lie further back than is looked."""

    hours: tuple[int, ...]
    beyond: tuple[int, ...] = ()

    @property
    def intervals(self) -> list[Interval]:
        """The hours as intervals, neighbours as one."""
        merged: list[Interval] = []
        for hour in self.hours:
            start, end = hour * HOUR_US, (hour + 1) * HOUR_US
            if merged and merged[-1].end_us == start:
                start = merged.pop().start_us
            merged.append(Interval(start, end))
        return merged


def affected(touches: Iterable[Touch]) -> dict[Pair, list[Touch]]:
    """The changes by account and type, in their order."""
    pairs: dict[Pair, list[Touch]] = {}
    for touch in touches:
        pairs.setdefault(touch.pair, []).append(touch)
    return pairs


def window_of(touches: Iterable[Touch], now_us: int, look_back_h: int | None = None) -> Window:
    """The previous and the current hour, and every hour that an old or a new image lies in.

    With ``look_back_h`` hours more than that many before the current one are left out.
    """
    current = now_us // HOUR_US
    instants = (at for touch in touches for at in (touch.old_us, touch.new_us) if at is not None)
    touched = {at // HOUR_US for at in instants}
    earliest = min(touched, default=current) if look_back_h is None else current - look_back_h
    inside = {hour for hour in touched if hour >= earliest} | {current - 1, current}
    return Window(tuple(sorted(inside)), tuple(sorted(touched - inside)))


_PARTS = 256
_NO_TIMESTAMP, _INVALID = -(1 << 63), -(1 << 63) + 1
_MARKS: dict[Skipped | None, int] = {None: _NO_TIMESTAMP, "no_timestamp": _NO_TIMESTAMP,
                                     "invalid_timestamp": _INVALID}  # fmt: skip

Part = tuple["array[int]", "array[int]", "array[int]"]


class Gathered:
    """Ids and instants of what was read, 24 bytes a record: a million fit beside an SDK in 128 MB.

    Ids are kept as 128-bit digests, spread over parts that are small enough for a set each.
    """

    def __init__(self) -> None:
        self._parts: list[Part] = [(array("Q"), array("Q"), array("q")) for _ in range(_PARTS)]

    def add(self, record_id: str, instant_us: int | None, skipped: Skipped | None = None) -> None:
        digest = xxhash.xxh3_128_intdigest(record_id.encode())
        high, low, instants = self._parts[digest % _PARTS]
        high.append(digest >> 64)
        low.append(digest & 0xFFFF_FFFF_FFFF_FFFF)
        instants.append(_MARKS[skipped] if instant_us is None else instant_us)

    def distinct(self) -> Iterator[int]:
        """The instant, or a mark, of each distinct id; of one that was added twice the first."""
        for part in self._parts:
            seen: set[tuple[int, int]] = set()
            for high, low, instant in zip(*part, strict=True):
                if (high, low) not in seen:
                    seen.add((high, low))
                    yield instant


def tally_window(rows: Iterable[RecordRow], touches: Sequence[Touch], window: Window) -> Tally:
    """Count distinct records in the window's hours, every bucket of them, zeros included.

    What the images tell of is looked at too: a record without an instant, or beyond the window,
    is in no interval that was read. Of one that is in both, what was read counts.
    Raises ``CrossCheckError``.
    """
    gathered = Gathered()
    for row in rows:
        gathered.add(*row)
    last = {touch.record_id: touch for touch in touches}
    beyond = set(window.beyond)
    for touch in last.values():
        if touch.skipped or (touch.new_us is not None and touch.new_us // HOUR_US in beyond):
            gathered.add(touch.record_id, touch.new_us, touch.skipped)
    result = _tally(gathered.distinct(), window.hours)
    require_agreement(result)
    return result


def _tally(instants: Iterable[int], hours: Sequence[int]) -> Tally:
    result = Tally(_zeros(hours), read=0, counted=0, out_of_window=0)
    inside, counts = frozenset(hours), result.counts
    for instant in instants:
        result.read += 1
        if instant == _NO_TIMESTAMP:
            result.skipped_no_timestamp += 1
        elif instant == _INVALID:
            result.skipped_invalid_timestamp += 1
        elif instant // HOUR_US not in inside:
            result.out_of_window += 1
        else:
            result.counted += 1
            for minutes in SIZES:
                counts[minutes, instant // (60_000_000 * minutes) * (60 * minutes)] += 1
    return result


def _zeros(hours: Iterable[int]) -> dict[tuple[int, int], int]:
    return {
        (minutes, hour * 3600 + step * 60 * minutes): 0
        for hour in hours
        for minutes in SIZES
        for step in range(LARGEST // minutes)
    }
