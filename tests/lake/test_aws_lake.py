"""The lake on AWS when things go wrong: crashes at every step, lost answers, a second writer."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tallybrook.errors import ConflictError, StorageError
from tallybrook.lake.consumer import LakeConsumer
from tallybrook.lake.ddl import manifest_of
from tallybrook.lake.erasing import erase
from tallybrook.ports.lake.aws import AwsLake
from tallybrook.ports.log import Chunk
from tests.contracts.lakes import Aws
from tests.lake.reading import database
from tests.lake.scored import chunk_of, cost_line, scored, scored_line
from tests.support.emulator import new_stack

HOUR_US = 3_600_000_000


class Crash(BaseException):
    """Stands for the end of the process at a step."""


class World:
    """One lake and a clock; a writer that crashes leaves its lease behind, and time passes."""

    def __init__(self, folder: Path) -> None:
        self.backend = Aws(folder, new_stack())
        self.now = 1_700_000_000_000_000

    def open(self, step: Callable[[str], None] = lambda _step: None) -> LakeConsumer:
        self.now += HOUR_US
        store = self.backend.open(grace_s=0, now_us=lambda: self.now, step=step)
        return LakeConsumer(store, lambda record: None, now_us=lambda: self.now + HOUR_US)

    def live(self, steps_left: int, work: Callable[[LakeConsumer], None]) -> str:
        """Work until the n-th step (0: to the end); tells its name, "" where it was not reached."""
        lake = self.open(_dying(steps_left))
        try:
            work(lake)
        except Crash as crash:
            return str(crash)
        lake.close()
        return ""

    def seqs(self, account: str = "acme") -> list[int]:
        reader = self.backend.reader()
        files = reader.locate(reader.snapshot(account).files)
        reader.close()
        if not files:
            return []
        with database() as db:
            rows = db.execute(f"SELECT seq FROM read_parquet({files!r}) ORDER BY seq").fetchall()
        return [seq for (seq,) in rows]

    def is_tidy(self) -> bool:
        """Whether the bucket holds exactly the files of the catalog."""
        reader = self.backend.reader()
        live = {f.path for a in ("acme", "beta") for f in reader.snapshot(a).files}
        reader.close()
        return self.backend.stored() == live


@pytest.fixture
def world(emulator: object, tmp_path: Path) -> World:
    return World(tmp_path)


def take_in(chunks: list[Chunk], flushes: list[int]) -> Callable[[LakeConsumer], None]:
    """All chunks from the first, as many a call as ``flushes`` says, merging after each."""

    def work(lake: LakeConsumer) -> None:
        at = 0
        for flush in flushes * len(chunks):
            if rest := chunks[at : at + flush]:
                lake.handle(rest)
                lake.idle()
            at += flush

    return work


def crash_at(folder: Path, chunks: list[Chunk], steps: Iterable[int]) -> list[str]:
    """A lake for each step, that crashes there and is started again: a whole prefix of the log
    after the crash, all of it at the end, and nothing left in the bucket. The names of the steps;
    the first that is not reached is the last."""
    total, names = chunks[-1].last_seq, []
    for die_at in steps:
        world = World(folder / str(die_at))
        names.append(world.live(die_at, take_in(chunks, [1])))
        seqs = world.seqs()
        assert seqs == list(range(1, len(seqs) + 1))
        world.live(0, take_in(chunks, [1]))
        assert world.seqs() == list(range(1, total + 1))
        world.live(0, lambda lake: lake.idle())
        assert world.is_tidy()
        if not names[-1]:
            break
    return names


STEPS = ("before-intent", "before-upload", "before-touch", "before-commit", "after-commit")


@pytest.mark.parametrize(
    "steps",
    [(2, 7, 9, 16, 17, 18, 19), pytest.param(range(1, 99), marks=pytest.mark.slow)],
    ids=["each", "every"],
)
def test_a_crash_at_every_step(
    emulator: object, tmp_path: Path, make_chunk: Any, steps: Sequence[int]
) -> None:
    """Wherever a flush, a merge or a deletion breaks off, nothing is lost, doubled or left."""
    chunks = [make_chunk(1 + 10 * n, 10) for n in range(2)]
    names = crash_at(tmp_path, chunks, steps)
    assert {*names, ""} == {*STEPS, "before-manifests", "before-forget", ""}


def test_a_crash_in_a_commit_of_many_rows(
    emulator: object, tmp_path: Path, make_chunk: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A commit of several transactions that breaks off between them is undone whole: neither
    what it added nor what it removed shows, then or after the next commit."""
    monkeypatch.setattr("tallybrook.ports.lake.aws.commit.MAX_TRANSACTION", 2)
    names = crash_at(tmp_path, [make_chunk(1, 3), make_chunk(4, 3)], range(16, 21))
    assert names == [*["before-rows"] * 3, "before-commit", "after-commit"]


