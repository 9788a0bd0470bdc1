"""The work of ``tallybrook privacy lookup`` and ``forget``."""

import sys
from pathlib import Path

from tallybrook.accounts.keys import require_account
from tallybrook.errors import UsageError
from tallybrook.ports.state import State
from tallybrook.privacy.keys import PrivacyKeys
from tallybrook.privacy.people import find_people, forget
from tallybrook.privacy.pseudonyms import canonical
from tallybrook.settings import Settings
from tallybrook.wiring import open_state
from tallybrook.wiring.privacy import open_privacy


def names_of(data: Path, account: str, user: str) -> list[str]:
    """The pseudonyms of a user."""
    state, keys = _opened(data)
    found = find_people(state, keys, require_account(account), _user(user))
    return [who.anonymous_user_id for who in found]


def names_and_id(data: Path, account: str, user: str) -> list[str]:
    """What a user's rows may be stored under: the id as it is given, and the pseudonyms."""
    state, keys = _opened(data)
    given = sys.stdin.readline().rstrip("\r\n") if user == "-" else user
    found = find_people(state, keys, require_account(account), _user(given))
    return list(dict.fromkeys([given, canonical(given), *(one.anonymous_user_id for one in found)]))


def forget_user(data: Path, account: str, user: str) -> int:
    """Forget a user; how many pseudonyms they had."""
    state, keys = _opened(data)
    return len(forget(state, keys, require_account(account), _user(user)))


def _user(given: str) -> str:
    """The user's id, canonical."""
    user = canonical(sys.stdin.readline() if given == "-" else given)
    if not user:
        raise UsageError("the user's id is empty")
    return user


def _opened(data: Path) -> tuple[State, PrivacyKeys]:
    settings = Settings.from_env(data=str(data))
    return open_state(settings), open_privacy(settings).keys
