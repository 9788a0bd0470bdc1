"""The lake's writer and what is done to it, embedded and in a stack."""

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tallybrook.errors import ConflictError
from tallybrook.events.ids import new_ulid
from tallybrook.ports.clock import system_clock
from tallybrook.settings import Settings

if TYPE_CHECKING:
    from tallybrook.lake.chores import Chore, Refreshing
    from tallybrook.lake.consumer import LakeConsumer
    from tallybrook.lake.tasks import Task
    from tallybrook.lake.writing import Writer
    from tallybrook.ports.lake import LakeReader, LakeStore
    from tallybrook.ports.lake.aws import AwsLake
    from tallybrook.ports.log import FailedRecord
    from tallybrook.ports.state import State

REFRESH_EVERY_S = {"local": 300.0, "aws": 3600.0}
RETAIN_EVERY_S = 3600.0
WAIT_S = 900.0
"""How long a command waits for whoever writes the lake: the longest a function runs."""

LEASE_S = 3600.0
"""How long a command may write a stack's lake; it gives it back before, unless it is killed."""

_TRY_EVERY_S = 2.0


def open_lake(
    settings: Settings,
    store: "LakeStore",
    keep_failed: "Callable[[FailedRecord], None]",
    **room: int,
) -> "LakeConsumer":
    """The consumer that writes a store, with its chores."""
    from tallybrook.lake.consumer import LakeConsumer

    return LakeConsumer(store, keep_failed, chores=_chores(settings), **room)  # type: ignore[arg-type]


def refreshed(settings: Settings) -> "Mapping[str, Refreshing]":
    """The tables that are worked out of others."""
    from tallybrook.lake.benchmarks import Benchmarks
    from tallybrook.lake.engagement import Engagement
    from tallybrook.lake.refreshing import Refresher
    from tallybrook.privacy.suppressing import suppress

    return {
        "user_engagement": Refresher(Engagement()),
        "industry_benchmarks": Refresher(Benchmarks(suppress, settings.min_people)),
    }


def _chores(settings: Settings) -> "list[Chore]":
    from tallybrook.lake.chores import Every
    from tallybrook.lake.retention import parse_days, retain

    days = parse_days(settings.lake_retention)
    every_s = REFRESH_EVERY_S[settings.backend]
    chores: list[Chore] = [Every(every_s, one.refresh) for one in refreshed(settings).values()]
    return [*chores, Every(RETAIN_EVERY_S, partial(retain, days=days))] if days else chores


@contextmanager
def answering(settings: Settings, lake: "LakeConsumer") -> Iterator[None]:
    """Do what others ask of the writer, for as long as the block lasts."""
    from tallybrook.ports.working import working

    with working_off(settings, lake.writer) as next_one, working(next_one, "lake"):
        yield


@contextmanager
def working_off(settings: Settings, writer: "Writer") -> "Iterator[Callable[[], int]]":
    """What does the oldest task that waits for the writer, and tells how many that was."""
    from tallybrook.lake.asking import answer_next
    from tallybrook.wiring import open_state

    with closing(open_state(settings, system_clock)) as state:
        do = partial(_do, settings, writer, state)
        yield lambda: answer_next(state, do)


def _do(settings: Settings, writer: "Writer", state: "State", task: "Task") -> dict[str, Any]:
    """One task with all that follows from it. Tasks are done one after the other: an answer is
    taken in before somebody is erased or after it."""
    from tallybrook.lake.chores import perform
    from tallybrook.lake.erasures import Last
    from tallybrook.lake.recording import finish
    from tallybrook.sql.keeping import take_in
    from tallybrook.sql.kept import forget
    from tallybrook.wiring import open_objects

    if task.op == "result":
        return take_in(writer, task, open_objects(settings), state)
    found = perform(writer, task, refreshed(settings))
    if task.op == "erase" and not task.dry_run:
        with writer.lock:
            last = Last(writer.now_us(), writer.store.snapshot(task.account_id).snapshot_id)
        finish(state, task, found, last, forget(state, task.account_id))
    return found


