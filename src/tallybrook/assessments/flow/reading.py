"""Reading scores: one assessment's, and a person's latest. By pseudonym, or by the ids as sent."""

import re
from collections.abc import Iterator

from msgspec import Struct

from tallybrook.assessments.flow.keeping import decode_latest, decode_standing
from tallybrook.assessments.flow.places import (
    people_partition,
    score_key,
    scores_partition,
    standings_partition,
)
from tallybrook.assessments.flow.shapes import Latest, Standing
from tallybrook.ports.state import State
from tallybrook.privacy.keys import PrivacyKeys
from tallybrook.privacy.people import find_people
from tallybrook.privacy.pseudonyms import assessment_id as pseudonym_of

MAX_PEOPLE = 20_000
"""Read for distributions. Pseudonyms are random: the first so many are a random sample."""

_PSEUDONYM = re.compile(r"k[0-9a-f]{8}_[0-9a-f]{32}")
_PAGE = 1000


class Found(Struct, frozen=True):
    """An assessment as it stands; ``body`` is its score in canonical bytes, where it has one."""

    assessment_id: str
    standing: Standing
    body: bytes | None


class People(Struct, frozen=True):
    """The latest scores of an account's people, of all or of a random sample of them."""

    latest: list[Latest]
    complete: bool


def is_pseudonym(name: str) -> bool:
    return _PSEUDONYM.fullmatch(name) is not None


def by_pseudonym(state: State, account_id: str, name: str) -> Found | None:
    """An assessment by its pseudonym, None if nothing of it ever came."""
    held = state.get(standings_partition(account_id), name) if is_pseudonym(name) else None
    if held is None:
        return None
    standing = decode_standing(held.value)
    body = None
    if standing.content is not None:
        body = _score(state, account_id, name, standing.content)
    return Found(name, standing, body)


def by_original(
    state: State, keys: PrivacyKeys, account_id: str, user_id: str, name: str
) -> Found | None:
    """An assessment by its own id and the user's, under the newest key that knows it; None also
    where the user was forgotten."""
    people = find_people(state, keys, account_id, user_id)
    found = (by_pseudonym(state, account_id, pseudonym_of(who, name)) for who in people)
    return next((one for one in found if one is not None), None)


def latest_score(state: State, keys: PrivacyKeys, account_id: str, user_id: str) -> bytes | None:
    """A person's latest score by the time of the assessment, in canonical bytes; ``user_id`` is a
    pseudonym, or the id as it was sent, under all keys in use."""
    names = [user_id] if is_pseudonym(user_id) else []
    names += [who.anonymous_user_id for who in find_people(state, keys, account_id, user_id)]
    held = (state.get(people_partition(account_id), name) for name in names)
    found = [decode_latest(one.value) for one in held if one is not None]
    if not found:
        return None
    last = max(found, key=lambda one: (one.timestamp, one.assessment_id, one.content))
    return _score(state, account_id, last.assessment_id, last.content)


def everybody(state: State, account_id: str, most: int = MAX_PEOPLE) -> People:
    """The latest score of each person. Work and memory are bounded by ``most``."""
    found: list[Latest] = []
    for one in _pages(state, people_partition(account_id)):
        if len(found) == most:
            return People(found, complete=False)
        found.append(one)
    return People(found, complete=True)


def _pages(state: State, partition: str) -> Iterator[Latest]:
    after = None
    while True:
        page = state.query(partition, after=after, limit=_PAGE)
        for one in page:
            yield decode_latest(one.value)
        if len(page) < _PAGE:
            return
        after = page[-1].key


def _score(state: State, account_id: str, name: str, content: str) -> bytes | None:
    held = state.get(scores_partition(account_id), score_key(name, content))
    return held.value if held is not None else None
