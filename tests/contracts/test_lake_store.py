"""What every lake store promises (``tallybrook.ports.lake``)."""

from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from tallybrook.errors import ConflictError
from tallybrook.ports.lake import DataFile, Erased, LakeStore
from tests.contracts.lakes import LakeBackend, open_backend, readable


class Clock:
    """Microseconds that move when told."""

    def __init__(self) -> None:
        self.now = 1_700_000_000_000_000

    def __call__(self) -> int:
        return self.now


Open = Callable[[], LakeStore]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def opened() -> list[LakeStore]:
    return []


@pytest.fixture(params=["local", "aws"])
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> LakeBackend:
    return open_backend(request.param, tmp_path, lambda: request.getfixturevalue("stack"))


@pytest.fixture
def open_store(backend: LakeBackend, clock: Clock, opened: list[LakeStore]) -> Iterator[Open]:
    def open_() -> LakeStore:
        opened.append(backend.open(grace_s=600, now_us=clock))
        return opened[-1]

    yield open_
    for store in opened:
        store.close()


@pytest.fixture
def store(open_store: Open) -> LakeStore:
    return open_store()


def put(
    store: LakeStore,
    name: str,
    account: str = "acme",
    date: str = "2024-01-02",
    table: str = "events",
) -> DataFile:
    """A file where the writer would put it, and its catalog entry."""
    folder = Path(store.staging()) / table / f"account_id={account}" / f"date={date}"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.parquet").write_bytes(b"rows")
    return DataFile(
        path=store.relative(str(folder / f"{name}.parquet")),
        account_id=account,
        rows=1,
        bytes=4,
        min_us=5,
        max_us=9,
        column_bytes={"seq": 4},
    )


def paths(store: LakeStore, account: str = "acme") -> list[str]:
    return [file.path for file in store.snapshot(account).files]


def test_new_store_is_at_zero(store: LakeStore) -> None:
    """A lake that was never written to has position 0 and no files."""
    assert store.position() == 0
    assert store.snapshot("acme").files == ()


def test_commit_moves_files_and_position_together(store: LakeStore) -> None:
    """A snapshot holds what was committed, with its position, and snapshot ids rise."""
    first = store.commit([file := put(store, "a")], position=7)
    seen = store.snapshot("acme")
    assert (seen.snapshot_id, seen.position) == (first, 7)
    assert [(f.path, f.column_bytes, f.min_us) for f in seen.files] == [(file.path, {"seq": 4}, 5)]
    assert store.commit([], position=8) > first


def test_commit_replaces(store: LakeStore) -> None:
    """Adding and removing in one commit: a reader sees the old files or the new one."""
    old = [put(store, "a"), put(store, "b")]
    store.commit(old, position=7)
    before = store.snapshot("acme")
    store.commit([new := put(store, "c")], remove=[file.path for file in old])
    assert paths(store) == [new.path]
    assert store.position() == 7
    assert all(readable(store, file) for file in before.files)


@pytest.mark.parametrize("fault", ["falling", "unknown", "known"])
def test_refused_commit_changes_nothing(store: LakeStore, fault: str) -> None:
    """A falling position, an unknown removal or a known addition refuse the whole commit."""
    store.commit([a := put(store, "a")], position=7)
    before = store.snapshot("acme")
    add, remove, position = {
        "falling": ([put(store, "b")], [], 6),
        "unknown": ([put(store, "b")], ["nothing"], 9),
        "known": ([put(store, "b"), a], [], 9),
    }[fault]
    with pytest.raises(ConflictError):
        store.commit(add, remove, position)
    assert store.snapshot("acme") == before


def test_removed_files_outlive_the_longest_query(store: LakeStore, clock: Clock) -> None:
    """A removed file is readable until its grace has passed, then it is deleted."""
    store.commit([a := put(store, "a")])
    store.commit([put(store, "b")], remove=[a.path])
    clock.now += 599_000_000
    assert store.expire() == 0
    assert readable(store, a)
    clock.now += 2_000_000
    assert store.expire() == 1
    assert not readable(store, a)
    assert store.expire() == 0


def test_orphans_are_swept_at_start(open_store: Open, opened: list[LakeStore]) -> None:
    """What a crash left on disk without a commit goes; live and graced files stay."""
    store = open_store()
    store.commit([a := put(store, "a"), b := put(store, "b")])
    store.commit([], remove=[b.path])
    orphan = put(store, "orphan")
    opened.pop().close()
    again = open_store()
    assert not readable(again, orphan)
    assert readable(again, a)
    assert readable(again, b)
    assert paths(again) == [a.path]


def test_accounts_are_apart(store: LakeStore) -> None:
    """A snapshot names the files of its account alone."""
    store.commit([mine := put(store, "a"), put(store, "b", account="acme2")], position=2)
    assert paths(store) == [mine.path]
    assert paths(store, "acme_") == []


