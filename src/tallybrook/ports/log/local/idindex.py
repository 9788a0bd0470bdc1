"""Which event ids the log holds: exact, at a cost that does not grow with their number.

The ids of the newest entries are in memory (and found again in the log itself after a restart);
older ones are in sorted segments on disk, with a Bloom filter in front, so that the usual
answer, "never seen", touches no disk. A hash only proposes; the caller compares the id itself.
"""

import logging
import threading
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rbloom import Bloom

from tallybrook.ports.log.local.segments import Rows, SegmentSet, signed

_log = logging.getLogger(__name__)

SEAL_AT = 262_144
_SLICE = 4_096
_FALSE_POSITIVES = 0.001
_ROOM = 1_000_000

Seqs = int | tuple[int, ...]


class IdIndex:
    """Hash of (account, event id) to the sequence numbers that may hold it.

    One thread calls ``candidates`` and ``add``; sealing and merging go on in another.
    """

    def __init__(self, folder: Path, seal_at: int = SEAL_AT) -> None:
        self._segments = SegmentSet(folder, columns=2)
        self._segments.sweep()
        self._seal_at = seal_at
        self._recent: dict[int, Seqs] = {}
        self._sealing: dict[int, Seqs] = {}
        self._first = self._segments.last + 1
        self._filter: Bloom | None = None
        self._thread: threading.Thread | None = None
        self._failed = False
        self._start(self._fill_filter)

    @property
    def sealed(self) -> int:
        """Entries up to this sequence number need not be fed again after a restart."""
        return self._segments.last

    @property
    def size(self) -> int:
        """Ids held, in memory and on disk."""
        on_disk = sum(len(segment) for segment in self._segments.segments)
        return on_disk + len(self._sealing) + len(self._recent)

    def screen(self) -> tuple[Mapping[int, Seqs], Callable[[int], bool]]:
        """The quick question, to be asked again for each transaction.

        A key that is not in the mapping and of which the function says True is certainly
        unknown; of any other ``candidates`` tells.
        """
        # In this order: a seal that ends in between has put its keys into the filter first.
        sealing = self._sealing
        bloom = self._filter
        if not self._segments.segments and not sealing:
            return self._recent, _surely
        if bloom is None:
            return self._recent, lambda key: not self.candidates(key)
        if sealing:
            return self._recent, lambda key: key not in sealing and key not in bloom
        return self._recent, lambda key: key not in bloom

    def candidates(self, key: int) -> tuple[int, ...]:
        """Sequence numbers of entries with this hash; empty means certainly never seen."""
        recent, sealing = self._recent.get(key, ()), self._sealing.get(key, ())
        return (*_several(recent), *_several(sealing), *self._on_disk(key))

    def _on_disk(self, key: int) -> tuple[int, ...]:
        bloom = self._filter
        if bloom is not None and key not in bloom:
            return ()
        rows = self._segments.find(signed(key))
        return tuple(int(seq) for found in rows for seq in found[1])

    def add(self, seqs: Mapping[int, int], collided: Iterable[tuple[int, int]], last: int) -> None:
        """Remember hashes of entries up to ``last``. ``collided``: hashes that another id has."""
        self._recent.update(seqs)
        for key, seq in collided:
            self._recent[key] = (*_several(self._recent.get(key, ())), seq)
        if len(self._recent) >= self._seal_at and not self._busy():
            self._sealing, self._recent = self._recent, {}
            first, self._first = self._first, last + 1
            self._start(self._seal, first, last)

    def close(self) -> None:
        """Wait for a seal under way."""
        if self._thread is not None:
            self._thread.join()

    def _busy(self) -> bool:
        return self._failed or (self._thread is not None and self._thread.is_alive())

    def _start(self, work: object, *args: int) -> None:
        self._thread = threading.Thread(target=self._guarded, args=(work, *args), daemon=True)
        self._thread.start()

    def _guarded(self, work: object, *args: int) -> None:
        """A disk that refuses a segment costs memory and not correctness: say so and go on."""
        try:
            work(*args)  # type: ignore[operator]
        except OSError:
            self._failed = True
            _log.exception("id index: cannot write a segment; ids stay in memory until restart")

    def _seal(self, first: int, last: int) -> None:
        rows = _rows(self._sealing)
        self._segments.add(first, last, rows)
        if self._filter is None or self._crowded():
            self._fill_filter()
        else:
            _update(self._filter, rows[0])
        self._sealing = {}
        while self._segments.merge():
            pass

    def _crowded(self) -> bool:
        on_disk = sum(len(segment) for segment in self._segments.segments)
        return on_disk > self._capacity

    def _fill_filter(self) -> None:
        """Build the filter anew, with room to grow; until it is there the segments are asked."""
        on_disk = sum(len(segment) for segment in self._segments.segments)
        self._capacity = max(_ROOM, 2 * on_disk)
        fresh = Bloom(self._capacity, _FALSE_POSITIVES)
        for segment in self._segments.segments:
            for start in range(0, len(segment), _SLICE):
                _update(fresh, segment.rows[0, start : start + _SLICE])
        self._filter = fresh


def _several(found: Seqs) -> tuple[int, ...]:
    return found if isinstance(found, tuple) else (found,)


def _surely(_key: int) -> bool:
    return True


def _rows(found: Mapping[int, Seqs]) -> Rows:
    """Hashes and sequence numbers as the rows of a segment, without a tuple for each."""
    count = len(found)
    try:
        seqs = np.fromiter(found.values(), np.int64, count)
    except (TypeError, ValueError):  # some hash stands for several
        pairs = [(signed(key), seq) for key, value in found.items() for seq in _several(value)]
        return np.array(pairs, dtype=np.int64).T
    keys = np.fromiter(found.keys(), np.uint64, count).view(np.int64)
    return np.stack((keys, seqs))


def _update(bloom: Bloom, keys: NDArray[np.int64]) -> None:
    """Add in slices: the filter holds the interpreter while it takes one."""
    unsigned = np.ascontiguousarray(keys).view(np.uint64)
    for start in range(0, len(unsigned), _SLICE):
        bloom.update(unsigned[start : start + _SLICE].tolist())
