"""The files of a directory in the order of their keys, without reading more than is asked for."""

import os
from collections.abc import Iterator
from pathlib import Path

from tallybrook.ports.objects import RESERVED


def walk(root: Path, prefix: str, after: str) -> Iterator[str]:
    """The keys under ``root`` that begin with ``prefix`` and come after ``after``, in order."""
    return _below(root, "", prefix, after.encode())


def _below(folder: Path, base: str, prefix: str, after: bytes) -> Iterator[str]:
    for name, entry in _sorted(folder):
        key = base + name
        if not (key.startswith(prefix) or prefix.startswith(key)):
            continue
        if name.endswith("/"):
            # Everything below begins with this key: skipped whole when that is before the start.
            if key.encode() > after or after.startswith(key.encode()):
                yield from _below(Path(entry), key, prefix, after)
        elif key.startswith(prefix) and key.encode() > after:
            yield key


def _sorted(folder: Path) -> list[tuple[str, str]]:
    """Names and paths. A folder's name has its slash, as that is what follows it in keys."""
    try:
        with os.scandir(folder) as entries:
            found = [_named(entry) for entry in entries if _counts(entry)]
    except (FileNotFoundError, NotADirectoryError):
        return []
    return sorted(found, key=lambda pair: pair[0].encode())


def _named(entry: "os.DirEntry[str]") -> tuple[str, str]:
    slash = "/" if entry.is_dir(follow_symlinks=False) else ""
    return entry.name + slash, entry.path


def _counts(entry: "os.DirEntry[str]") -> bool:
    """Files and folders; no links, nothing of the store's own, no name that is not text."""
    if entry.is_symlink() or entry.name.startswith(RESERVED):
        return False
    try:
        entry.name.encode()
    except UnicodeEncodeError:
        return False
    return entry.is_dir(follow_symlinks=False) or entry.is_file(follow_symlinks=False)
