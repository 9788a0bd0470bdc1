"""A watched directory with the prefixes of a bucket: which files in it are ready to be worked off.

Looking costs one listing of names and times. A file is ready when it has not changed between two
looks and for two seconds; what is hidden (a leading dot) is somebody's unfinished copy.
"""

import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from tallybrook.errors import InvalidError, RetryableError
from tallybrook.files.places import PREFIXES, place_of
from tallybrook.files.processing import Put
from tallybrook.ports.clock import Clock
from tallybrook.ports.objects.walking import walk

STABLE_US = 2_000_000
"""A file that was written to within this time is not ready."""

MAX_PAUSE_US = 300_000_000
_FIRST_PAUSE_US = 2_000_000

Seen = tuple[int, int, int]
"""What tells two contents of a name apart without reading them: inode, size, time of change."""

_log = logging.getLogger("tallybrook.files")


class Watch:
    """Looks at a directory again and again. One thread calls ``look``."""

    def __init__(self, root: Path, work: Callable[[Put], object], clock: Clock) -> None:
        self._root, self._work, self._clock = root, work, clock
        self._seen: dict[str, Seen] = {}
        self._done: dict[str, Seen] = {}
        self._later: dict[str, tuple[int, int]] = {}
        self.make()

    @property
    def unfinished(self) -> int:
        """Files that could not be finished so far."""
        return len(self._later)

    def make(self) -> None:
        """The folders that files are put in, where they are not there (any more)."""
        for prefix in PREFIXES:
            (self._root / prefix).mkdir(parents=True, exist_ok=True, mode=0o700)

    def look(self, *, stable_us: int = STABLE_US) -> int:
        """Work off what is ready, how many files. With ``stable_us`` 0 at once, without waiting
        for a second look. One file that fails keeps no other from its turn: it is tried again
        after a pause that doubles, up to five minutes.
        """
        found = dict(files_in(self._root))
        before, self._seen = self._seen, found
        self._done = {key: seen for key, seen in self._done.items() if found.get(key) == seen}
        self._later = {key: when for key, when in self._later.items() if key in found}
        worked = 0
        for key, seen in found.items():
            if self._done.get(key) != seen and self._ready(key, seen, before, stable_us):
                worked += self._try(key, seen)
        if worked:
            self.make()
        return worked

    def _ready(self, key: str, seen: Seen, before: dict[str, Seen], stable_us: int) -> bool:
        if stable_us == 0:
            return True
        now = self._clock()
        _, not_before = self._later.get(key, (0, 0))
        settled = abs(now - seen[2] // 1000) >= stable_us
        return settled and before.get(key) == seen and now >= not_before

    def _try(self, key: str, seen: Seen) -> int:
        try:
            self._work(Put(key))
        except RetryableError as error:
            tries, _ = self._later.get(key, (0, 0))
            pause_us = min(MAX_PAUSE_US, _FIRST_PAUSE_US << min(tries, 10))
            self._later[key] = tries + 1, self._clock() + pause_us
            _log.warning("a file: %s; trying again", error.detail)
            return 0
        self._later.pop(key, None)
        self._done[key] = seen
        return 1


def files_in(root: Path) -> Iterator[tuple[str, Seen]]:
    """The files under the prefixes that are no outputs, in the order of their names."""
    for prefix in PREFIXES:
        for key in walk(root, prefix, ""):
            if _is_hidden(key) or not _is_ours(key):
                continue
            try:
                found = os.lstat(root / key)
            except FileNotFoundError:
                continue
            yield key, (found.st_ino, found.st_size, found.st_mtime_ns)


def _is_hidden(key: str) -> bool:
    return any(part.startswith(".") for part in key.split("/"))


def _is_ours(key: str) -> bool:
    try:
        return place_of(key) is not None
    except InvalidError:
        return True  # to be told about
