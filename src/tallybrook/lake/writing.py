"""The writer of a lake: the store, DuckDB beside it, and commits that leave nothing behind."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import duckdb

from tallybrook.errors import StorageError
from tallybrook.lake.compact import TARGET_BYTES
from tallybrook.lake.write import open_writer
from tallybrook.ports.lake import DataFile, Erased, LakeStore


class Writer:
    """One for a store. ``lock`` is held for every piece of work: DuckDB's connection, and the
    store, are for one thread at a time."""

    def __init__(
        self,
        store: LakeStore,
        *,
        memory_bytes: int = 256 * 1024 * 1024,
        threads: int = 1,
        target_bytes: int = TARGET_BYTES,
        now_us: Callable[[], int] = lambda: time.time_ns() // 1000,
    ) -> None:
        self.store, self.target_bytes, self.now_us = store, target_bytes, now_us
        self.engine = open_writer(store.scratch(), memory_bytes, threads)
        self.lock = threading.RLock()

    @contextmanager
    def writing(self, what: str, files: Sequence[DataFile] = ()) -> Iterator[None]:
        """Around DuckDB's work: what it says of disk and memory is a ``StorageError``, and what it
        had written by then, ``files``, is deleted after any error."""
        try:
            yield
        except (duckdb.IOException, duckdb.OutOfMemoryException) as error:
            self.store.discard([file.path for file in files])
            raise StorageError(f"the lake could not {what}: {error}") from error
        except Exception:
            self.store.discard([file.path for file in files])
            raise

    def commit(
        self,
        add: Sequence[DataFile],
        remove: Sequence[DataFile] = (),
        position: int | None = None,
        erased: Sequence[Erased] = (),
    ) -> None:
        """As ``LakeStore.commit``; what was written for one that fails is deleted."""
        try:
            self.store.commit(add, [file.path for file in remove], position, erased)
        except StorageError:
            self.store.discard([file.path for file in add])
            raise

    def close(self) -> None:
        """Free DuckDB and the store."""
        self.engine.close()
        self.store.close()
