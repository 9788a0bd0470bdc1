"""What state promises, whatever keeps it: the words of ``ports.state``."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tallybrook.errors import ConflictError, InvalidError, StorageError, TooLargeError
from tallybrook.ports.aws.tables import STATE
from tallybrook.ports.state import (
    ABSENT,
    MAX_KEY_BYTES,
    MAX_VALUE_BYTES,
    Change,
    Check,
    Delete,
    Put,
    State,
    Stored,
)
from tallybrook.ports.state.aws import DynamoState
from tallybrook.ports.state.local import SqliteState
from tallybrook.ports.state.updating import update
from tests.support.emulator import make_tables

NOW_S = 1_705_675_043
Open = Callable[[], State]


class Clock:
    """Microseconds that stand still until they are moved."""

    def __init__(self) -> None:
        self.us = NOW_S * 1_000_000

    def __call__(self) -> int:
        return self.us


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["local", "aws"])
def open_state(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> Iterator[Open]:
    """Open the same store once more, as another process would."""
    opened: list[SqliteState | DynamoState] = []
    if request.param == "aws":
        stack = request.getfixturevalue("stack")
        make_tables(stack, (STATE,))

    def open_() -> State:
        local = request.param == "local"
        path = tmp_path / "state.db"
        opened.append(SqliteState(path, clock) if local else DynamoState(stack, clock))
        return opened[-1]

    yield open_
    for state in opened:
        state.close()


@pytest.fixture
def state(open_state: Open) -> State:
    return open_state()


def keys(found: list[Stored]) -> list[str]:
    return [item.key for item in found]


# One item.


def test_what_is_put_is_read(state: State, open_state: Open) -> None:
    """Any bytes under any names, at once and by anybody; what is not there is None."""
    values = [b"", b"\x00\xff", b'{"a":1}', "é😀".encode()]
    for n, value in enumerate(values):
        version = state.put("p#é/", f"k{n}\x01 😀", value, expires_at_s=None)
        assert open_state().get("p#é/", f"k{n}\x01 😀") == Stored(f"k{n}\x01 😀", value, version)
    assert state.get("p#é/", "k9") is None
    assert state.get("p", "k0\x01 😀") is None


def test_a_put_replaces_all(state: State) -> None:
    """Value and expiry are those of the last put, and the version is a new one."""
    first = state.put("p", "k", b"1", expires_at_s=NOW_S + 5)
    second = state.put("p", "k", b"2")
    assert first != second
    assert state.get("p", "k") == Stored("k", b"2", second, None)


def test_creating_only(state: State) -> None:
    """Where something is, a put that expects nothing is a conflict and changes nothing."""
    version = state.put("p", "k", b"1", expect=ABSENT)
    with pytest.raises(ConflictError):
        state.put("p", "k", b"2", expect=ABSENT)
    assert state.get("p", "k") == Stored("k", b"1", version)


def test_a_stale_version_is_a_conflict(state: State) -> None:
    """The version that was read, and no other, lets a put through."""
    first = state.put("p", "k", b"1")
    second = state.put("p", "k", b"2", expect=first)
    for stale in (first, ABSENT, second + 1):
        with pytest.raises(ConflictError):
            state.put("p", "k", b"3", expect=stale)
    with pytest.raises(ConflictError):
        state.put("p", "none", b"3", expect=second)
    assert state.get("p", "k") == Stored("k", b"2", second)


def test_versions_never_come_again(state: State) -> None:
    """Not after a delete either: who read the item before it has a stale version."""
    seen: list[int] = []
    for n in range(20):
        seen.append(state.put("p", "k", b"%d" % (n % 2)))
        if n % 3 == 0:
            state.delete("p", "k")
    assert len(set(seen)) == 20
    for old in (seen[0], seen[-2]):
        with pytest.raises(ConflictError):
            state.put("p", "k", b"x", expect=old)


def test_deleting(state: State) -> None:
    """Tells whether there was anything; on condition of the version that was read."""
    version = state.put("p", "k", b"1")
    with pytest.raises(ConflictError):
        state.delete("p", "k", expect=version + 1)
    with pytest.raises(ConflictError):
        state.delete("p", "k", expect=ABSENT)
    assert state.get("p", "k") is not None
    assert state.delete("p", "k", expect=version)
    assert state.get("p", "k") is None
    assert not state.delete("p", "k", expect=version)
    assert not state.delete("p", "k")


@pytest.mark.parametrize("excess", [0, 1])
def test_the_largest_value(state: State, excess: int) -> None:
    """Up to the limit a value is kept; past it nothing is."""
    value, key = os.urandom(1) * (MAX_VALUE_BYTES + excess), "k" * MAX_KEY_BYTES
    if excess:
        with pytest.raises(TooLargeError):
            state.put("p", key, value)
        with pytest.raises(TooLargeError):
            state.write([Put("p", key, value)])
        assert state.get("p", key) is None
    else:
        state.put("p" * 2048, key, value, expires_at_s=NOW_S + 1)
        found = state.get("p" * 2048, key)
        assert found is not None
        assert found.value == value


@pytest.mark.parametrize(
    ("partition", "key"), [("", "k"), ("p", ""), ("p" * 2049, "k"), ("p", "é" * 513)]
)
def test_names_that_cannot_be(state: State, partition: str, key: str) -> None:
    """Are refused alike by every call that names an item."""
    for call in (
        lambda: state.put(partition, key, b""),
        lambda: state.get(partition, key),
        lambda: state.delete(partition, key),
        lambda: state.write([Check(partition, key, 0)]),
    ):
        with pytest.raises(InvalidError):
            call()


# Expiry.


def test_an_item_is_gone_from_its_second_on(state: State, clock: Clock) -> None:
    """For every call, though its space may be freed later; it may be created again."""
    old = state.put("p", "a", b"1", expires_at_s=NOW_S + 10)
    state.put("p", "b", b"2")
    clock.us += 9_999_999
    assert keys(state.query("p")) == ["a", "b"]
    clock.us += 1
    assert state.get("p", "a") is None
    assert keys(state.query("p")) == ["b"]
    with pytest.raises(ConflictError):
        state.put("p", "a", b"x", expect=old)
    assert not state.delete("p", "a", expect=old)
    assert state.put("p", "a", b"3", expect=ABSENT) != old
    assert keys(state.query("p")) == ["a", "b"]


def test_expired_is_absent_in_a_write(state: State, clock: Clock) -> None:
    """And what is absent is no longer what somebody read."""
    version = state.put("p", "a", b"1", expires_at_s=NOW_S + 10)
    state.write([Check("p", "a", version), Put("p", "b", b"")])
    clock.us += 10_000_000
    with pytest.raises(ConflictError):
        state.write([Check("p", "a", version), Put("p", "b", b"")])
    state.write([Check("p", "a", ABSENT), Put("p", "b", b"")])
    assert state.put("p", "a", b"2", expires_at_s=NOW_S + 5)
    assert not state.delete("p", "a")


# Queries.


def test_a_query_is_in_order_of_the_bytes(state: State) -> None:
    """Of one partition, by the keys' UTF-8, whatever the order of the puts."""
    names = ["b", "a", "é", "a/1", "a/10", "a/2", "Z", "😀", "a\x00", "%", "_", "*"]
    for name in names:
        state.put("p", name, name.encode())
    state.put("p2", "c", b"")
    found = state.query("p")
    assert keys(found) == sorted(names, key=str.encode)
    assert [item.value.decode() for item in found] == keys(found)
    assert state.query("nothing") == []


