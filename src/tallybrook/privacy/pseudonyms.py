"""From ids to pseudonyms: HMAC-SHA-256 under a key of the account's secret and the person's. Pure.

A pseudonym is ``<key id>_<32 hex digits>``. Those of a person, of their sessions and of their
assessments need the person's random secret: once that is gone nobody can make them again.
"""

import hmac
from unicodedata import normalize

from msgspec import Struct

from tallybrook.privacy.keys import PrivacyKey

_HEX = 32


class Person(Struct, frozen=True):
    """Somebody under one key. ``secret`` is theirs alone and in no text of this."""

    anonymous_user_id: str
    key: PrivacyKey
    secret: bytes

    def __repr__(self) -> str:
        return f"Person({self.anonymous_user_id})"


def canonical(identity: str) -> str:
    """The form ids are compared in: without outer white space, in NFC."""
    return normalize("NFC", identity.strip())


def read_id(value: object) -> str | None:
    """An id as it was sent, in canonical form: a text or a whole number. None when it is none."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1 << 63:
        return str(value)
    return canonical(value) if isinstance(value, str) else None


def person(key: PrivacyKey, secret: bytes, account_id: str, user_id: str) -> Person:
    """Who ``user_id`` of an account is under a key."""
    text = f"user\0{account_id}\0{canonical(user_id)}"
    return Person(_pseudonym(key, key.derive("user", secret), text), key, secret)


def session_id(who: Person, session: str) -> str:
    """The pseudonym of a session: its own id, or that of the assessment where it has none."""
    return _of(who, "session", session)


def assessment_id(who: Person, assessment: str) -> str:
    """The pseudonym of an assessment."""
    return _of(who, "assessment", assessment)


def lookup(key: PrivacyKey, account_id: str, user_id: str) -> str:
    """Under which name a person's secret is kept: 32 hex digits that tell nothing of them to
    anyone without the key."""
    text = f"lookup\0{account_id}\0{canonical(user_id)}"
    return _hex(key.derive("lookup"), text)


def _of(who: Person, kind: str, identity: str) -> str:
    text = f"{kind}\0{who.anonymous_user_id}\0{canonical(identity)}"
    return _pseudonym(who.key, who.key.derive(kind, who.secret), text)


def _pseudonym(key: PrivacyKey, derived: bytes, text: str) -> str:
    return f"{key.kid}_{_hex(derived, text)}"


def _hex(derived: bytes, text: str) -> str:
    return hmac.digest(derived, text.encode(), "sha256").hex()[:_HEX]
