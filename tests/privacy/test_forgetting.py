"""What was forgotten is gone: from the disk, and also when forgetting breaks off in the middle."""

from pathlib import Path

import pytest

from tallybrook.errors import StorageError
from tallybrook.ports.state.local import SqliteState
from tallybrook.privacy.keys import PrivacyKeys, fresh_key
from tallybrook.privacy.people import ensure_person, find_people, find_person, forget

KEYS = PrivacyKeys((fresh_key(0),))


class BreaksOff(SqliteState):
    """State that cannot be reached any more when it comes to the deletion."""

    def delete(self, partition: str, key: str, *, expect: int | None = None) -> bool:
        raise StorageError("away")


def test_forgetting_that_broke_off_has_forgotten(tmp_path: Path) -> None:
    """The name is gone from the first change on; the next assessment has another one, and
    forgetting can be done again."""
    state, broken = SqliteState(tmp_path / "state.db"), BreaksOff(tmp_path / "state.db")
    before = ensure_person(state, KEYS.newest, "acme", "u")
    with pytest.raises(StorageError):
        forget(broken, KEYS, "acme", "u")
    assert find_person(state, KEYS.newest, "acme", "u") is None
    after = ensure_person(state, KEYS.newest, "acme", "u")
    assert after.anonymous_user_id != before.anonymous_user_id
    assert after.secret != bytes(32)
    assert find_people(state, KEYS, "acme", "u") == [after]
    with pytest.raises(StorageError):
        forget(broken, KEYS, "acme", "u")
    assert forget(state, KEYS, "acme", "u") == []


def test_the_disk_holds_it_no_more(tmp_path: Path) -> None:
    """Not in the free space of the file either, among others who stay."""
    state = SqliteState(tmp_path / "state.db")
    people = [ensure_person(state, KEYS.newest, "acme", f"u{n}") for n in range(200)]
    for n in range(0, 200, 3):
        assert forget(state, KEYS, "acme", f"u{n}") == [people[n]]
    state.close()
    held = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert not [who for who in people[::3] if who.secret in held]
    assert all(who.secret in held for who in people[1::3])
