"""The random secret of each person, in state: made once, found again, and taken away for good.

One item a person and key, in ``privacy/<key id>/<two hex digits>`` under the keyed hash of account
and user id: state holds no id. Taking the item away cuts the link from the person to everything
stored under their pseudonym, for everyone, also for who has the account's secret.
"""

import secrets
from contextlib import suppress

from tallybrook.errors import ConflictError, StorageError
from tallybrook.ports.state import ABSENT, State
from tallybrook.privacy.keys import PrivacyKey, PrivacyKeys
from tallybrook.privacy.pseudonyms import Person, lookup, person

SECRET_BYTES = 32
_TRIES = 8
_PARTS = [f"{part:02x}" for part in range(256)]
_WIPED = bytes(SECRET_BYTES)
"""What a secret is overwritten with before it is deleted: a file keeps what is only deleted."""


def ensure_person(state: State, key: PrivacyKey, account_id: str, user_id: str) -> Person:
    """The person under a key, whose secret is made if they have none.

    Of many that make it at once one wins and all get that one. Raises ``StorageError``.
    """
    partition, name = _place(key, account_id, user_id)
    for _ in range(_TRIES):
        found = state.get(partition, name)
        if found is not None and found.value != _WIPED:
            return person(key, found.value, account_id, user_id)
        fresh = secrets.token_bytes(SECRET_BYTES)
        try:
            state.put(partition, name, fresh, expect=found.version if found else ABSENT)
        except ConflictError:
            continue
        return person(key, fresh, account_id, user_id)
    raise StorageError("a person's secret is being made and taken away by others all the time")


def find_person(state: State, key: PrivacyKey, account_id: str, user_id: str) -> Person | None:
    """The person under a key, None if nothing of theirs was ever made with it, or it was cut."""
    found = state.get(*_place(key, account_id, user_id))
    if found is None or found.value == _WIPED:
        return None
    return person(key, found.value, account_id, user_id)


def find_people(state: State, keys: PrivacyKeys, account_id: str, user_id: str) -> list[Person]:
    """The person under every key in use, the newest first: all names their rows may have."""
    found = (find_person(state, key, account_id, user_id) for key in keys.keys)
    return [who for who in found if who is not None]


def forget(state: State, keys: PrivacyKeys, account_id: str, user_id: str) -> list[Person]:
    """Cut every link of a person; who they were until now. Doing it twice changes nothing.

    Whoever removes rows as well asks ``find_people`` and removes them first: after an error in
    here nobody knows their names any more. What comes of the person later has another pseudonym.
    """
    cut = [_cut(state, key, account_id, user_id) for key in keys.keys]
    return [who for who in cut if who is not None]


def forget_all(state: State, key: PrivacyKey) -> int:
    """Take away everybody's secret under a key that is given up; how many there were."""
    return sum(_forget_part(state, f"privacy/{key.kid}/{part}") for part in _PARTS)


def _cut(state: State, key: PrivacyKey, account_id: str, user_id: str) -> Person | None:
    partition, name = _place(key, account_id, user_id)
    for _ in range(_TRIES):
        found = state.get(partition, name)
        if found is None:
            return None
        try:
            version = state.put(partition, name, _WIPED, expect=found.version)
        except ConflictError:
            continue
        # A conflict now is somebody else's new secret, which is none of what was to be cut.
        with suppress(ConflictError):
            state.delete(partition, name, expect=version)
        gone = found.value != _WIPED
        return person(key, found.value, account_id, user_id) if gone else None
    raise StorageError("a person's secret is being changed by others all the time")


def _forget_part(state: State, partition: str) -> int:
    cut = 0
    while found := state.query(partition):
        for item in found:
            state.put(partition, item.key, _WIPED)
            state.delete(partition, item.key)
        cut += len(found)
    return cut


def _place(key: PrivacyKey, account_id: str, user_id: str) -> tuple[str, str]:
    name = lookup(key, account_id, user_id)
    return f"privacy/{key.kid}/{name[:2]}", name
