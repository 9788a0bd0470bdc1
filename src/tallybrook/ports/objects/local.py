"""Objects in a directory: plain files, so that people and programs can put some there, too.

``ROOT/<key>`` is the content. What a file cannot hold (type, metadata, digest) is in a side file
under ``ROOT/.tallybrook/about``, named after the key and the identity of the very file it
describes. It is written before the file is renamed into place, so there is no moment at which
new content has old metadata. A file that somebody dropped in has no side file: it gets one, with
its digest, when it is first asked for.
"""

import fcntl
import hashlib
import os
import stat
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

import msgspec
from msgspec import Struct

from tallybrook.errors import ConflictError, NotFoundError, StorageError, TooLargeError
from tallybrook.ports.objects import (
    MAX_GET_BYTES,
    RESERVED,
    Found,
    Head,
    check_conditions,
    check_key,
    check_metadata,
)
from tallybrook.ports.objects.disk import chunks, disk, removed, replace, sync, write
from tallybrook.ports.objects.walking import walk

_CHUNK = 1 << 20
_AGAIN = 10
_ABANDONED_S = 24 * 3600


class About(Struct, omit_defaults=True):
    """The side file of one content."""

    etag: str
    content_type: str = "application/octet-stream"
    metadata: dict[str, str] = {}