def test_one_writer(open_store: Open) -> None:
    """A second writer is refused while the first is open."""
    open_store()
    with pytest.raises(ConflictError):
        open_store()


def test_small_files_by_partition(store: LakeStore) -> None:
    """Only partitions with two or more files under the size are named."""
    twice = [put(store, "a"), put(store, "b")]
    store.commit([*twice, put(store, "c", date="2024-01-03")])
    small = store.small_files(100)
    assert {key: {f.path for f in files} for key, files in small.items()} == {
        "events/account_id=acme/date=2024-01-02": {file.path for file in twice}
    }
    assert store.small_files(4) == {}


def test_reader_in_another_process_needs_no_writer(store: LakeStore, backend: LakeBackend) -> None:
    """A reader sees each commit after it happened, and an empty lake before there is one."""
    nowhere, reader = backend.elsewhere(), backend.reader()
    assert nowhere.snapshot("acme").files == ()
    assert reader.position() == 0
    store.commit([file := put(store, "a")], position=3)
    seen = reader.snapshot("acme")
    assert (seen.position, [f.path for f in seen.files]) == (3, [file.path])
    assert readable(reader, seen.files[0])
    for one in (nowhere, reader):
        one.close()


def test_addresses_come_in_order_and_in_the_folder(store: LakeStore) -> None:
    """``locate`` answers file by file, in the account's folder, whatever is asked for twice."""
    files = [put(store, name) for name in "abc"]
    store.commit(files)
    asked = [files[2], files[0], files[2]]
    found = store.locate(asked)
    assert [Path(a).name for a in found] == [Path(f.path).name for f in asked]
    assert all(address.startswith(store.folder("acme")) for address in found)
    assert Path(found[0]).read_bytes() == b"rows"
    assert store.locate([]) == []


def test_discarded_files_are_gone(store: LakeStore, backend: LakeBackend) -> None:
    """What was written and is not wanted leaves nothing behind."""
    store.discard([put(store, "a").path])
    assert backend.stored() == set()


def test_a_commit_of_any_size(store: LakeStore, backend: LakeBackend) -> None:
    """Hundreds of files come, and go, in one commit."""
    many = [put(store, f"f{n:03}", date=f"2024-01-{1 + n % 9:02}") for n in range(230)]
    store.commit(many, position=5)
    assert len(store.snapshot("acme").files) == 230
    store.commit([one := put(store, "one")], remove=[file.path for file in many])
    assert paths(store) == [one.path]
    assert len(backend.stored()) == 231


def test_tables_are_apart(store: LakeStore) -> None:
    """A snapshot holds the files of all tables at one position, each told by its path."""
    mine = [put(store, "a"), put(store, "b", table="ocean_scores")]
    store.commit([*mine, put(store, "c", account="beta", table="ocean_scores")], position=4)
    seen = store.snapshot("acme")
    assert seen.of("ocean_scores") == [f for f in seen.files if f.path == mine[1].path]
    assert (seen.position, len(seen.files), seen.of("cost_tracking")) == (4, 2, [])
    assert store.folder("acme", "ocean_scores") != store.folder("acme")
    assert store.accounts() == ["acme", "beta"]


def test_facts_of_a_file_are_kept(store: LakeStore) -> None:
    """What a file was made from, and up to which position, come back as they were committed."""
    file = msgspec.structs.replace(put(store, "a"), max_seq=2**40, source="3:7")
    store.commit([file])
    (seen,) = store.snapshot("acme").files
    assert (seen.max_seq, seen.source) == (2**40, "3:7")
    assert seen.values == {"account_id": "acme", "date": "2024-01-02"}


def test_erased_people_are_told_until_the_log_is_past_them(
    store: LakeStore, backend: LakeBackend
) -> None:
    """With the files of the same commit, to the readers of that account; gone once the position
    is past them, and a later erasure reaches further."""
    store.commit([put(store, "a")], position=5)
    reader = backend.reader()
    one, beta = Erased("acme", "d1", 9), Erased("beta", "d1", 7)
    store.commit([], erased=[one, beta])
    assert set(reader.snapshot("acme").erased) == {one}
    assert set(store.erased()) == {one, beta}
    store.commit([], erased=[Erased("acme", "d1", 12)])
    assert max(each.up_to for each in reader.snapshot("acme").erased) == 12
    store.commit([], position=7)
    assert reader.snapshot("beta").erased == ()
    store.commit([], position=12)
    assert reader.snapshot("acme").erased == ()
    store.expire()
    assert list(store.erased()) == []
    reader.close()


def test_what_is_due_is_what_expires(store: LakeStore, clock: Clock) -> None:
    """A preview names the files whose grace is over, and deletes nothing."""
    store.commit([a := put(store, "a"), put(store, "b")])
    store.commit([], remove=[a.path])
    assert store.due() == []
    clock.now += 601_000_000
    assert [file.path for file in store.due()] == [a.path]
    assert readable(store, a)
    assert store.expire() == 1
    assert store.due() == []
