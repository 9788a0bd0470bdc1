"""Reading the lake on AWS: a snapshot from the catalog, its files from the bucket."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from tallybrook.ports.lake import DataFile, Erased, Snapshot
from tallybrook.ports.lake.aws.cache import FileCache
from tallybrook.ports.lake.aws.catalog import Catalog, Pointer
from tallybrook.ports.lake.aws.objects import Objects

DEFAULT_CACHE_BYTES = 256 * 1024 * 1024


class AwsLakeReader:
    """``LakeReader`` over the table ``lake`` and a bucket. Not for use by two threads at once.

    Files are read from copies in a directory under ``cache_dir``, at most ``cache_bytes``. Any
    number of processes may name the same ``cache_dir``.
    """

    def __init__(
        self,
        stack: str,
        bucket: str,
        cache_dir: Path,
        *,
        cache_bytes: int = DEFAULT_CACHE_BYTES,
    ) -> None:
        self.catalog = Catalog(stack)
        self._bucket, self._cache_dir, self._cache_bytes = bucket, cache_dir, cache_bytes

    @cached_property
    def objects(self) -> Objects:
        """Made when first used: who asks for the position alone needs no second client."""
        return Objects(self._bucket)

    @cached_property
    def cache(self) -> FileCache:
        return FileCache(self._cache_dir, self._cache_bytes, self.objects.fetch)

    def position(self) -> int:
        return self.catalog.pointer().position

    def snapshot(self, account_id: str) -> Snapshot:
        """The pointer first: whatever is committed after it has a higher number."""
        pointer, erased = self._pointer_of(account_id)
        rows = self.catalog.account_rows(account_id)
        files = tuple(row.file for row in rows if row.live_in(pointer.snapshot_id))
        return Snapshot(pointer.snapshot_id, pointer.position, files, erased)

    def _pointer_of(self, account_id: str) -> tuple[Pointer, tuple[Erased, ...]]:
        """A pointer and what it says of erased people. Their rows go once the position is past
        them, so the pointer must be the same after reading them as before."""
        while True:
            pointer = self.catalog.pointer()
            if pointer.erased_to <= pointer.position:
                return pointer, ()
            erased = tuple(self.catalog.erased(pointer, account_id))
            if self.catalog.pointer() == pointer:
                return pointer, erased

    def locate(self, files: Sequence[DataFile]) -> list[str]:
        return [str(copy) for copy in self.cache.bring([(f.path, f.bytes) for f in files])]

    def folder(self, account_id: str, table: str = "events") -> str:
        return f"{self.cache.at(f'{table}/account_id={account_id}')}/"

    def close(self) -> None:
        if "cache" in vars(self):
            self.cache.close()
