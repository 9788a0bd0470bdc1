"""The lake store: immutable Parquet files, and a catalog that says which of them are the table.

Guarantees of every backend
---------------------------
* **Atomic.** ``commit`` adds files, removes files and moves the position together or not at all.
  A reader sees the catalog before it or after it, never between.
* **Durable before told.** When ``commit`` returns, the added files and the catalog survive the
  loss of power. A file that no commit named is not part of the lake and is swept some time.
* **Snapshots.** ``snapshot`` is one consistent view: its files hold exactly the account's events
  with ``seq <= position``, each once. Every one of its files stays readable for ``grace_s`` after
  a later commit removed it; a query must be shorter than that.
* **Isolation.** A snapshot names files of its account alone.
* **Order.** Positions and snapshot ids only rise. Committing a position below the present one is
  a ``ConflictError`` and changes nothing.
* **One writer.** A second writer is refused when it opens the store. Where a writer that is
  taken for dead can be replaced, it is refused from then on. Readers: any number, any process.
* **Absence.** An account without events has a snapshot without files; a lake that was never
  written to has position 0.
"""

import re
from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct

ACCOUNT_ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")

DEFAULT_GRACE_S = 600.0
"""How long a removed file stays; the longest query is 300 s."""


class DataFile(Struct, frozen=True, kw_only=True):
    """One immutable Parquet file of one partition.

    ``path`` is relative to the store's root. ``min_us``/``max_us`` bound the event times in it
    (microseconds, inclusive). ``column_bytes`` is the compressed size of each column.
    """

    path: str
    account_id: str
    date: str
    rows: int
    bytes: int
    min_us: int
    max_us: int
    column_bytes: dict[str, int]
    added_us: int = 0


class Snapshot(Struct, frozen=True):
    """What a query reads: the files that hold everything up to ``position`` of one account."""

    snapshot_id: int
    position: int
    files: tuple[DataFile, ...]


class LakeReader(Protocol):
    """The reading side."""

    def position(self) -> int:
        """The last log sequence number whose events are in the lake, 0 at the start."""

    def snapshot(self, account_id: str) -> Snapshot:
        """One consistent view of an account."""

    def locate(self, files: Sequence[DataFile]) -> list[str]:
        """The addresses of data files for the engine that reads them, in their order.

        They are good until the next call. ``StorageError`` when one cannot be read now,
        ``TooLargeError`` when together they are more than the engine has room for.
        """

    def folder(self, account_id: str) -> str:
        """The directory that the addresses of an account's files lie under, and nobody else's."""

    def close(self) -> None: ...


class LakeStore(LakeReader, Protocol):
    """The writing side; one process holds it."""

    def staging(self) -> str:
        """The table root under which the writer puts new files, in the hive layout."""

    def scratch(self) -> str:
        """A directory for spilling; emptied when the store is opened."""

    def relative(self, location: str) -> str:
        """The catalog path of a file written under ``staging``; the reverse of ``locate``."""

    def commit(
        self,
        add: Sequence[DataFile],
        remove: Sequence[str] = (),
        position: int | None = None,
    ) -> int:
        """Make one new snapshot and return its id.

        Raises ``ConflictError`` when a removed path is not live, an added one is already known,
        or the position would fall; ``StorageError`` when the disk refuses. Both change nothing.
        """

    def discard(self, paths: Sequence[str]) -> None:
        """Delete files that were written and will not be committed."""

    def small_files(self, below_bytes: int) -> dict[tuple[str, str], list[DataFile]]:
        """Live files under a size by (account, date), for partitions that have two or more."""

    def expire(self) -> int:
        """Delete the files whose grace has passed; how many went."""
