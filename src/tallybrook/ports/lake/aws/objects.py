"""The lake's files in the bucket: ``lake/<path>``, the hive layout that Athena reads as well."""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from tallybrook.errors import StorageError
from tallybrook.ports.aws.clients import client, error_code, translated

PREFIX = "lake/"
AT_ONCE = 8
"""Transfers under way together."""

_MAX_DELETE = 1_000
_PART_BYTES = 1 << 20
_TRIES = 3
_T = TypeVar("_T")


class Objects:
    """Whole files in and out of one bucket. Safe for use by several threads."""

    def __init__(self, bucket: str) -> None:
        self.bucket = bucket
        self._s3: Any = client("s3")

    def put(self, files: Iterable[tuple[str, Path]]) -> None:
        """Store files under their paths; all are durable when it returns."""
        _together(lambda file: self._put(*file), list(files))

    def publish(self, key: str, lines: Sequence[str]) -> None:
        """Put a text under a key of the bucket, whole; without lines nothing is left there."""
        with translated("publish what a partition of the lake holds"):
            if lines:
                body = "".join(f"{line}\n" for line in lines).encode()
                self._s3.put_object(Bucket=self.bucket, Key=key, Body=body)
            else:
                self._s3.delete_object(Bucket=self.bucket, Key=key)

    def fetch(self, files: Iterable[tuple[str, Path]]) -> None:
        """Bring files to places on the disk, each whole or not at all.

        Raises ``StorageError``, also for a file that is not there any more: a snapshot was used
        for longer than its grace, and a new one will do.
        """
        _together(lambda file: self._fetch(*file), list(files))

    def delete(self, paths: Sequence[str]) -> None:
        """Delete what is there of these paths."""
        for at in range(0, len(paths), _MAX_DELETE):
            keys = [{"Key": PREFIX + path} for path in paths[at : at + _MAX_DELETE]]
            with translated("delete files of the lake"):
                answer = self._s3.delete_objects(
                    Bucket=self.bucket, Delete={"Objects": keys, "Quiet": True}
                )
            if answer.get("Errors"):
                raise StorageError(f"delete files of the lake: {answer['Errors'][0].get('Code')}")

    def _put(self, path: str, source: Path) -> None:
        with translated("store a file of the lake"), source.open("rb") as body:
            self._s3.put_object(Bucket=self.bucket, Key=PREFIX + path, Body=body)

    def _fetch(self, path: str, target: Path) -> None:
        """The SDK tries a request again, not a body that breaks off: that is done here."""
        with translated("read a file of the lake"):
            for attempt in range(1, _TRIES + 1):
                try:
                    self._copy(path, target)
                    return
                except ClientError as error:
                    if error_code(error) == "NoSuchKey":
                        raise StorageError("a file of the snapshot is gone") from error
                    raise
                except BotoCoreError:
                    if attempt == _TRIES:
                        raise

    def _copy(self, path: str, target: Path) -> None:
        partial = target.with_name(f"{target.name}.part")
        target.parent.mkdir(parents=True, exist_ok=True)
        body = self._s3.get_object(Bucket=self.bucket, Key=PREFIX + path)["Body"]
        with partial.open("wb") as file:
            for part in body.iter_chunks(_PART_BYTES):
                file.write(part)
        partial.rename(target)


def _together(work: Callable[[_T], None], items: Sequence[_T]) -> None:
    """Each item on a thread of a small pool; the first error, once all have ended."""
    if len(items) <= 1:
        for item in items:
            work(item)
        return
    with ThreadPoolExecutor(min(AT_ONCE, len(items))) as pool:
        done = [pool.submit(work, item) for item in items]
    for future in done:
        future.result()
