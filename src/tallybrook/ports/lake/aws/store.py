"""Writing the lake on AWS: one process at a time, and any of its steps may be its last.

A commit goes: *intent* (what is about to be written, under the fence) → files to the bucket →
rows of the next snapshot → pointer. A crash before the pointer leaves an intent, and whoever
writes next first replaces the fence, so that nothing of the old commit can arrive any more, and
then undoes what the intent names: rows, removals and objects. Nothing else is ever swept: no
listing of the bucket is needed, and a file that the catalog knows is never deleted but by
``expire``. (A writer that was overtaken deletes its own uploads; if it dies right there they
stay, unread.)
"""

import shutil
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from tallybrook.errors import ConflictError, StorageError
from tallybrook.ports.aws.dynamo import text
from tallybrook.ports.lake import DEFAULT_GRACE_S, DataFile, Erased
from tallybrook.ports.lake.aws import commit as steps
from tallybrook.ports.lake.aws.catalog import (
    NOT_THE_WRITER,
    Intent,
    Pointer,
    Row,
    account_of,
    erased_key,
    file_key,
)
from tallybrook.ports.lake.aws.manifests import ManifestOf, Manifests
from tallybrook.ports.lake.aws.reader import DEFAULT_CACHE_BYTES, AwsLakeReader

DEFAULT_LEASE_S = 900.0
"""The longest a Lambda function runs."""

Step = Callable[[str], None]


def _now_us() -> int:
    return time.time_ns() // 1000


def _nothing(_step: str) -> None:
    """The default of ``step``: tests put a crash here."""


