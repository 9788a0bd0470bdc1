"""Checks of one machine: what the embedded product needs of it."""

import os
import shutil
import sqlite3
import stat
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from tallybrook.doctor.checks import Ask, Check, fail, ok, run, warn
from tallybrook.doctor.holding import Holder, holder_of, url_port
from tallybrook.doctor.ports import PortState, state_of
from tallybrook.events.instants import format_instant
from tallybrook.ports.clock import Clock, system_clock
from tallybrook.ports.log import LogReader, Topic
from tallybrook.settings import Settings

MIN_PYTHON = (3, 11)
MIN_SQLITE = (3, 35, 0)
FAIL_FREE_BYTES = 200 << 20
WARN_FREE_BYTES = 2 << 30
WARN_SYNC_MS = 50.0
WARN_DRIFT_S = 0.02
EARLIEST_US = 1_704_067_200_000_000
"""2024: no clock that was ever set is before it."""

FUTURE_S = 2.0
_NTP = "let the clock be set by NTP (timedatectl set-ntp true)"
_PRIVATE = ("keys.db", "keys.db-wal", "bus.db", "queue.db")
_OPEN_TO_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_TOPICS: tuple[Topic, ...] = ("events", "records")

OpenLog = Callable[[], AbstractContextManager[LogReader | None]]
"""Opens the log for reading; None where nothing was collected yet."""


def checks(settings: Settings, open_log: OpenLog, clock: Clock = system_clock) -> list[Check]:
    """All of them, in the order in which they should be mended. Nothing is changed for good."""
    data = settings.data_path
    restore = f"restore {data} from a backup (docs/guides/operating.md), or mend the disk"
    asks: list[tuple[str, str, Ask]] = [
        ("versions", "install Python 3.11 or newer", _versions),
        ("data directory", _own(data), partial(_writable, data)),
        ("free space", f"mend the disk of {data}", partial(_free_space, data)),
        ("permissions", _own(data), partial(_permissions, data)),
        ("lock", _own(data), partial(_lock, data)),
        ("clock", _NTP, partial(_clock, clock)),
        ("log", restore, partial(_log, open_log, clock)),
        ("port", "choose another --port", partial(_port, settings)),
    ]
    return run(asks)


def _versions() -> Iterator[Check]:
    python = sys.version.split()[0]
    fix = "install Python 3.11 or newer and make the environment again"
    if sys.version_info[:2] < MIN_PYTHON:
        yield fail("python", python, fix)
    else:
        yield ok("python", python)
    if sqlite3.sqlite_version_info < MIN_SQLITE:
        yield fail("sqlite", sqlite3.sqlite_version, "use a Python with SQLite 3.35 or newer")
    parts = [f"{name} {_version(name)}" for name in ("tallybrook", "duckdb", "uvicorn", "msgspec")]
    yield ok("versions", ", ".join([*parts, f"SQLite {sqlite3.sqlite_version}"]))


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def _writable(data: Path) -> Iterator[Check]:
    """Tries it: permissions alone do not know of read-only mounts and quotas."""
    if not data.exists():
        parent = _existing(data)
        if os.access(parent, os.W_OK | os.X_OK):
            yield ok("data directory", f"{data} is not there yet; serve makes it")
        else:
            yield fail("data directory", f"{parent} cannot be written", _own(parent))
        return
    if not data.is_dir():
        yield fail("data directory", f"{data} is a file", "give another --data")
        return
    try:
        took_ms = _synced(data)
    except OSError as error:
        yield fail("data directory", f"{data}: {error.strerror}", _own(data))
        return
    said = f"{data}, a synced write takes {took_ms:.1f} ms"
    if took_ms > WARN_SYNC_MS:
        fix = "use a local disk: each acknowledgement waits for one such write"
        yield warn("data directory", said, fix)
    else:
        yield ok("data directory", said)


def _synced(data: Path) -> float:
    """Milliseconds of the quickest of three small synced writes."""
    probe = data / f".doctor-{os.getpid()}"
    took_s = []
    try:
        for _ in range(3):
            begun_s = time.perf_counter()
            fd = os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                os.write(fd, b"x")
                os.fsync(fd)
            finally:
                os.close(fd)
            took_s.append(time.perf_counter() - begun_s)
    finally:
        probe.unlink(missing_ok=True)
    return min(took_s) * 1000


def _free_space(data: Path) -> Iterator[Check]:
    free = shutil.disk_usage(_existing(data)).free
    nodes = os.statvfs(_existing(data))
    said = f"{free / (1 << 30):.1f} GiB free"
    fix = f"free space on the disk of {data}, or move the directory: a full disk refuses events"
    if free < FAIL_FREE_BYTES or (nodes.f_files and nodes.f_favail < 1000):
        yield fail("free space", f"{said}, {nodes.f_favail} files may be made", fix)
    elif free < WARN_FREE_BYTES:
        yield warn("free space", said, fix)
    else:
        yield ok("free space", said)


