"""Files of the lake near the engine: a directory of limited size, the least used go first.

A directory belongs to one process at a time (the kernel's lock says so), which may therefore
delete from it without asking anybody. Another process on the machine takes the next directory;
one that starts after another died, or was killed over a query, takes over what that one had.
Files are immutable, so a copy is never stale.
"""

import fcntl
import os
from collections.abc import Callable, Iterable, Sequence
from itertools import count
from pathlib import Path

from tallybrook.errors import StorageError, TooLargeError

Fetch = Callable[[Iterable[tuple[str, Path]]], None]


class FileCache:
    """Paths of the lake and where their copies are. Not for use by two threads at once."""

    def __init__(self, folder: Path, max_bytes: int, fetch: Fetch) -> None:
        self.max_bytes = max_bytes
        self._fetch = fetch
        self.folder, self._lock = _take(folder)
        self._sizes = self._found()

    def at(self, path: str) -> Path:
        return self.folder / path

    def bring(self, files: Sequence[tuple[str, int]]) -> list[Path]:
        """The copies of files (path, bytes), fetched where they are not here yet.

        They stay until the next call. Raises ``TooLargeError`` when they do not fit together,
        ``StorageError`` when one cannot be fetched or the disk is full.
        """
        wanted = dict(files)
        needed = sum(wanted.values())
        if needed > self.max_bytes:
            raise TooLargeError(
                f"The files it would read are {needed} bytes; there is room for"
                f" {self.max_bytes}. Narrow date."
            )
        missing = [path for path in wanted if path not in self._sizes]
        self._make_room(sum(wanted[path] for path in missing), wanted)
        try:
            self._fetch((path, self.at(path)) for path in missing)
        except OSError as error:
            raise StorageError(f"a file of the lake could not be kept: {error}") from error
        finally:
            for path in wanted:
                self._note(path)
        return [self.at(path) for path, _ in files]

    def adopt(self, path: str, source: Path) -> None:
        """Take a file that is on this disk already; it is deleted if it has no room here."""
        size = source.stat().st_size
        if size > self.max_bytes:
            source.unlink()
            return
        self._make_room(size, ())
        self.at(path).parent.mkdir(parents=True, exist_ok=True)
        source.rename(self.at(path))
        self._note(path)

    def drop(self, paths: Iterable[str]) -> None:
        """Delete the copies of these files, where there are any."""
        for path in paths:
            if self._sizes.pop(path, None) is not None:
                self.at(path).unlink(missing_ok=True)

    def close(self) -> None:
        os.close(self._lock)

    def _note(self, path: str) -> None:
        """If it is here it was the last one used: in memory, and for who comes after us."""
        self._sizes.pop(path, None)
        try:
            os.utime(self.at(path))
            self._sizes[path] = self.at(path).stat().st_size
        except FileNotFoundError:
            pass  # it was not fetched, which is being raised

    def _make_room(self, incoming: int, keep: Iterable[str]) -> None:
        held, kept = sum(self._sizes.values()), frozenset(keep)
        for path in [p for p in self._sizes if p not in kept]:
            if held + incoming <= self.max_bytes:
                return
            held -= self._sizes[path]
            self.drop([path])

    def _found(self) -> dict[str, int]:
        """What is here from before, the least used first; half a file is deleted."""
        found: list[tuple[int, str, int]] = []
        for path in self.folder.rglob("*.*"):
            if path.suffix == ".part":
                path.unlink()
            elif path.is_file() and path.suffix != ".lock":
                status = path.stat()
                name = str(path.relative_to(self.folder))
                found.append((status.st_mtime_ns, name, status.st_size))
        return {name: size for _, name, size in sorted(found)}


def _take(folder: Path) -> tuple[Path, int]:
    """The first directory that no living process has, and the lock on it."""
    for slot in count():
        mine = folder / str(slot)
        mine.mkdir(parents=True, exist_ok=True)
        handle = os.open(mine / "owner.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            continue
        return mine, handle
    raise AssertionError("unreachable")
