"""A file of NDJSON, with the sender's mark beside it.

``PATH`` is written at its end, and synced before ``PATH.mark`` says how many of its bytes belong to
the mark. Bytes past that were sent and not marked: they are cut off before anything else is
written, so that a sender that goes on from its mark leaves every line there once, wherever it
crashed.

A file that has grown over ``rotate_bytes`` is renamed to ``PATH.000001`` and so on, whole and never
touched again. Somebody else may move a file away or cut it: writing goes on with what is there.
"""

import fcntl
import os
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import msgspec
from msgspec import Struct

from tallybrook.errors import ConflictError, StorageError
from tallybrook.ports.objects.disk import disk, replace, sync
from tallybrook.ports.sinks import Item, Refusal
from tallybrook.ports.sinks.encoding import line

ROTATE_BYTES = 256 << 20


class _Kept(Struct):
    """The file of the mark. ``number`` is that of the next rotated file."""

    number: int = 1
    size: int = 0
    mark: bytes | None = None


def mark_path(path: Path) -> Path:
    return path.with_name(f"{path.name}.mark")


class FileMarks:
    """``ports.sinks.Marks`` of a file, for those who only look."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> bytes | None:
        return _read(self._path).mark

    def write(self, mark: bytes) -> None:
        raise ConflictError("the mark is written by whoever writes the file")


class FileSink:
    """``ports.sinks.Sink`` and ``Marks`` in one. One process at a time may have it open:
    ``ConflictError`` for the others."""

    def __init__(self, path: Path, rotate_bytes: int = ROTATE_BYTES) -> None:
        self._path, self._rotate_bytes = path, rotate_bytes
        self._file: BinaryIO | None = None
        with disk(f"open {path.name}"):
            path.parent.mkdir(parents=True, exist_ok=True)
            self._lock = _locked(path)
        try:
            with disk(f"open {path.name}"):
                self._kept = _read(path)
                self._finish_rotation()
                self._sent = self._repair()
                if not mark_path(path).exists():
                    replace(mark_path(path), msgspec.msgpack.encode(self._kept))
        except BaseException:
            self.close()
            raise

    def send(self, items: Sequence[Item]) -> list[Refusal]:
        body = b"".join(map(line, items))
        with disk(f"write {self._path.name}"):
            file = self._file or self._open()
            # What an attempt before this one left behind is written over or cut off.
            file.seek(self._sent)
            file.truncate()
            file.write(body)
            file.flush()
        self._sent += len(body)
        return []

    def read(self) -> bytes | None:
        with disk(f"cut {self._path.name}"):
            self._let_go()
            self._sent = self._repair()
        return self._kept.mark

    def write(self, mark: bytes) -> None:
        kept = _Kept(self._kept.number, self._sent, mark)
        with disk(f"mark {self._path.name}"):
            if self._file is not None:
                os.fsync(self._file.fileno())
            self._let_go()
            sync(self._path.parent)
            replace(mark_path(self._path), msgspec.msgpack.encode(kept))
            self._kept = kept
            if self._sent >= self._rotate_bytes:
                self._rotate()

    def close(self) -> None:
        self._let_go()
        os.close(self._lock)

    def _open(self) -> BinaryIO:
        fd = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._file = os.fdopen(fd, "wb")
        self._sent = min(self._sent, os.fstat(fd).st_size)
        return self._file

    def _let_go(self) -> None:
        """Between marks the file is closed: others may move it away."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _rotate(self) -> None:
        self._path.rename(self._rotated())
        sync(self._path.parent)
        self._finish_rotation()

    def _finish_rotation(self) -> None:
        """Renaming is the rotation: where that was the last thing done, the mark is told."""
        if not self._rotated().exists():
            return
        while self._rotated().exists():
            self._kept.number += 1
        self._kept.size = self._sent = 0
        replace(mark_path(self._path), msgspec.msgpack.encode(self._kept))

    def _repair(self) -> int:
        """Cut off what no mark was written for; how much there is."""
        try:
            size = self._path.stat().st_size
        except FileNotFoundError:
            return 0
        if size > self._kept.size:
            os.truncate(self._path, self._kept.size)
        return min(size, self._kept.size)

    def _rotated(self) -> Path:
        return self._path.with_name(f"{self._path.name}.{self._kept.number:06d}")


def _read(path: Path) -> _Kept:
    try:
        return msgspec.msgpack.decode(mark_path(path).read_bytes(), type=_Kept)
    except FileNotFoundError:
        return _Kept(size=path.stat().st_size if path.exists() else 0)
    except msgspec.DecodeError as error:
        raise StorageError(f"{mark_path(path).name} is not readable: {error}") from None
    except OSError as error:
        raise StorageError(f"{mark_path(path).name}: {error.strerror}") from error


def _locked(path: Path) -> int:
    """The lock is the open file's: it goes with the process, however that ends."""
    fd = os.open(path.with_name(f"{path.name}.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        raise ConflictError(f"{path.name} is being written by another process") from None
    return fd