class AwsLake(AwsLakeReader):
    """The writer. ``scratch_dir`` is its own: new files, spilling, and copies of what it merges.

    Opening takes the lease for ``lease_s``, which is how long this writer means to live, undoes
    what a crash left, and empties the scratch room. ``ConflictError`` while another writer's
    lease lasts, and from any commit once another writer has taken over.
    """

    def __init__(
        self,
        stack: str,
        bucket: str,
        scratch_dir: Path,
        *,
        cache_bytes: int = DEFAULT_CACHE_BYTES,
        grace_s: float = DEFAULT_GRACE_S,
        lease_s: float = DEFAULT_LEASE_S,
        now_us: Callable[[], int] = _now_us,
        step: Step = _nothing,
        manifest_of: ManifestOf | None = None,
    ) -> None:
        super().__init__(stack, bucket, scratch_dir / "cache", cache_bytes=cache_bytes)
        self._grace_us = int(grace_s * 1e6)
        self._now_us, self._step = now_us, step
        self._stage, self._spill = scratch_dir / "stage", scratch_dir / "spill"
        self._fence = uuid.uuid4().hex
        self.catalog.take(self._fence, now_us(), now_us() + int(lease_s * 1e6))
        self._unsettled = False
        self._manifests = Manifests(self.catalog, lambda: self.objects, manifest_of)
        self._accounts: set[str] = set()
        self._erased: list[Erased] | None = None
        self._empty_rooms()
        self.swept = self._undo(self.catalog.intents())
        self._manifests.settle()

    def staging(self) -> str:
        return str(self._stage)

    def scratch(self) -> str:
        return str(self._spill)

    def relative(self, location: str) -> str:
        return str(Path(location).relative_to(self._stage))

    def commit(
        self,
        add: Sequence[DataFile],
        remove: Sequence[str] = (),
        position: int | None = None,
        erased: Sequence[Erased] = (),
    ) -> int:
        self._settle()
        before = self.catalog.pointer()
        if before.fence != self._fence:
            raise ConflictError(NOT_THE_WRITER)
        steps.check(self.catalog, before, add, remove, position)
        self._unsettled = True
        self._erased = None
        intents = self._prepare(before, add, remove, erased)
        self._manifests.owe(_folders(add, remove))
        self._write(before, add, remove, erased, steps.moved(before, position, erased))
        self._step("after-commit")
        self._finish(intents)
        self._publish(add, remove)
        self._accounts.update(file.account_id for file in add)
        for file in add:
            self.cache.adopt(file.path, self._stage / file.path)
        return before.snapshot_id + 1

    def erased(self) -> list[Erased]:
        """Asked for once, and again after a commit that says something of it: nobody else does."""
        if self._erased is None:
            self._erased = self.catalog.erased(self.catalog.pointer())
        return self._erased

    def accounts(self) -> list[str]:
        return self.catalog.accounts()

    def discard(self, paths: Sequence[str]) -> None:
        """Delete the staged files; what was uploaded of them goes with the commit's intent, since
        only under a new fence is it certain that the commit did not happen after all."""
        for path in paths:
            (self._stage / path).unlink(missing_ok=True)

    def small_files(self, below_bytes: int) -> dict[str, list[DataFile]]:
        """Looks only into partitions written to since they last had fewer than two such files:
        ask for the same size every time."""
        snapshot_id = self.catalog.pointer().snapshot_id
        groups: dict[str, list[DataFile]] = {}
        for folder, mark in self.catalog.touched():
            rows = self.catalog.account_rows(account_of(f"{folder}/") or "", f"{folder}/")
            files = [row.file for row in rows if row.live_in(snapshot_id)]
            small = [file for file in files if file.bytes < below_bytes]
            if len(small) > 1:
                groups[folder] = sorted(small, key=lambda f: (f.added_us, f.path))
            else:
                self.catalog.untouch(folder, mark)
        return groups

    def due(self) -> list[DataFile]:
        return [row.file for _, rows in self._due() for row in rows]

    def expire(self) -> int:
        expired = 0
        for key, rows in self._due():
            due = [row.file.path for row in rows]
            self.cache.drop(due)
            self.objects.delete(due)
            self._step("before-forget")
            keys = [file_key(path) for path in due] + [{"pk": text("gone"), "sk": text(key)}]
            self.catalog.write({"DeleteRequest": {"Key": k}} for k in keys)
            expired += len(due)
        self._forget_erased()
        return expired

    def _due(self) -> Iterator[tuple[str, list[Row]]]:
        """Notes of removals whose grace has passed, and the files that are due by each."""
        snapshot_id = self.catalog.pointer().snapshot_id
        for key, paths in list(self.catalog.gone(self._now_us() - self._grace_us)):
            known = self.catalog.rows(paths)
            # Not by the note alone: the commit that wrote it may have been undone.
            yield (
                key,
                [known[p] for p in paths if p in known and self._is_due(known[p], snapshot_id)],
            )

    def _forget_erased(self) -> None:
        """What the position is past says nothing any more."""
        pointer = self.catalog.pointer()
        if not 0 < pointer.erased_to <= pointer.position:
            return
        keys = [erased_key(one) for _, one, _ in self.catalog.erased_rows()]
        self.catalog.write({"DeleteRequest": {"Key": key}} for key in keys)

    def close(self) -> None:
        """Give the lease back, so that the next writer need not wait for its end."""
        with suppress(StorageError):  # the lease ends by itself
            self.catalog.release(self._fence)
        super().close()

    def _prepare(
        self,
        before: Pointer,
        add: Sequence[DataFile],
        remove: Sequence[str],
        erased: Sequence[Erased],
    ) -> list[Intent]:
        """The intent, then the files: whatever reaches the bucket is written down first."""
        self._step("before-intent")
        intents = steps.put_intents(
            self.catalog, self._fence, before.snapshot_id + 1, add, remove, erased
        )
        self._step("before-upload")
        try:
            self.objects.put((file.path, self._stage / file.path) for file in add)
        except OSError as error:
            raise StorageError(f"the lake could not commit: {error}") from error
        self._step("before-touch")
        fresh = sorted({file.account_id for file in add} - self._accounts)
        steps.touch(self.catalog, add, fresh, f"{self._fence}#{before.snapshot_id}")
        return intents

    def _write(
        self,
        before: Pointer,
        add: Sequence[DataFile],
        remove: Sequence[str],
        erased: Sequence[Erased],
        after: Pointer,
    ) -> None:
        now_us, number = self._now_us(), after.snapshot_id
        stamped = [msgspec.structs.replace(file, added_us=now_us) for file in add]
        table = self.catalog.table
        actions = steps.row_actions(table, number, stamped, remove, erased, now_us)
        pointer = steps.pointer_action(self.catalog, before, after)
        try:
            for step in steps.apply(self.catalog, self._fence, actions, pointer):
                self._step(step)
        except ConflictError:
            self._overtaken(add)
            raise
        except StorageError:
            # The answer may be what was lost, not the commit.
            if self.catalog.pointer() != after:
                raise

    def _finish(self, intents: list[Intent]) -> None:
        """The commit has happened: no error may say otherwise. An intent that stays does no harm,
        and is looked at again before the next commit."""
        try:
            steps.forget(self.catalog, intents)
            self._unsettled = False
        except StorageError:
            pass

    def _publish(self, add: Sequence[DataFile], remove: Sequence[str]) -> None:
        """As with ``_finish``: what is not put now stays owed, until the store is opened again."""
        self._step("before-manifests")
        with suppress(StorageError):
            self._manifests.settle(_folders(add, remove))

    def _is_due(self, row: Row, snapshot_id: int) -> bool:
        return row.gone_by(snapshot_id) and row.removed_us <= self._now_us() - self._grace_us

    def _overtaken(self, add: Sequence[DataFile]) -> None:
        """Nobody undoes for a writer that goes on after its successor has swept."""
        if self.catalog.pointer().fence != self._fence:
            self.objects.delete([file.path for file in add])

    def _settle(self) -> None:
        """After a commit of ours whose end is not known: rule it out, or find that it happened."""
        if not self._unsettled:
            return
        fence = uuid.uuid4().hex
        self.catalog.replace_fence(self._fence, fence)
        self._fence = fence
        self.swept += self._undo(self.catalog.intents())
        self._unsettled = False

    def _undo(self, intents: list[Intent]) -> int:
        snapshot_id = self.catalog.pointer().snapshot_id
        swept = 0
        for intent in intents:
            left = steps.undo_rows(self.catalog, self._fence, snapshot_id, intent)
            self.objects.delete(left)
            steps.forget(self.catalog, [intent])
            swept += len(left)
        return swept

    def _empty_rooms(self) -> None:
        for room in (self._stage, self._spill):
            shutil.rmtree(room, ignore_errors=True)
        self._stage.mkdir(parents=True)
        self._spill.mkdir(parents=True)


def _folders(add: Sequence[DataFile], remove: Sequence[str]) -> list[str]:
    """The partitions that a commit changes."""
    removed = {path.rpartition("/")[0] for path in remove}
    return sorted({file.folder for file in add} | removed)