@pytest.mark.parametrize("prefix", ["a", "a/", "a/1", "%", "_", "é", "\U0010ffff", "none"])
def test_a_prefix_is_text(state: State, prefix: str) -> None:
    """No character in it has a meaning."""
    names = ["a", "a/1", "a/10", "aa", "b", "%", "%x", "_x", "x", "é", "éa", "ê", "\U0010ffffx"]
    for name in names:
        state.put("p", name, b"")
    expected = sorted((n for n in names if n.startswith(prefix)), key=str.encode)
    assert keys(state.query("p", prefix)) == expected


def test_pages_give_every_item_once(state: State, clock: Clock) -> None:
    """Short ones are the last; ``after`` need not be there, nor lie within the prefix; what has
    expired takes nobody's place."""
    names = [f"a{n:02}" for n in range(30)]
    for name in names:
        state.put("p", name, b"", expires_at_s=None if int(name[1:]) % 3 else NOW_S + 1)
    state.put("p", "b", b"")
    clock.us += 1_000_000
    seen: list[str] = []
    after = None
    while True:
        page = state.query("p", "a", after=after, limit=6)
        seen += keys(page)
        if len(page) < 6:
            break
        after = page[-1].key
    assert seen == [n for n in names if int(n[1:]) % 3]
    assert keys(state.query("p", "a", after="a27x")) == ["a28", "a29"]
    assert keys(state.query("p", "a2", after="a1", limit=1)) == ["a20"]
    assert state.query("p", "a", after="b") == []
    assert keys(state.query("p", after="a29")) == ["b"]


def test_a_large_partition_is_read_whole(state: State) -> None:
    """More than one answer of any service holds."""
    for n in range(12):
        state.put("p", f"{n:02}", b"x" * 200_000)
    assert [len(item.value) for item in state.query("p")] == [200_000] * 12


# Writes of several items.


def test_a_write_is_all_or_nothing(state: State) -> None:
    """One condition that is not met, wherever it stands, and nothing has changed."""
    version = state.put("p", "a", b"1")
    gone = state.put("p", "b", b"2")
    changes: list[Change] = [
        Put("p", "a", b"3", expect=version), Delete("p", "b", expect=gone), Put("q", "c", b"4"),
    ]  # fmt: skip
    for unmet in (
        Check("p", "d", 5), Put("p", "d", b"", expect=5), Delete("p", "d", expect=5),
    ):  # fmt: skip
        for at in range(len(changes) + 1):
            with pytest.raises(ConflictError):
                state.write([*changes[:at], unmet, *changes[at:]])
    assert state.query("p") == [Stored("a", b"1", version), Stored("b", b"2", gone)]
    assert state.query("q") == []
    versions = state.write([*changes, Check("p", "d", ABSENT)])
    assert (versions[1], versions[3]) == (0, 0)
    assert state.query("p") == [Stored("a", b"3", versions[0])]
    assert state.get("q", "c") == Stored("c", b"4", versions[2])
    assert state.write([]) == []


