"""The lake in a directory.

``DATA/lake/<table>/account_id=…/date=YYYY-MM-DD/*.parquet`` hold the rows, ``DATA/lake/catalog.db``
says which files count. A file is synced, with its directories, before the catalog names it.
"""

import fcntl
import os
import shutil
import sqlite3
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from tallybrook.errors import ConflictError, StorageError
from tallybrook.ports.lake import DEFAULT_GRACE_S, DataFile, Erased, Snapshot, catalog

Step = Callable[[str], None]


def _now_us() -> int:
    return time.time_ns() // 1000


def _nothing(_step: str) -> None:
    """The default of ``step``: tests put a crash here."""


class LocalLakeReader:
    """Reads the lake of a data directory, from any process. Not for use by two threads at once."""

    def __init__(self, data_dir: Path) -> None:
        self.root = data_dir / "lake"
        self._db: sqlite3.Connection | None = None

    def position(self) -> int:
        db = self._open()
        return 0 if db is None else catalog.position(db)

    def snapshot(self, account_id: str) -> Snapshot:
        db = self._open()
        return Snapshot(0, 0, ()) if db is None else catalog.snapshot(db, account_id)

    def locate(self, files: Sequence[DataFile]) -> list[str]:
        return [str(self.root / file.path) for file in files]

    def folder(self, account_id: str, table: str = "events") -> str:
        return f"{self.root / table}/account_id={account_id}/"

    def close(self) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None

    def _open(self) -> sqlite3.Connection | None:
        """None until the writer has made the catalog."""
        if self._db is None:
            try:
                db = catalog.connect(self.root / "catalog.db", read_only=True)
                catalog.position(db)
            except sqlite3.OperationalError:
                return None
            self._db = db
        return self._db


class LocalLake:
    """The writer. Opening takes the lock, empties the scratch room and sweeps orphans."""

    def __init__(
        self,
        data_dir: Path,
        *,
        grace_s: float = DEFAULT_GRACE_S,
        now_us: Callable[[], int] = _now_us,
        step: Step = _nothing,
    ) -> None:
        self.root = data_dir / "lake"
        self._grace_us = int(grace_s * 1e6)
        self._now_us, self._step = now_us, step
        self.root.mkdir(parents=True, exist_ok=True)
        self._lock = _take_lock(self.root / "writer.lock")
        self._db = catalog.connect(self.root / "catalog.db", read_only=False)
        shutil.rmtree(self.root / "scratch", ignore_errors=True)
        (self.root / "scratch").mkdir()
        self.swept = self._sweep()

    def position(self) -> int:
        return catalog.position(self._db)

    def snapshot(self, account_id: str) -> Snapshot:
        return catalog.snapshot(self._db, account_id)

    def locate(self, files: Sequence[DataFile]) -> list[str]:
        return [str(self.root / file.path) for file in files]

    def folder(self, account_id: str, table: str = "events") -> str:
        return f"{self.root / table}/account_id={account_id}/"

    def relative(self, location: str) -> str:
        return str(Path(location).relative_to(self.root))

    def staging(self) -> str:
        return str(self.root)

    def scratch(self) -> str:
        return str(self.root / "scratch")

    def commit(
        self,
        add: Sequence[DataFile],
        remove: Sequence[str] = (),
        position: int | None = None,
        erased: Sequence[Erased] = (),
    ) -> int:
        try:
            self._step("before-sync")
            _sync_files(self.root, [self.root / file.path for file in add])
            self._step("before-commit")
            number = catalog.commit(self._db, add, remove, position, erased, self._now_us())
        except (OSError, sqlite3.OperationalError) as error:
            raise StorageError(f"the lake could not commit: {error}") from error
        self._step("after-commit")
        return number

    def erased(self) -> list[Erased]:
        return catalog.erased(self._db)

    def accounts(self) -> list[str]:
        return catalog.accounts(self._db)

    def discard(self, paths: Sequence[str]) -> None:
        for path in paths:
            (self.root / path).unlink(missing_ok=True)

    def small_files(self, below_bytes: int) -> dict[str, list[DataFile]]:
        groups: dict[str, list[DataFile]] = defaultdict(list)
        for file in catalog.small_files(self._db, below_bytes):
            groups[file.folder].append(file)
        return {folder: files for folder, files in groups.items() if len(files) > 1}

    def due(self) -> list[DataFile]:
        return catalog.expired(self._db, self._now_us() - self._grace_us)

    def expire(self) -> int:
        paths = [file.path for file in self.due()]
        self.discard(paths)
        self._step("before-forget")
        catalog.forget(self._db, paths)
        return len(paths)

    def close(self) -> None:
        self._db.close()
        os.close(self._lock)

    def _sweep(self) -> int:
        """Delete what a crash left: files on disk that the catalog does not know."""
        known = catalog.known_paths(self._db)
        found = self.root.glob("*/account_id=*/**/*.*")
        orphans = [p for p in found if p.is_file() and str(p.relative_to(self.root)) not in known]
        for path in orphans:
            path.unlink()
        return len(orphans)


def _take_lock(path: Path) -> int:
    """The kernel frees it when the holder dies, however it dies."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(handle)
        raise ConflictError(f"another process writes this lake ({path})") from error
    return handle


def _sync_files(root: Path, paths: Iterable[Path]) -> None:
    """Files, then every directory from them up to the root: a new name is in its directory."""
    directories: set[Path] = set()
    for path in paths:
        _sync(path)
        directories.update(p for p in path.parents if p.is_relative_to(root))
    for directory in sorted(directories, reverse=True):
        _sync(directory)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
