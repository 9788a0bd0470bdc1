"""Copies of the lake's files: bounded, least used first, never two processes in one directory."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

from tallybrook.errors import StorageError, TooLargeError
from tallybrook.ports.lake.aws.cache import FileCache


class Store:
    """Files of ten bytes; which were asked for, and which cannot be read."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.missing: set[str] = set()

    def fetch(self, files: Iterable[tuple[str, Path]]) -> None:
        for path, target in files:
            if path in self.missing:
                raise StorageError("gone")
            self.asked.append(path)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(b"x" * 10)


Open = Callable[[], FileCache]


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def open_cache(tmp_path: Path, store: Store) -> Iterator[Open]:
    opened: list[FileCache] = []

    def open_() -> FileCache:
        opened.append(FileCache(tmp_path, 35, store.fetch))
        return opened[-1]

    yield open_
    for cache in opened:
        cache.close()


def bring(cache: FileCache, names: str) -> list[Path]:
    return cache.bring([(f"events/{name}.parquet", 10) for name in names])


def held(cache: FileCache) -> str:
    return "".join(sorted(path.stem for path in cache.folder.rglob("*.parquet")))


def test_files_are_fetched_once(open_cache: Open, store: Store) -> None:
    """Twice asked for, once fetched; the answer is in the order of the question."""
    cache = open_cache()
    assert [path.stem for path in bring(cache, "bab")] == ["b", "a", "b"]
    bring(cache, "ab")
    assert len(store.asked) == 2


def test_the_least_used_goes_first(open_cache: Open) -> None:
    """Never more bytes than allowed; what was used lately stays."""
    cache = open_cache()
    for names in ("a", "b", "c", "a", "d"):
        bring(cache, names)
    assert held(cache) == "acd"


def test_nothing_of_the_same_question_goes(open_cache: Open) -> None:
    """Files that are needed together are there together."""
    cache = open_cache()
    bring(cache, "ab")
    assert all(path.exists() for path in bring(cache, "acd"))
    assert held(cache) == "acd"


def test_more_than_fits(open_cache: Open, store: Store) -> None:
    """A question that cannot be held is refused before anything is fetched or lost."""
    cache = open_cache()
    bring(cache, "a")
    with pytest.raises(TooLargeError, match=r"40 bytes.*35"):
        bring(cache, "abcd")
    assert len(store.asked) == 1
    assert held(cache) == "a"


def test_a_file_that_cannot_be_fetched(open_cache: Open, store: Store) -> None:
    """An error, and those that came before it count among the bytes held."""
    cache = open_cache()
    store.missing = {"events/c.parquet"}
    with pytest.raises(StorageError):
        bring(cache, "abc")
    bring(cache, "de")
    assert held(cache) == "bde"


def test_a_successor_takes_over(store: Store, tmp_path: Path) -> None:
    """Who starts after another ended has its copies, and the order in which they were used; half
    a file is none."""
    first = FileCache(tmp_path, 35, store.fetch)
    for name in "abca":
        bring(first, name)
    (first.folder / "events" / "d.parquet.part").write_bytes(b"x")
    first.close()
    second = FileCache(tmp_path, 35, store.fetch)
    assert second.folder == first.folder
    bring(second, "d")
    assert held(second) == "acd"
    assert store.asked[-1] == "events/d.parquet"
    second.close()


def test_two_at_once_are_apart(open_cache: Open) -> None:
    """Each process has a directory of its own, and deletes nobody else's copies."""
    one, two = open_cache(), open_cache()
    bring(one, "abc")
    bring(two, "def")
    assert (held(one), held(two)) == ("abc", "def")


def test_adopted_files_need_no_fetching(open_cache: Open, store: Store, tmp_path: Path) -> None:
    """A file made here is a copy already; one that is too large is let go."""
    cache = open_cache()
    for name, size in (("a", 10), ("big", 36)):
        made = tmp_path / name
        made.write_bytes(b"y" * size)
        cache.adopt(f"events/{name}.parquet", made)
        assert not made.exists()
    assert bring(cache, "a")[0].read_bytes() == b"y" * 10
    assert store.asked == []
    assert held(cache) == "a"
    cache.drop(["events/a.parquet", "events/never.parquet"])
    assert held(cache) == ""