@settings(
    max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    sizes=st.lists(st.integers(1, 40), min_size=1, max_size=6),
    flushes=st.lists(st.integers(1, 4), min_size=1, max_size=4),
    crashes=st.lists(st.integers(1, 14), max_size=4),
)
def test_any_split_and_any_crashes(
    sizes: list[int],
    flushes: list[int],
    crashes: list[int],
    emulator: object,
    tmp_path_factory: pytest.TempPathFactory,
    make_chunk: Any,
) -> None:
    """However the log is cut and wherever it crashes, each event is there exactly once."""
    world = World(tmp_path_factory.mktemp("lake"))
    chunks: list[Chunk] = []
    for size in sizes:
        chunks.append(make_chunk(1 + sum(c.count for c in chunks), size))
    for steps in [*crashes, 0]:
        world.live(steps, take_in(chunks, flushes))
    assert world.seqs() == list(range(1, sum(sizes) + 1))


def test_redelivered_chunks_change_nothing(world: World, make_chunk: Any) -> None:
    """The same chunks again, in part, in this life and the next: the same rows and files."""
    chunks = [make_chunk(1, 5), make_chunk(6, 3)]
    lake = world.open()
    lake.handle(chunks)
    stored = world.backend.stored()
    lake.handle(chunks[1:])
    lake.close()
    again = world.open()
    again.handle(chunks)
    assert world.backend.stored() == stored
    assert world.seqs() == list(range(1, 9))


@pytest.mark.parametrize("at", STEPS)
def test_a_writer_that_is_overtaken(at: str, world: World, make_chunk: Any) -> None:
    """Two writers at once: the second is refused; when the first's lease is over it takes over,
    at whatever step the first is, and what the first then does counts once or not at all."""
    chunks = [make_chunk(1, 10), make_chunk(11, 10)]
    second: list[LakeConsumer] = []

    def overtake(step: str) -> None:
        if step != at or second:
            return
        with pytest.raises(ConflictError):
            world.backend.open(now_us=lambda: world.now)
        second.append(world.open())
        second[0].handle(chunks)

    first = world.open(overtake)
    if at == "after-commit":
        first.handle(chunks)
    else:
        with pytest.raises(ConflictError):
            first.handle(chunks)
    assert world.seqs() == list(range(1, 21))
    assert world.is_tidy()
    with pytest.raises(ConflictError):
        first.handle([make_chunk(21, 10)])
    second[0].handle([make_chunk(21, 10)])
    assert world.seqs() == list(range(1, 31))
    assert world.is_tidy()


@pytest.fixture
def spoil(world: World, monkeypatch: pytest.MonkeyPatch) -> Callable[..., AwsLake]:
    """Makes calls of a store's clients fail, as after all of the SDK's own attempts."""
    from botocore.exceptions import ReadTimeoutError

    def spoiled(store: AwsLake, operation: str, *, happens: bool, times: int = 1) -> AwsLake:
        target = store.catalog.dynamo if operation != "put_object" else store.objects._s3
        real, left = getattr(target, operation), [times]

        def call(**request: Any) -> Any:
            if left[0] <= 0:
                return real(**request)
            left[0] -= 1
            if happens:
                real(**request)
            raise ReadTimeoutError(endpoint_url="on purpose")

        monkeypatch.setattr(target, operation, call)
        return store

    return spoiled


def test_a_lost_answer_is_no_lost_commit(world: World, make_chunk: Any, spoil: Any) -> None:
    """The pointer moved and the answer did not come: it counts, and no file of it is deleted."""
    lake = world.open()

    def step(name: str) -> None:
        if name == "before-commit":
            spoil(store, "transact_write_items", happens=True)

    store = lake._store
    store._step = step  # type: ignore[attr-defined]
    lake.handle([make_chunk(1, 5)])
    assert world.seqs() == [1, 2, 3, 4, 5]
    assert world.is_tidy()


def test_nobody_knows_whether_it_was_committed(world: World, make_chunk: Any, spoil: Any) -> None:
    """Neither the commit nor the question about it was answered: an error, and whatever became
    of it, the same chunks again give each row once and leave no file too many or too few."""
    for happened in (True, False):
        lake = world.open()
        first = 1 + len(world.seqs())

        def step(name: str, lake: LakeConsumer = lake, happened: bool = happened) -> None:
            if name == "before-commit":
                lake._store._step = lambda _name: None  # type: ignore[attr-defined]
                spoil(lake._store, "transact_write_items", happens=happened)
                spoil(lake._store, "get_item", happens=False)

        lake._store._step = step  # type: ignore[attr-defined]
        chunk = make_chunk(first, 5)
        with pytest.raises(StorageError):
            lake.handle([chunk])
        lake.handle([chunk, make_chunk(first + 5, 1)])
        assert world.seqs() == list(range(1, first + 6))
        lake.close()
        world.open().close()
        assert world.is_tidy()