class LocalObjects:
    """``ports.objects.Objects`` over a directory, which is made if it is not there.

    Symbolic links are not followed and not listed. Where a bucket can hold ``a`` beside ``a/b``, a
    directory cannot: the second of them is refused with ``ConflictError``.
    """

    def __init__(self, root: Path) -> None:
        with disk("open the directory"):
            root.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._root = root.resolve()
            self._own = self._root / RESERVED
            for folder in (self._own, self._own / "about", self._own / "new"):
                folder.mkdir(exist_ok=True, mode=0o700)
            self._sweep()

    def put(
        self,
        key: str,
        body: bytes | Iterable[bytes],
        *,
        content_type: str = "application/octet-stream",
        metadata: Mapping[str, str] | None = None,
        create_only: bool = False,
        if_match: str | None = None,
    ) -> str:
        check_key(key)
        about = About("", content_type, check_metadata(metadata))
        check_conditions(create_only=create_only, if_match=if_match)
        fresh = self._own / "new" / f"{os.getpid()}-{threading.get_ident()}-{os.urandom(6).hex()}"
        try:
            about.etag = write(fresh, body)
            with disk(f"put {key}"), self._locked():
                if create_only or if_match is not None:
                    self._require(key, if_match)
                self._replace(key, fresh, about)
        finally:
            fresh.unlink(missing_ok=True)
        return about.etag

    def get(self, key: str, max_bytes: int = MAX_GET_BYTES) -> bytes | None:
        with disk(f"get {key}"):
            file = self._open(key)
            if file is None:
                return None
            with file:
                size = os.fstat(file.fileno()).st_size
                if size > max_bytes:
                    raise TooLargeError(f"{key} has {size} bytes, over {max_bytes}")
                return file.read()

    def stream(self, key: str, chunk_bytes: int = 1 << 20) -> Iterator[bytes]:
        with disk(f"get {key}"):
            file = self._open(key)
        if file is None:
            raise NotFoundError(f"no object {key}")
        return chunks(file, chunk_bytes, key)

    def head(self, key: str) -> Head | None:
        known = self._known(key)
        if known is None:
            return None
        file, about = known
        with file:
            found = os.fstat(file.fileno())
        return Head(
            key, found.st_size, about.etag, found.st_mtime_ns // 1000,
            about.content_type, about.metadata,
        )  # fmt: skip

    def page(self, prefix: str = "", after: str = "", limit: int = 1000) -> list[Found]:
        page: list[Found] = []
        with disk("list"):
            for key in walk(self._root, prefix, after):
                if len(page) == limit:
                    break
                head = self.head(key)
                if head is not None:
                    page.append(Found(key, head.size_bytes, head.etag, head.modified_at))
        return page

    def copy(self, source: str, target: str) -> str:
        check_key(target)
        known = self._known(source)
        if known is None:
            raise NotFoundError(f"no object {source}")
        file, about = known
        with file:
            return self.put(
                target, chunks(file, _CHUNK, source),
                content_type=about.content_type, metadata=about.metadata,
            )  # fmt: skip

    def delete(self, key: str) -> None:
        path = self._root / check_key(key)
        with disk(f"delete {key}"), self._locked():
            if path.parent.resolve() != path.parent:
                return
            with suppress(FileNotFoundError, NotADirectoryError, IsADirectoryError):
                path.unlink()
                sync(path.parent)
            self._forget(key, keep=None)
            for folder in path.parents:
                if folder == self._root or not removed(folder):
                    break

    def _open(self, key: str) -> BinaryIO | None:
        """The file of a key: a regular file, reached by no link."""
        path = self._root / check_key(key)
        try:
            if path.parent.resolve() != path.parent or path.is_symlink():
                return None
            fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except (FileNotFoundError, NotADirectoryError):
            return None
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            os.close(fd)
            return None
        return os.fdopen(fd, "rb")

    def _known(self, key: str) -> tuple[BinaryIO, About] | None:
        """One content, opened, and what its own side file says."""
        for _ in range(_AGAIN):
            with disk(f"open {key}"):
                file = self._open(key)
                if file is None:
                    return None
                about = self._about(key, file)
            if about is not None:
                return file, about
            file.close()
        raise StorageError(f"{key} changes faster than it can be read")

    def _about(self, key: str, file: BinaryIO) -> About | None:
        """The side file of the content, made where there is none; None when it was replaced."""
        side = self._side(key, os.fstat(file.fileno()))
        if (about := _read(side)) is not None:
            return about
        # A file that somebody dropped in, or one that was replaced a moment ago.
        about = About(_digest(file))
        with self._locked():
            again = self._open(key)
            if again is None:
                return None
            with again:
                if self._side(key, os.fstat(again.fileno())) != side:
                    return None
            replace(side, msgspec.json.encode(about))
        return about

    def _side(self, key: str, found: os.stat_result) -> Path:
        digest = _name(key)
        identity = f"{found.st_ino:x}-{found.st_mtime_ns:x}-{found.st_size:x}"
        return self._own / "about" / digest[:2] / f"{digest}.{identity}"

    def _replace(self, key: str, fresh: Path, about: About) -> None:
        path, side = self._root / key, self._side(key, fresh.stat())
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.is_dir() or path.parent.resolve() != path.parent:
                raise IsADirectoryError
        except (FileExistsError, NotADirectoryError, IsADirectoryError):
            raise ConflictError(
                f"{key}: a directory cannot hold a key and keys below it, nor follow a link"
            ) from None
        replace(side, msgspec.json.encode(about))
        fresh.replace(path)
        for folder in path.parents:
            sync(folder)
            if folder == self._root:
                break
        self._forget(key, keep=side)

    def _require(self, key: str, etag: str | None) -> None:
        """The object has this etag, or with None is not there; else ``ConflictError``."""
        file = self._open(key)
        found = None
        if file is not None:
            with file:
                about = _read(self._side(key, os.fstat(file.fileno())))
                found = about.etag if about else _digest(file)
        if found != etag:
            said = "is there already" if etag is None else "is not the object of this etag"
            raise ConflictError(f"{key} {said}")

    def _forget(self, key: str, keep: Path | None) -> None:
        digest = _name(key)
        for side in (self._own / "about" / digest[:2]).glob(f"{digest}.*"):
            if side != keep:
                side.unlink(missing_ok=True)

    def _sweep(self) -> None:
        """What crashes left behind; younger files may be somebody's put."""
        for fresh in (self._own / "new").iterdir():
            with suppress(FileNotFoundError):
                if time.time() - fresh.stat().st_mtime > _ABANDONED_S:
                    fresh.unlink()

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Writers one after the other, threads and processes alike (each opens its own)."""
        fd = os.open(self._own / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            yield
        finally:
            os.close(fd)


def _name(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:40]


def _digest(file: BinaryIO) -> str:
    digest = hashlib.sha256()
    while piece := file.read(_CHUNK):
        digest.update(piece)
    file.seek(0)
    return digest.hexdigest()


def _read(side: Path) -> About | None:
    try:
        return msgspec.json.decode(side.read_bytes(), type=About)
    except FileNotFoundError:
        return None
