"""What stored keys promise, whatever keeps them: the words of ``ports.keys``."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tallybrook.accounts.keys import KeyRing
from tallybrook.errors import ConflictError, UnauthorizedError
from tallybrook.ports.aws.tables import KEYS
from tallybrook.ports.keys import Key, Keys
from tallybrook.ports.keys.aws import DynamoKeys
from tallybrook.ports.keys.local import SqliteKeys
from tests.support.emulator import make_tables

Open = Callable[[], Keys]


@pytest.fixture(params=["local", "aws"])
def open_keys(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Open]:
    """Open the same store once more, as another process would."""
    opened: list[SqliteKeys | DynamoKeys] = []
    if request.param == "aws":
        stack = request.getfixturevalue("stack")
        make_tables(stack, (KEYS,))

    def open_() -> Keys:
        local = request.param == "local"
        opened.append(SqliteKeys(tmp_path / "keys.db") if local else DynamoKeys(stack))
        return opened[-1]

    yield open_
    for keys in opened:
        keys.close()


@pytest.fixture
def keys(open_keys: Open) -> Keys:
    return open_keys()


def key(name: str, account: str = "acme", created_at: int = 0, **fields: object) -> Key:
    made = Key(name, account, f"digest-{name}", frozenset({"read", "write"}), created_at=created_at)
    return msgspec.structs.replace(made, **fields)


def test_a_key_is_kept_whole(keys: Keys, open_keys: Open) -> None:
    """Every field, for everybody at once, by its digest; an unknown digest gives None."""
    made = key("a", label="Taller 😀", rate=0.5, created_at=7)
    keys.add(made)
    assert open_keys().by_digest(made.digest) == keys.by_digest(made.digest) == made
    for unknown in ("digest-b", "version", "id#a", "-"):
        assert keys.by_digest(unknown) is None


def test_adding_twice_is_a_conflict(keys: Keys) -> None:
    """An id and a digest belong to one key for ever; the first stays as it was."""
    keys.add(key("a"))
    for other in (key("a", digest="digest-x"), key("b", digest="digest-a"), key("a")):
        with pytest.raises(ConflictError):
            keys.add(other)
    assert keys.stored() == [key("a")]


def test_stored_are_oldest_first(keys: Keys) -> None:
    """All, or those of one account."""
    names = ["b", "a", "d", "c"]
    for n, name in enumerate(names):
        keys.add(key(name, "rival" if name == "a" else "acme", created_at=n))
    assert [k.key_id for k in keys.stored()] == names
    assert [k.key_id for k in keys.stored("acme")] == ["b", "d", "c"]
    assert [k.key_id for k in keys.stored("rival")] == ["a"]
    assert keys.stored("nobody") == []


def test_replacing(keys: Keys, open_keys: Open) -> None:
    """A change is seen by everybody; a new digest opens the key, and the old one nothing."""
    keys.add(key("a"))
    revoked = keys.replace("a", lambda k: msgspec.structs.replace(k, revoked_at=5))
    assert revoked == key("a", revoked_at=5) == open_keys().by_digest("digest-a")
    keys.replace("a", lambda k: msgspec.structs.replace(k, digest="new"))
    assert keys.by_digest("digest-a") is None
    assert keys.by_digest("new") == key("a", digest="new", revoked_at=5)
    keys.replace("a", lambda k: msgspec.structs.replace(k, label="again"))
    assert keys.stored() == [key("a", digest="new", revoked_at=5, label="again")]
    assert keys.replace("none", lambda k: k) is None


def test_a_change_that_raises_changes_nothing(keys: Keys) -> None:
    """What it raised is raised, and the store can be used on."""

    def refuse(_: Key) -> Key:
        raise ConflictError("no")

    keys.add(key("a"))
    before = keys.version()
    with pytest.raises(ConflictError, match="no"):
        keys.replace("a", refuse)
    assert (keys.stored(), keys.version()) == ([key("a")], before)


def test_changes_at_once_lose_nothing(keys: Keys, open_keys: Open) -> None:
    """Each sees the key as the one before has left it, from wherever it comes."""
    keys.add(key("a", label=""))
    stores = [keys, open_keys()]

    def append(n: int) -> None:
        stores[n % 2].replace("a", lambda k: msgspec.structs.replace(k, label=f"{k.label}{n},"))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(append, range(24)))
    (found,) = keys.stored()
    assert sorted(found.label.split(",")[:-1], key=int) == [str(n) for n in range(24)]


def test_rotating_at_once_leaves_one_text(keys: Keys, open_keys: Open) -> None:
    """Of texts made at the same moment the last one opens the key, and only that."""
    ring = KeyRing(keys)
    made, first = ring.create("acme")
    rings = [ring, KeyRing(open_keys())]
    with ThreadPoolExecutor(4) as pool:
        texts = list(pool.map(lambda n: rings[n % 2].rotate(made.key_id)[1], range(8)))
    opening = []
    for text in [first, *texts]:
        try:
            opening.append(ring.check(text).key_id)
        except UnauthorizedError:
            continue
    assert opening == [made.key_id]
    assert [k.key_id for k in keys.stored()] == [made.key_id]


def test_the_version_tells_of_changes_elsewhere(keys: Keys, open_keys: Open) -> None:
    """It is another one after any change by somebody else, and the same after none."""
    other = open_keys()
    seen = [other.version()]
    keys.add(key("a"))
    seen.append(other.version())
    keys.replace("a", lambda k: msgspec.structs.replace(k, revoked_at=1))
    seen.append(other.version())
    keys.replace("a", lambda k: msgspec.structs.replace(k, digest="new"))
    seen.append(other.version())
    assert len(set(seen)) == 4
    keys.stored()
    keys.replace("none", lambda k: k)
    assert other.version() == seen[-1]


def test_the_version_is_there_before_the_change_is_hidden(keys: Keys, open_keys: Open) -> None:
    """Who read a version and then the key never keeps an old key under a new version."""
    keys.add(key("a"))
    reader, done = open_keys(), threading.Event()
    seen: dict[int, int] = {}

    def read() -> None:
        while not done.is_set():
            before = reader.version()
            (found,) = reader.stored()
            if reader.version() == before:
                assert seen.setdefault(before, int(found.label or 0)) == int(found.label or 0)

    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(read)
        for n in range(1, 20):
            keys.replace("a", lambda k, n=n: msgspec.structs.replace(k, label=str(n)))
        done.set()
        reading.result()
    assert seen


def test_the_first_key_of_processes_that_start_together(open_keys: Open) -> None:
    """One of them makes it, none fails, and it opens; also where a process had looked before."""
    stores = [open_keys() for _ in range(4)]
    together = threading.Barrier(len(stores))

    class Late:
        """Looks when nobody has a key yet, and adds when all have looked."""

        def __init__(self, keys: Keys) -> None:
            self._keys = keys

        def add(self, made: Key) -> None:
            together.wait(30)
            self._keys.add(made)

        def __getattr__(self, name: str) -> Any:
            return getattr(self._keys, name)

    def start(keys: Keys) -> str | None:
        late: Any = Late(keys)
        return KeyRing(late).first_key("the-operators-own-key")

    with ThreadPoolExecutor(4) as pool:
        told = list(pool.map(start, stores))
    assert sorted(told, key=str) == [None, None, None, "the-operators-own-key"]
    assert len(stores[0].stored()) == 1
    assert "admin" in KeyRing(stores[0]).check("the-operators-own-key").scopes


def test_a_first_key_that_could_not_be_made_is_told(open_keys: Open) -> None:
    """A conflict that is not the key's own being there is no reason to go on without it."""
    keys = open_keys()

    class Taken:
        def add(self, made: Key) -> None:
            raise ConflictError("the id is another key's")

        def __getattr__(self, name: str) -> Any:
            return getattr(keys, name)

    taken: Any = Taken()
    with pytest.raises(ConflictError):
        KeyRing(taken).first_key("the-operators-own-key")
