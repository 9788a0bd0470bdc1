"""Writing files so that they are whole and stay: temporary name, sync, rename, sync."""

import hashlib
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from tallybrook.errors import StorageError
from tallybrook.ports.objects import pieces


@contextmanager
def disk(doing: str) -> Iterator[None]:
    """What the disk refuses as ``StorageError``."""
    try:
        yield
    except OSError as error:
        raise StorageError(f"{doing}: {error.strerror or error}") from error


def write(path: Path, body: bytes | Iterable[bytes]) -> str:
    """The body in a new file, synced; its digest. Errors of the body itself go through."""
    digest = hashlib.sha256()
    with disk("put"):
        file = path.open("xb")
    with file:
        for piece in pieces(body):
            digest.update(piece)
            with disk("put"):
                file.write(piece)
        with disk("put"):
            file.flush()
            os.fsync(file.fileno())
    return digest.hexdigest()


def replace(path: Path, content: bytes) -> None:
    """Small content under a name, replacing what is there."""
    path.parent.mkdir(exist_ok=True, mode=0o700)
    fresh = path.with_name(f"{path.name}.new")
    with fresh.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    sync(path.parent)


def chunks(file: BinaryIO, chunk_bytes: int, key: str) -> Iterator[bytes]:
    """The rest of an open file, which is closed at the end."""
    with file, disk(f"get {key}"):
        while piece := file.read(chunk_bytes):
            yield piece


def removed(folder: Path) -> bool:
    """Whether the folder was empty and is gone: a bucket has no empty folders."""
    try:
        folder.rmdir()
    except OSError:
        return False
    return True


def sync(folder: Path) -> None:
    """Make the names in a folder durable."""
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