@pytest.mark.parametrize("operation", ["put_object", "transact_write_items", "batch_write_item"])
def test_refused_services_leave_nothing(
    operation: str, world: World, make_chunk: Any, spoil: Any
) -> None:
    """``StorageError``: nothing was taken in, the same works later, nothing is left over."""
    lake = world.open()
    spoil(lake._store, operation, happens=False)
    with pytest.raises(StorageError):
        lake.handle([make_chunk(1, 5)])
    assert lake.position() == 0
    assert world.seqs() == []
    lake.handle([make_chunk(1, 5)])
    assert world.seqs() == [1, 2, 3, 4, 5]
    assert world.is_tidy()


def test_a_snapshot_that_outlived_its_grace(world: World, make_chunk: Any) -> None:
    """Its files are gone: an error that says to try again, not fewer rows."""
    lake, reader = world.open(), world.backend.reader()
    for n in range(3):
        lake.handle([make_chunk(1 + n, 1)])
    old = reader.snapshot("acme")
    lake.idle()
    world.now += HOUR_US
    lake.idle()
    with pytest.raises(StorageError):
        reader.locate(old.files)
    assert world.is_tidy()


def test_partitions_that_need_no_merging_are_not_looked_into(world: World, make_chunk: Any) -> None:
    """Housekeeping costs what was written lately, not what the lake holds."""
    lake = world.open()
    day_us = 86_400_000_000
    for day in range(3):
        lake.handle([make_chunk(1 + day, 1, timestamp=1_700_000_000_000_000 + day * day_us)])
    store = lake._store
    assert isinstance(store, AwsLake)
    assert len(list(store.catalog.touched())) == 3
    lake.idle()
    assert list(store.catalog.touched()) == []
    lake.handle([make_chunk(4, 1, timestamp=1_700_000_000_000_000)])
    assert len(store.small_files(1 << 20)) == 1


class Manifested:
    """A lake that publishes manifests, and what Athena would read by them."""

    def __init__(self, world: World) -> None:
        self.world, self._s3 = world, world.backend._s3

    def open(self, step: Callable[[str], None] = lambda _step: None) -> LakeConsumer:
        self.world.now += HOUR_US
        options = {"grace_s": 0, "now_us": lambda: self.world.now, "step": step}
        store = self.world.backend.open(manifest_of=manifest_of, **options)
        return LakeConsumer(store, lambda record: None, now_us=lambda: self.world.now + HOUR_US)

    def seen(self) -> set[str]:
        """The catalog paths that all manifests name; each of them must be there to be read."""
        bucket, prefix = self.world.backend.bucket, "lake/"
        keys = [f"{prefix}{path}" for path in self.world.backend.stored()]
        named = []
        for key in keys:
            if key.startswith("lake/manifests/"):
                body = self._s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode()
                named += [line.removeprefix(f"s3://{bucket}/") for line in body.splitlines()]
        assert set(named) <= set(keys)
        assert len(named) == len(set(named))
        return {key.removeprefix(prefix) for key in named}

    def live(self) -> set[str]:
        reader = self.world.backend.reader()
        files = reader.snapshot("acme").files
        reader.close()
        return {file.path for file in files}


@pytest.mark.parametrize(
    "steps",
    [(6, 11, 38), pytest.param(tuple(range(1, 46)), marks=pytest.mark.slow)],
    ids=["some", "every"],
)
def test_every_table_and_its_manifests_at_any_step(
    steps: tuple[int, ...], emulator: object, tmp_path: Path
) -> None:
    """Scores, costs and an erasure, with a crash at steps in turn: the tables go together, and
    once the lake was opened again Athena sees exactly the live files."""
    chunks = [
        chunk_of(1, scored_line(1, "u1"), cost_line(2, estimated_cost=1)),
        chunk_of(3, scored_line(3, "u2")),
    ]
    gone = scored("u1").anonymous_user_id

    def work(lake: LakeConsumer) -> None:
        for chunk in chunks:
            lake.handle([chunk])
        lake.idle()
        erase(lake.writer, "acme", [gone], 3)

    for die_at in steps:
        world = Manifested(World(tmp_path / str(die_at)))
        try:
            work(world.open(_dying(die_at)))
            assert die_at > 38
        except Crash:
            pass
        world.open().close()
        assert world.seen() == world.live()
        again = world.open()
        work(again)
        rows = _rows(again)
        again.close()
        assert rows == {"events": [2, 3], "ocean_scores": [3], "assessment_events": [3],
                        "cost_tracking": [2]}  # fmt: skip
        assert world.seen() == world.live()


def _dying(die_at: int) -> Callable[[str], None]:
    left = die_at

    def step(name: str) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            raise Crash(name)

    return step


def _rows(lake: LakeConsumer) -> dict[str, list[int]]:
    store, found = lake.writer.store, {}
    files = store.snapshot("acme").files
    for table in {file.table for file in files}:
        located = store.locate([file for file in files if file.table == table])
        rows = lake.writer.engine.execute(f"SELECT seq FROM read_parquet({located!r}) ORDER BY 1")
        found[table] = [seq for (seq,) in rows.fetchall()]
    return found
