"""The names users are known by outside are those of privacy, and end with it."""

from pathlib import Path

from tallybrook.forwarding.pseudonyms import KNOWN_US, of_people
from tallybrook.ports.state.local import SqliteState
from tallybrook.privacy.keys import PrivacyKeys, key_of
from tallybrook.privacy.people import find_person, forget

KEYS = PrivacyKeys((key_of("a secret of this test, long enough"),))


def test_a_person_who_is_forgotten_gets_another_name(tmp_path: Path) -> None:
    """The name is the person's pseudonym; after they were forgotten it is used for a minute at
    most, and never again."""
    now_us = 1_000_000_000
    state = SqliteState(tmp_path / "state.db", lambda: now_us)
    name = of_people(state, lambda: KEYS, lambda: now_us)
    first = name("acme", "ada")
    known = find_person(state, KEYS.newest, "acme", "ada")
    assert known is not None
    assert first == known.anonymous_user_id == name("acme", " ada ")
    assert name("rival", "ada") != first
    forget(state, KEYS, "acme", "ada")
    now_us += KNOWN_US
    assert name("acme", "ada") != first
    state.close()
