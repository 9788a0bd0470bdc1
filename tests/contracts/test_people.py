"""Keys rotate and people are forgotten the same way on both backends."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from msgspec import Struct

from tallybrook.errors import ConflictError, UsageError
from tallybrook.events.instants import DAY_US
from tallybrook.ports.aws.tables import STATE
from tallybrook.ports.secrets import Secrets
from tallybrook.ports.secrets.aws import ManagedSecrets
from tallybrook.ports.secrets.local import FileSecrets
from tallybrook.ports.state import State
from tallybrook.ports.state.aws import DynamoState
from tallybrook.ports.state.local import SqliteState
from tallybrook.privacy import keeping, people
from tallybrook.privacy.keys import PrivacyKeys, decode, fresh_key
from tests.support.emulator import make_tables

NOW_US = 1_705_675_043_000_000
OWN = "0123456789abcdef" * 2


class World(Struct):
    """State and secrets of one backend; ``open`` opens the state as another process would."""

    open: Callable[[], State]
    state: State
    secrets: Secrets


@pytest.fixture(params=["local", "aws"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    if request.param == "local":
        opened: list[SqliteState] = []

        def open_local() -> State:
            opened.append(SqliteState(tmp_path / "state.db", lambda: NOW_US))
            return opened[-1]

        yield World(open_local, open_local(), FileSecrets(tmp_path / "secrets"))
        for state in opened:
            state.close()
        return
    stack = request.getfixturevalue("stack")
    make_tables(stack, (STATE,))

    def open_aws() -> State:
        return DynamoState(stack, lambda: NOW_US)

    yield World(open_aws, open_aws(), ManagedSecrets(stack))


def made(world: World) -> PrivacyKeys:
    return keeping.load(world.secrets, NOW_US, make=True)


def names(found: list[people.Person]) -> list[str]:
    return [who.anonymous_user_id for who in found]


def test_one_secret_a_person_however_many_make_it(world: World) -> None:
    """Of eight that need the same person at once all get the same name."""
    key = fresh_key(0)
    states = [world.open() for _ in range(8)]
    for user in ("u1", "u2", "u3"):
        with ThreadPoolExecutor(8) as pool:
            found = list(
                pool.map(lambda s, u=user: people.ensure_person(s, key, "acme", u), states)
            )
        assert len({who.anonymous_user_id for who in found}) == 1
        assert people.find_person(world.state, key, "acme", user) == found[0]


def test_nobody_is_found_before_they_are_made(world: World) -> None:
    """Looking somebody up makes nothing, and accounts are apart."""
    key = fresh_key(0)
    people.ensure_person(world.state, key, "acme", "u")
    assert people.find_person(world.state, key, "rival", "u") is None
    assert people.find_person(world.state, key, "acme", "v") is None
    assert people.find_person(world.state, fresh_key(0), "acme", "u") is None


def test_who_is_forgotten_gets_another_name(world: World) -> None:
    """The link is gone for everyone, once; the next assessment is somebody else's."""
    key = fresh_key(0)
    keys = PrivacyKeys((key,))
    before = people.ensure_person(world.state, key, "acme", "u")
    other = people.ensure_person(world.state, key, "acme", "v")
    assert people.forget(world.state, keys, "acme", " u ") == [before]
    assert people.forget(world.state, keys, "acme", "u") == []
    assert people.find_people(world.open(), keys, "acme", "u") == []
    assert people.find_people(world.state, keys, "acme", "v") == [other]
    after = people.ensure_person(world.state, key, "acme", "u")
    assert after.anonymous_user_id != before.anonymous_user_id


def test_forgetting_and_making_at_once(world: World) -> None:
    """Leaves somebody with one name or nobody with none, and never a name without its secret."""
    key = fresh_key(0)
    keys = PrivacyKeys((key,))
    first = people.ensure_person(world.state, key, "acme", "u")
    states = [world.open() for _ in range(6)]

    def either(at: int) -> list[people.Person]:
        if at % 2:
            return people.forget(states[at], keys, "acme", "u")
        return [people.ensure_person(states[at], key, "acme", "u")]

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(either, range(6)))
    left = people.find_person(world.state, key, "acme", "u")
    assert left is None or left.anonymous_user_id != first.anonymous_user_id
    assert left is None or left.secret != bytes(people.SECRET_BYTES)


def test_state_tells_nothing_of_people(world: World) -> None:
    """Neither the user's id nor the account is in a name or value there."""
    key = fresh_key(0)
    people.ensure_person(world.state, key, "acme", "jane@example.com")
    parts = [f"privacy/{key.kid}/{part:02x}" for part in range(256)]
    kept = [item for part in parts for item in world.state.query(part)]
    assert len(kept) == 1
    assert len(kept[0].value) == people.SECRET_BYTES
    assert len(kept[0].key) == 32