def _permissions(data: Path) -> Iterator[Check]:
    if not data.is_dir():
        return
    secrets = data / "secrets"
    found = [data / name for name in _PRIVATE if (data / name).exists()]
    found += [secrets, *secrets.iterdir()] if secrets.is_dir() else []
    wide = [path for path in found if path.stat().st_mode & _OPEN_TO_OTHERS]
    if wide:
        names = " ".join(str(path) for path in wide)
        yield fail("permissions", f"other users may read {names}", f"chmod go= {names}")
    foreign = [path for path in (data, *found) if path.stat().st_uid != os.geteuid()]
    if foreign:
        names = " ".join(str(path) for path in foreign)
        yield warn("permissions", f"owned by another user: {names}", _own(data))
    if data.stat().st_mode & stat.S_IRWXO:
        fix = f"chmod o= {data}"
        yield warn("permissions", f"every user of this machine may look into {data}", fix)
    elif not wide and not foreign:
        yield ok("permissions", "keys and secrets are this user's alone")


def _lock(data: Path) -> Iterator[Check]:
    holder = holder_of(data)
    if holder.held:
        where = f", {holder.url}" if holder.url else ""
        yield ok("lock", f"in use by tallybrook serve (pid {holder.pid or 'unknown'}{where})")
    elif holder.url:
        detail = f"free, but run.json tells of pid {holder.pid}, which was killed"
        yield warn("lock", detail, "nothing to do: the next serve begins where it stopped")
    else:
        yield ok("lock", "free: nothing runs on this directory")


def _clock(clock: Clock) -> Iterator[Check]:
    now, drift_s = clock(), _drift_s(clock)
    if now < EARLIEST_US:
        yield fail("clock", f"it says {format_instant(now)}", _NTP)
    elif abs(drift_s) > WARN_DRIFT_S:
        detail = f"it moved {drift_s * 1000:+.0f} ms while it was looked at: something sets it"
        yield warn("clock", detail, _NTP)
    else:
        yield ok("clock", format_instant(now // 1_000_000 * 1_000_000))


def _log(open_log: OpenLog, clock: Clock) -> Iterator[Check]:
    with open_log() as reader:
        if reader is None:
            yield ok("log", "nothing was collected yet")
            return
        head, newest = reader.head(), newest_us(reader)
    if newest is None:
        yield ok("log", "empty")
        return
    said = f"{head} entries, the newest of {format_instant(newest)}"
    ahead_s = (newest - clock()) / 1e6
    if ahead_s > FUTURE_S:
        detail = f"{said}, {ahead_s:.0f} s in the future: the clock went back"
        yield fail("log", detail, f"{_NTP}; until then events get times that were there before")
    else:
        yield ok("log", said)


def _drift_s(clock: Clock) -> float:
    """How much further the clock went than time did, over a twentieth of a second."""
    begun_us, begun_s = clock(), time.monotonic()
    time.sleep(0.05)
    return (clock() - begun_us) / 1e6 - (time.monotonic() - begun_s)


def newest_us(reader: LogReader) -> int | None:
    """When the last entry of the log came in, or None for an empty one."""
    head = reader.head()
    found = [chunk for topic in _TOPICS for chunk in reader.chunks(topic, max(0, head - 1))]
    return max((chunk.ingested_at for chunk in found), default=None)


def _port(settings: Settings) -> Iterator[Check]:
    if settings.port == 0:
        yield ok("port", "any free one")
        return
    where = f"{settings.host} port {settings.port}"
    state = state_of(settings.host, settings.port)
    holder = holder_of(settings.data_path)
    if state is PortState.FREE:
        yield ok("port", f"{where} is free")
    elif state is PortState.FORBIDDEN:
        fix = "choose --port 1024 or above, or put a proxy in front"
        yield fail("port", f"this user may not listen on {where}", fix)
    elif state is PortState.NO_ADDRESS:
        yield fail("port", f"this machine has no address {settings.host}", "choose another --host")
    elif _is_ours(holder, settings.port):
        yield ok("port", f"{where}: this directory's own tallybrook serve")
    else:
        fix = "stop what listens there, or choose another --port"
        yield fail("port", f"another program listens on {where}", fix)


def _is_ours(holder: Holder, port: int) -> bool:
    return holder.held and url_port(holder.url) == port


def _existing(path: Path) -> Path:
    """The path, or the nearest folder above it that is there."""
    return next(one for one in (path.absolute(), *path.absolute().parents) if one.exists())


def _own(path: Path) -> str:
    return f"chown it to this user (chown -R {os.geteuid()} {path}), or run as its owner"