def do_lake_task(settings: Settings, task: "Task", wait_s: float = WAIT_S) -> dict[str, Any]:
    """Do a task: here, where nobody writes the lake, else by whoever does. Raises
    ``ConflictError`` or ``StorageError`` when it is not done within ``wait_s``."""
    if settings.backend == "aws":
        return _when_free(settings, task, wait_s)
    from tallybrook.lake.asking import ask
    from tallybrook.wiring.local import open_local_state

    try:
        return _do_here(settings, task)
    except ConflictError:
        with closing(open_local_state(settings, system_clock)) as state:
            return ask(state, task, wait_s)


def erase_person(
    settings: Settings, account_id: str, names: Sequence[str], up_to: int, wait_s: float = WAIT_S
) -> dict[str, Any]:
    """Erase somebody: here, where nobody writes the lake, else by whoever does. It is recorded
    first: whatever dies when, and also after an error, it will be done.

    Raises ``StorageError`` when it is not done within ``wait_s``.
    """
    from tallybrook.lake.asking import wait
    from tallybrook.lake.recording import request
    from tallybrook.wiring import open_state

    def be_the_writer() -> None:
        with (
            suppress(ConflictError),
            _writer(settings) as writer,
            working_off(settings, writer) as next_one,
        ):
            while next_one():
                pass

    with closing(open_state(settings, system_clock)) as state:
        now_us = system_clock()
        asked = request(state, new_ulid(now_us), account_id, names, up_to, now_us)
        return wait(state, asked.erasure_id, wait_s, be_the_writer)


def _when_free(settings: Settings, task: "Task", wait_s: float) -> dict[str, Any]:
    """The stack's function gives the lake back at the end of each invocation."""
    until_s = time.monotonic() + wait_s
    while True:
        try:
            return _do_here(settings, task)
        except ConflictError:
            if time.monotonic() > until_s:
                raise
            time.sleep(_TRY_EVERY_S)


def _do_here(settings: Settings, task: "Task") -> dict[str, Any]:
    from tallybrook.lake.chores import perform

    with _writer(settings) as writer:
        return perform(writer, task, refreshed(settings))


@contextmanager
def _writer(settings: Settings) -> "Iterator[Writer]":
    """The writer of the lake. Raises ``ConflictError`` where there is one already."""
    from tallybrook.lake.room import room_of
    from tallybrook.lake.writing import Writer

    room = room_of(1024)
    writer = Writer(
        _store(settings), memory_bytes=room.memory_bytes, target_bytes=room.target_bytes
    )
    with closing(writer):
        yield writer


def _store(settings: Settings) -> "LakeStore":
    if settings.backend == "aws":
        # A folder of its own: the writer empties it.
        folder = Path(tempfile.mkdtemp(prefix="tallybrook-lake-"))
        return open_aws_lake(settings, folder, LEASE_S)
    from tallybrook.ports.lake.local import LocalLake

    return LocalLake(settings.data_path)


def open_aws_lake(settings: Settings, scratch: Path, lease_s: float) -> "AwsLake":
    """The stack's lake, to be written."""
    from tallybrook.lake.ddl import manifest_of
    from tallybrook.ports.lake.aws import AwsLake

    return AwsLake(
        settings.stack, settings.bucket, scratch, lease_s=lease_s, manifest_of=manifest_of
    )


@contextmanager
def open_lake_reader(settings: Settings) -> "Iterator[LakeReader]":
    """The tables as a query sees them."""
    reader: LakeReader
    if settings.backend == "aws":
        from tallybrook.ports.lake.aws import AwsLakeReader

        folder = Path(tempfile.mkdtemp(prefix="tallybrook-lake-"))
        reader = AwsLakeReader(settings.stack, settings.bucket, folder)
    else:
        from tallybrook.ports.lake.local import LocalLakeReader

        reader = LocalLakeReader(settings.data_path)
    with closing(reader):
        yield reader