def test_a_write_has_its_limits(state: State) -> None:
    """A hundred items, each once, 3 MB."""
    state.write([Put("p", f"{n}", b"") for n in range(100)])
    assert len(state.query("p")) == 100
    for changes, error in (
        ([Put("q", f"{n}", b"") for n in range(101)], InvalidError),
        ([Put("q", "a", b""), Delete("q", "a")], InvalidError),
        ([Put("q", f"{n}", b"x" * 350_000) for n in range(9)], TooLargeError),
    ):
        with pytest.raises(error):
            state.write(changes)
    assert state.query("q") == []
    state.write([Put("q", f"{n}", b"x" * 380_000) for n in range(8)])
    assert len(state.query("q")) == 8


# Many at once.


def add_to(state: State, name: str) -> None:
    """One more under a name in the JSON object of an item that several change."""

    def modify(value: bytes | None) -> bytes:
        counts = json.loads(value or b"{}")
        return json.dumps({**counts, name: counts.get(name, 0) + 1}).encode()

    update(state, "p", "shared", modify, attempts=100)


def test_updates_at_once_lose_nothing(state: State, open_state: Open) -> None:
    """Of threads and of stores that know nothing of each other."""
    stores = [state, open_state()]
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda n: add_to(stores[n % 2], f"n{n % 5}"), range(60)))
    found = state.get("p", "shared")
    assert found is not None
    assert json.loads(found.value) == {f"n{n}": 12 for n in range(5)}


def test_one_of_many_creates(state: State, open_state: Open) -> None:
    """Whoever is first; the others are told."""
    stores = [state, open_state()]

    def create(n: int) -> bool:
        try:
            stores[n % 2].put("p", "lock", b"%d" % n, expect=ABSENT)
        except ConflictError:
            return False
        return True

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(create, range(30))) == 1


def test_moving_between_items_keeps_the_sum(state: State, open_state: Open) -> None:
    """Transactions over the same items, each on condition of what it read."""
    stores = [state, open_state()]
    state.write([Put("p", name, b"100") for name in "abc"])

    def move(n: int) -> None:
        store = stores[n % 2]
        for _ in range(200):
            one, other = (store.get("p", "abc"[(n + k) % 3]) for k in (0, 1))
            assert one is not None
            assert other is not None
            changes = [
                Put("p", one.key, b"%d" % (int(one.value) - n), expect=one.version),
                Put("p", other.key, b"%d" % (int(other.value) + n), expect=other.version),
            ]
            try:
                store.write(changes)
            except ConflictError:
                continue
            return
        raise AssertionError("never got through")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(move, range(16)))
    assert sum(int(item.value) for item in state.query("p")) == 300


# Read, modify, write.


def test_updating(state: State) -> None:
    """Creates, changes, deletes; an equal value is not written, and what is raised is raised."""
    assert update(state, "p", "k", lambda _: None) is None
    created = update(state, "p", "k", lambda _: b"1", expires_at_s=NOW_S + 60)
    assert created == state.get("p", "k")
    assert update(state, "p", "k", lambda value: value) == created
    changed = update(state, "p", "k", lambda value: (value or b"") + b"2")
    assert changed == state.get("p", "k")
    assert changed is not None
    assert (changed.value, changed.expires_at_s) == (b"12", None)
    with pytest.raises(ZeroDivisionError):
        update(state, "p", "k", lambda _: b"%d" % (1 // 0))
    assert update(state, "p", "k", lambda _: None) is None
    assert state.get("p", "k") is None


def test_updating_gives_up(state: State) -> None:
    """After so many attempts that somebody else was faster, with an error that says: later."""
    state.put("p", "k", b"")

    def too_slow(_: bytes | None) -> bytes:
        state.put("p", "k", b"theirs")
        return b"mine"

    with pytest.raises(StorageError):
        update(state, "p", "k", too_slow, attempts=3)
    found = state.get("p", "k")
    assert found is not None
    assert found.value == b"theirs"


# Processes.


def test_what_was_put_survives_a_kill(tmp_path: Path) -> None:
    """Of a process that is killed right after its put; and it is no obstacle to the next one."""
    code = (
        "import sys; from pathlib import Path;"
        "from tallybrook.ports.state.local import SqliteState;"
        f"state = SqliteState(Path({str(tmp_path / 'state.db')!r}));"
        "[state.put('p', f'{i:02}', b'x') for i in range(20)];"
        "print('told', flush=True); sys.stdin.read()"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert child.stdout is not None
    assert child.stdout.readline() == b"told\n"
    state = SqliteState(tmp_path / "state.db")
    state.put("p", "ours", b"")
    os.kill(child.pid, signal.SIGKILL)
    child.communicate()
    assert len(state.query("p")) == 21
    state.close()
