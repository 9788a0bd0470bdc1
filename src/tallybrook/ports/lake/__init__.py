"""The lake store: immutable Parquet files, and a catalog that says which of them are the table.

Guarantees of every backend
---------------------------
* **Atomic.** ``commit`` adds files, removes files and moves the position together or not at all.
  A reader sees the catalog before it or after it, never between.
* **Durable before told.** When ``commit`` returns, the added files and the catalog survive the
  loss of power. A file that no commit named is not part of the lake and is swept some time.
* **Snapshots.** ``snapshot`` is one consistent view over all tables: its files hold exactly what
  the account's events with ``seq <= position`` come to, each once. Every one of its files stays
  readable for ``grace_s`` after a later commit removed it; a query must be shorter than that.
* **Erasure.** What a commit says of erased people takes effect with its files: a snapshot has
  the people in its files or has their names among ``erased``, which says what to leave out of the
  log past its position, until the position is past it too.
* **Isolation.** A snapshot names files of its account alone.
* **Order.** Positions and snapshot ids only rise. Committing a position below the present one is
  a ``ConflictError`` and changes nothing.
* **One writer.** A second writer is refused when it opens the store. Where a writer that is
  taken for dead can be replaced, it is refused from then on. Readers: any number, any process.
* **Absence.** An account without events has a snapshot without files; a lake that was never
  written to has position 0.
"""

import hashlib
import re
from collections.abc import Sequence
from typing import Protocol
from urllib.parse import unquote

from msgspec import Struct

ACCOUNT_ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")

DEFAULT_GRACE_S = 600.0
"""How long a removed file stays; the longest query is 300 s."""


class DataFile(Struct, frozen=True, kw_only=True):
    """One immutable Parquet file of one partition of one table.

    ``path`` is relative to the store's root: ``<table>/account_id=…/<partitions>/<name>``.
    ``min_us``/``max_us`` bound the times in it (microseconds, inclusive; both 0 where its table
    knows no time). ``column_bytes`` is the compressed size of each column in it: a column that is
    not named there is not in the file. ``max_seq`` is the highest log position of its rows, 0
    where they have none. ``source`` says what a refreshed file was made from.
    """

    path: str
    account_id: str
    rows: int
    bytes: int
    min_us: int
    max_us: int
    column_bytes: dict[str, int]
    added_us: int = 0
    max_seq: int = 0
    source: str = ""

    @property
    def table(self) -> str:
        """The table it is of."""
        return self.path.partition("/")[0]

    @property
    def folder(self) -> str:
        """The partition: where all files lie that it can be merged with."""
        return self.path.rpartition("/")[0]

    @property
    def values(self) -> dict[str, str]:
        """The partition's values as they stand in the path, the account's included."""
        parts = (part.partition("=") for part in self.folder.split("/")[1:])
        return {name: unquote(value) for name, _, value in parts}


class Erased(Struct, frozen=True):
    """Somebody whose rows up to a log position are gone. ``digest`` is ``digest_of`` their name:
    no name is kept."""

    account_id: str
    digest: str
    up_to: int


def digest_of(account_id: str, name: str) -> str:
    """What is kept of a name until its rows cannot come back any more."""
    return hashlib.sha256(f"{account_id}\0{name}".encode()).hexdigest()


class Snapshot(Struct, frozen=True):
    """What a query reads: the files of all tables that hold everything up to ``position`` of one
    account, and whom to leave out of the log past it."""

    snapshot_id: int
    position: int
    files: tuple[DataFile, ...]
    erased: tuple[Erased, ...] = ()

    def of(self, table: str) -> list[DataFile]:
        """The files of one table."""
        return [file for file in self.files if file.table == table]


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

    def folder(self, account_id: str, table: str = "events") -> str:
        """The directory that the addresses of an account's files of a table lie under, and nobody
        else's."""

    def close(self) -> None: ...


class LakeStore(LakeReader, Protocol):
    """The writing side; one process holds it."""

    def staging(self) -> str:
        """The root under which the writer puts new files: a folder a table, in the hive layout."""

    def scratch(self) -> str:
        """A directory for spilling; emptied when the store is opened."""

    def relative(self, location: str) -> str:
        """The catalog path of a file written under ``staging``; the reverse of ``locate``."""

    def commit(
        self,
        add: Sequence[DataFile],
        remove: Sequence[str] = (),
        position: int | None = None,
        erased: Sequence[Erased] = (),
    ) -> int:
        """Make one new snapshot and return its id.

        Raises ``ConflictError`` when a removed path is not live, an added one is already known,
        or the position would fall; ``StorageError`` when the disk refuses. Both change nothing.
        """

    def erased(self) -> Sequence[Erased]:
        """Those of all accounts whose rows could still come in from the log, and perhaps some whose
        rows could not."""

    def accounts(self) -> list[str]:
        """Every account that ever had a file, in order."""

    def discard(self, paths: Sequence[str]) -> None:
        """Delete files that were written and will not be committed."""

    def small_files(self, below_bytes: int) -> dict[str, list[DataFile]]:
        """Live files under a size by folder, for partitions that have two or more."""

    def due(self) -> list[DataFile]:
        """The removed files whose grace has passed: what ``expire`` would delete."""

    def expire(self) -> int:
        """Delete the files whose grace has passed; how many went."""
