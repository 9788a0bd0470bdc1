"""Immutable sorted files of (hash, ..., seq) rows: the cold part of an index over the log.

A segment covers a range of sequence numbers and holds one column of 64-bit hashes, sorted, and
further columns beside it. Files are written whole, synced and renamed, so one that exists is
complete; ``first-last`` in its name says what it covers. Segments of like size are merged eight
at a time, which keeps their number logarithmic and each row's rewrites few.
"""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int64]
"""Shape (columns, n); row 0 holds the hashes as signed 64-bit, ascending."""

FAN_IN = 8


def signed(value: int) -> int:
    """An unsigned 64-bit hash as the signed integer that the files hold."""
    return value - (1 << 64) if value >= 1 << 63 else value


class Segment:
    """One file: ``first``..``last`` are the sequence numbers it covers."""

    def __init__(self, path: Path) -> None:
        self.path = path
        first, last = path.stem.split("-")
        self.first, self.last = int(first), int(last)
        self.rows: Rows = np.load(path, mmap_mode="r")

    def __len__(self) -> int:
        return int(self.rows.shape[1])

    def find(self, key: int) -> Rows:
        """The rows whose hash is ``key`` (signed), possibly none; a copy."""
        start = int(np.searchsorted(self.rows[0], key, "left"))
        stop = int(np.searchsorted(self.rows[0], key, "right"))
        return np.array(self.rows[:, start:stop])


class SegmentSet:
    """The segments of one index in one folder, oldest first. One writer; readers may reload."""

    def __init__(self, folder: Path, columns: int) -> None:
        self.folder = folder
        self.columns = columns
        folder.mkdir(parents=True, exist_ok=True)
        self.segments: list[Segment] = []
        self.reload()

    @property
    def last(self) -> int:
        """The highest sequence number covered, 0 when empty."""
        return self.segments[-1].last if self.segments else 0

    def reload(self) -> None:
        """Take the files as they are now; a merged file hides the ones it was made from."""
        while not self._reloaded():
            pass  # a merge took files away between the listing and the opening: list again

    def _reloaded(self) -> bool:
        found = {segment.path: segment for segment in self.segments}
        names = sorted(self.folder.glob("*-*.npy"), key=_range_of)
        kept: list[Segment] = []
        for path in names:
            if kept and _range_of(path)[0] <= kept[-1].last:
                continue  # covered by the larger file before it
            try:
                kept.append(found.get(path) or Segment(path))
            except FileNotFoundError:
                return False
        self.segments = kept
        return True

    def find(self, key: int) -> Iterator[Rows]:
        """Matching rows segment by segment, newest segment first."""
        for segment in reversed(self.segments):
            rows = segment.find(key)
            if rows.shape[1]:
                yield rows

    def add(self, first: int, last: int, rows: Rows) -> Segment:
        """Store rows (any order) as the segment that covers ``first``..``last``."""
        order = np.lexsort(rows[::-1])
        segment = self._write(first, last, rows[:, order])
        self.segments = [*self.segments, segment]
        return segment

    def merge(self) -> bool:
        """Merge one run of eight like-sized neighbours, if there is one; tells whether it did."""
        run = self._run()
        if run is None:
            return False
        rows = np.concatenate([segment.rows for segment in run], axis=1)
        order = np.lexsort(rows[::-1])
        merged = self._write(run[0].first, run[-1].last, rows[:, order])
        start = self.segments.index(run[0])
        self.segments = [*self.segments[:start], merged, *self.segments[start + len(run) :]]
        for segment in run:
            segment.path.unlink(missing_ok=True)
        return True

    def sweep(self) -> None:
        """Delete files that a crash left behind (temporary ones, merged ones). Writer only."""
        live = {segment.path for segment in self.segments}
        for path in self.folder.iterdir():
            if path not in live:
                path.unlink(missing_ok=True)

    def _run(self) -> Sequence[Segment] | None:
        for start in range(len(self.segments) - FAN_IN + 1):
            run = self.segments[start : start + FAN_IN]
            sizes = [len(segment) for segment in run]
            if max(sizes) < FAN_IN * max(1, min(sizes)):
                return run
        return None

    def _write(self, first: int, last: int, rows: Rows) -> Segment:
        path = self.folder / f"{first:016d}-{last:016d}.npy"
        temporary = path.with_suffix(".tmp")
        with temporary.open("wb") as file:
            np.save(file, np.ascontiguousarray(rows))
            file.flush()
            os.fsync(file.fileno())
        temporary.rename(path)
        sync_folder(self.folder)
        return Segment(path)


def _range_of(path: Path) -> tuple[int, int]:
    """Sort key: by start, and of those starting together the longest first."""
    first, last = path.stem.split("-")
    return int(first), -int(last)


def sync_folder(folder: Path) -> None:
    """Make a rename in the folder durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
