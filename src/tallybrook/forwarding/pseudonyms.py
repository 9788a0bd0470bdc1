"""The names that users are known by outside: the pseudonyms of ``tallybrook.privacy``.

Equal users have equal names within an account until a key is rotated or they are forgotten, and
others in every other account. Who has been forgotten gets another name within ``KNOWN_US``.
"""

from collections.abc import Callable

from tallybrook.forwarding.pinpoint import Pseudonym
from tallybrook.ports.clock import Clock
from tallybrook.ports.state import State
from tallybrook.privacy.keys import PrivacyKeys
from tallybrook.privacy.people import ensure_person

KNOWN_US = 60_000_000
"""How long a name is used without looking whether it is still theirs."""
MOST_KNOWN = 50_000


def of_people(state: State, keys: Callable[[], PrivacyKeys], clock: Clock) -> Pseudonym:
    """Names under the newest of ``keys``; a person's secret is made when they are first named.

    The names raise ``StorageError``. For one thread.
    """
    known: dict[tuple[str, str], str] = {}
    since_us = clock()

    def pseudonym(account_id: str, user: str) -> str:
        nonlocal since_us
        now_us = clock()
        if len(known) >= MOST_KNOWN or not since_us <= now_us < since_us + KNOWN_US:
            known.clear()
            since_us = now_us
        found = known.get((account_id, user))
        if found is None:
            found = ensure_person(state, keys().newest, account_id, user).anonymous_user_id
            known[account_id, user] = found
        return found

    return pseudonym
