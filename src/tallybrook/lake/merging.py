"""Merging small files: each merge is a commit of its own."""

import time

import duckdb
from msgspec import Struct

from tallybrook.errors import StorageError
from tallybrook.lake.compact import plan
from tallybrook.lake.write import merge_files
from tallybrook.lake.writing import Writer
from tallybrook.ports.lake import DataFile


class Merge(Struct, frozen=True):
    """Files of one partition that become one, or would."""

    folder: str
    files: int
    bytes: int


def plan_merges(writer: Writer, *, quiet_us: int | None = None) -> list[list[DataFile]]:
    """What merging now would take together. With ``quiet_us`` 0 every partition counts as one that
    nothing is added to any more."""
    small = writer.store.small_files(writer.target_bytes // 2)
    options = {} if quiet_us is None else {"quiet_us": quiet_us}
    return plan(small, writer.now_us(), target_bytes=writer.target_bytes, **options)


def merge_all(writer: Writer, *, budget_s: float, quiet_us: int | None = None) -> list[Merge]:
    """Merge for about so long; what was merged."""
    deadline, done = time.monotonic() + budget_s, []
    for group in plan_merges(writer, quiet_us=quiet_us):
        _merge(writer, group)
        done.append(told(group))
        if time.monotonic() > deadline:
            break
    return done


def told(group: list[DataFile]) -> Merge:
    return Merge(group[0].folder, len(group), sum(file.bytes for file in group))


def _merge(writer: Writer, group: list[DataFile]) -> None:
    try:
        merged = merge_files(writer.engine, writer.store, group)
    except duckdb.IOException as error:
        raise StorageError(f"the lake could not merge: {error}") from error
    except duckdb.OutOfMemoryException:
        # Small files are slower and nothing worse: what does not fit together stays apart.
        for part in _halves(group):
            _merge(writer, part)
        return
    writer.commit(merged, group)


def _halves(group: list[DataFile]) -> list[list[DataFile]]:
    """The parts of a merge that are merges themselves."""
    middle = len(group) // 2
    return [part for part in (group[:middle], group[middle:]) if len(part) > 1]