def test_the_first_start_makes_a_secret(world: World) -> None:
    """Where it may; all who start together have the same one, and it stays."""
    with pytest.raises(UsageError, match="TALLYBROOK_SECRET"):
        keeping.load(world.secrets, NOW_US)
    with ThreadPoolExecutor(4) as pool:
        started = list(pool.map(lambda _: made(world).newest.kid, range(4)))
    assert len(set(started)) == 1
    assert keeping.load(world.secrets, NOW_US).newest.kid == started[0]


def test_a_given_secret_makes(world: World) -> None:
    """Earlier ones and the kept ones are recognised behind it; short ones are refused."""
    kept = made(world).newest
    older = "older-older-older-older-older-older"
    keys = keeping.load(world.secrets, NOW_US, given=OWN, given_older=f"{older} {OWN}")
    assert keys.newest.secret == OWN
    assert [key.secret for key in keys.older] == [older, kept.secret]
    assert keeping.load(None, NOW_US, given=OWN).keys == (keys.newest,)
    for given, given_older in (("short", ""), (OWN, "short"), (None, older), ("", "")):
        with pytest.raises(UsageError):
            keeping.load(world.secrets, NOW_US, given=given, given_older=given_older)
    with pytest.raises(UsageError):
        keeping.load(None, NOW_US)


def test_rotation(world: World) -> None:
    """The new key makes; under the old one people are found, forgotten, and not linked."""
    old = made(world)
    before = people.ensure_person(world.state, old.newest, "acme", "u")
    keys = keeping.rotate(world.secrets, world.state, NOW_US, 30 * DAY_US)
    assert keys.newest.kid != old.newest.kid
    assert keeping.load(world.secrets, NOW_US) == keys
    assert names(people.find_people(world.state, keys, "acme", "u")) == names([before])
    after = people.ensure_person(world.state, keys.newest, "acme", "u")
    assert names(people.find_people(world.state, keys, "acme", "u")) == names([after, before])
    assert after.secret != before.secret
    assert names(people.forget(world.state, keys, "acme", "u")) == names([after, before])
    assert people.find_people(world.state, keys, "acme", "u") == []


def test_a_key_is_destroyed_after_its_window(world: World) -> None:
    """It is used no more from that instant, and the next rotation destroys it and all under it."""
    old = made(world)
    for user in ("u", "v"):
        people.ensure_person(world.state, old.newest, "acme", user)
    keeping.rotate(world.secrets, world.state, NOW_US, DAY_US)
    later = NOW_US + DAY_US
    assert len(keeping.load(world.secrets, later - 1).keys) == 2
    assert len(keeping.load(world.secrets, later).keys) == 1
    again = keeping.rotate(world.secrets, world.state, later, DAY_US)
    assert old.newest.kid not in {key.kid for key in again.keys}
    assert len(again.keys) == 2
    kept = world.secrets.get(keeping.SECRET_NAME, fresh=True)
    assert kept is not None
    assert old.newest.secret not in kept
    assert len(decode(kept).keys) == 2
    assert people.find_person(world.state, old.newest, "acme", "u") is None


def test_dropping_what_is_over(world: World) -> None:
    """Without a rotation too, and twice is once."""
    old = made(world)
    people.ensure_person(world.state, old.newest, "acme", "u")
    keys = keeping.rotate(world.secrets, world.state, NOW_US, DAY_US)
    assert keeping.drop_retired(world.secrets, world.state, NOW_US) == keys
    left = keeping.drop_retired(world.secrets, world.state, NOW_US + DAY_US)
    assert left.keys == (keys.newest,)
    assert keeping.drop_retired(world.secrets, world.state, NOW_US + DAY_US) == left


def test_rotations_at_once_lose_no_key(world: World) -> None:
    """Of several some are refused, and the keys of all others are there."""
    first = made(world).newest.kid

    def rotate(_: int) -> str | None:
        try:
            return keeping.rotate(world.secrets, world.open(), NOW_US, DAY_US).newest.kid
        except ConflictError:
            return None

    with ThreadPoolExecutor(4) as pool:
        done = {kid for kid in pool.map(rotate, range(4)) if kid is not None}
    kept = world.secrets.get(keeping.SECRET_NAME, fresh=True)
    assert kept is not None
    assert done
    assert {key.kid for key in decode(kept).keys} == done | {first}


def test_a_window_is_a_day_or_more(world: World) -> None:
    """Shorter than other processes may still make with the key, people would be lost."""
    made(world)
    with pytest.raises(UsageError, match="a day"):
        keeping.rotate(world.secrets, world.state, NOW_US, DAY_US - 1)
