"""Who runs on a data directory."""

import fcntl
import os
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct


class Holder(Struct, frozen=True):
    """``held``: somebody has the lock. ``pid`` and ``url`` as they were written down, "" and 0
    when nobody did."""

    held: bool
    pid: int = 0
    url: str = ""


class _Run(Struct):
    pid: int
    url: str


def holder_of(data: Path) -> Holder:
    """Asks for a shared lock, and gives it back at once."""
    told = _told(data)
    try:
        fd = os.open(data / "lock", os.O_RDONLY | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return Holder(False, told.pid, told.url)
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return Holder(True, told.pid or _pid(fd), told.url)
    finally:
        os.close(fd)
    return Holder(False, told.pid, told.url)


def url_port(url: str) -> int | None:
    """The port of an address."""
    return urlsplit(url).port


def _told(data: Path) -> _Run:
    try:
        return msgspec.json.decode((data / "run.json").read_bytes(), type=_Run)
    except (FileNotFoundError, NotADirectoryError, msgspec.DecodeError):
        return _Run(0, "")


def _pid(fd: int) -> int:
    text = os.pread(fd, 32, 0).decode(errors="replace").strip()
    return int(text) if text.isdecimal() else 0
