"""Backends of the lake store, as the suites open them: one entry each."""

import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from tallybrook.errors import StorageError
from tallybrook.ports.lake import DataFile, LakeReader, LakeStore
from tallybrook.ports.lake.local import LocalLake, LocalLakeReader


class LakeBackend(Protocol):
    """One lake, in one place."""

    def open(self, **options: Any) -> LakeStore:
        """The writer: ``grace_s``, ``now_us`` and ``step`` as the backends know them."""

    def reader(self) -> LakeReader: ...

    def stored(self) -> set[str]:
        """The paths of all data files that take up room, of the lake or not."""

    def elsewhere(self) -> LakeReader:
        """A reader of a lake that nobody has written to."""


class Local:
    """A data directory."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def open(self, **options: Any) -> LocalLake:
        return LocalLake(self.folder, **options)

    def reader(self) -> LocalLakeReader:
        return LocalLakeReader(self.folder)

    def elsewhere(self) -> LocalLakeReader:
        return LocalLakeReader(self.folder / "elsewhere")

    def stored(self) -> set[str]:
        root = self.folder / "lake"
        return {str(p.relative_to(root)) for p in root.glob("*/account_id=*/**/*.parquet")}


class Aws:
    """A bucket and the table ``lake`` of a stack. Each writer has a scratch room of its own."""

    def __init__(self, folder: Path, stack: str) -> None:
        # Here and not above: a run without this backend does not load the SDK.
        from tallybrook.ports.aws.tables import LAKE
        from tests.support.emulator import make_tables

        self.folder, self.stack, self.bucket = folder, stack, f"{stack}-lake"
        make_tables(stack, (LAKE,))
        self._s3.create_bucket(Bucket=self.bucket)

    @property
    def _s3(self) -> Any:
        from tallybrook.ports.aws.clients import client

        return client("s3")

    def open(self, **options: Any) -> LakeStore:
        from tallybrook.ports.lake.aws import AwsLake

        return AwsLake(self.stack, self.bucket, self.folder / uuid.uuid4().hex, **options)

    def reader(self) -> LakeReader:
        from tallybrook.ports.lake.aws import AwsLakeReader

        return AwsLakeReader(self.stack, self.bucket, self.folder / "cache")

    def elsewhere(self) -> LakeReader:
        from tallybrook.ports.aws.tables import LAKE
        from tallybrook.ports.lake.aws import AwsLakeReader
        from tests.support.emulator import make_tables

        make_tables(f"{self.stack}x", (LAKE,))
        return AwsLakeReader(f"{self.stack}x", self.bucket, self.folder / "cache")

    def stored(self) -> set[str]:
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket)
        keys = (item["Key"] for page in pages for item in page.get("Contents", ()))
        return {key.removeprefix("lake/") for key in keys}


def open_backend(name: str, folder: Path, stack: Callable[[], str]) -> LakeBackend:
    """``stack`` is asked for only where it is used: it starts the emulated account."""
    return Local(folder) if name == "local" else Aws(folder, stack())


def readable(reader: LakeReader, file: DataFile) -> bool:
    """Whether the file's address leads to a file."""
    try:
        return all(Path(address).exists() for address in reader.locate([file]))
    except StorageError:
        return False
