"""Manifests: what Athena reads of a partition, the addresses of its live files.

A partition's manifest is *owed* from before a commit that changes it until it was put after it, so
that whoever writes next puts what a crash left undone. It is made of the catalog as it is then, and
made again where that changed meanwhile: what is put last is what is true.
"""

from collections.abc import Callable, Iterable

from tallybrook.ports.aws.dynamo import text
from tallybrook.ports.lake.aws.catalog import Catalog, account_of
from tallybrook.ports.lake.aws.objects import PREFIX, Objects

ManifestOf = Callable[[str], str | None]
"""The key of a partition's manifest, by its folder; None for one that has none."""

_TRIES = 8


class Manifests:
    """Those of one lake. ``of`` None: there are none, and nothing is owed."""

    def __init__(self, catalog: Catalog, objects: Callable[[], Objects], of: ManifestOf | None):
        self._catalog, self._objects, self._of = catalog, objects, of

    def owe(self, folders: Iterable[str]) -> None:
        """Before a commit that changes these partitions."""
        if self._of is not None:
            items = [
                {"pk": text("manifests"), "sk": text(folder)}
                for folder in folders
                if self._of(folder) is not None
            ]
            self._catalog.write({"PutRequest": {"Item": item}} for item in items)

    def settle(self, folders: Iterable[str] | None = None) -> None:
        """Put the manifests of these partitions, all that are owed where none are named."""
        if self._of is None:
            return
        for folder in self._catalog.owed() if folders is None else folders:
            manifest = self._of(folder)
            if manifest is None:
                continue
            self._put(folder, manifest)
            key = {"pk": text("manifests"), "sk": text(folder)}
            self._catalog.write([{"DeleteRequest": {"Key": key}}])

    def _put(self, folder: str, key: str) -> None:
        for _ in range(_TRIES):
            before = self._catalog.pointer()
            rows = self._catalog.account_rows(account_of(f"{folder}/") or "", f"{folder}/")
            live = [row.file.path for row in rows if row.live_in(before.snapshot_id)]
            bucket = self._objects().bucket
            self._objects().publish(key, [f"s3://{bucket}/{PREFIX}{path}" for path in live])
            if self._catalog.pointer().snapshot_id == before.snapshot_id:
                return
