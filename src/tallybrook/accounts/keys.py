"""Making, checking, rotating and revoking keys.

A key is ``tb_<key id>_<secret>`` with 160 random bits in the secret, so one round of SHA-256 is
enough to store it: there is nothing to guess. The operator may set the first key to a text of
their own, which therefore has to be long.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable

import msgspec

from tallybrook.errors import (
    ConflictError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
    UnauthorizedError,
)
from tallybrook.ports.clock import Clock, system_clock
from tallybrook.ports.keys import Key, Keys, Scope

DEFAULT_ACCOUNT = "default"
ALL_SCOPES: frozenset[Scope] = frozenset({"write", "read", "query", "admin"})
MIN_OWN_KEY = 16
_ACCOUNT = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}", re.ASCII)


def digest_of(presented: str) -> str:
    """What is stored and looked up instead of the key."""
    return hashlib.sha256(presented.encode("utf-8", "surrogateescape")).hexdigest()


def require_account(account_id: str) -> str:
    """The account id, or ``InvalidError`` when it is not one."""
    if not _ACCOUNT.fullmatch(account_id):
        raise InvalidError.of("/account", "must match [a-z0-9][a-z0-9_-]{0,62}")
    return account_id


class KeyRing:
    """What may be done with keys, over any store of them."""

    def __init__(self, keys: Keys, clock: Clock = system_clock) -> None:
        self._keys = keys
        self._clock = clock

    def create(
        self,
        account_id: str = DEFAULT_ACCOUNT,
        scopes: Iterable[Scope] = ALL_SCOPES,
        *,
        label: str = "",
        rate: float | None = None,
        presented: str | None = None,
    ) -> tuple[Key, str]:
        """A new key and its text, which is not kept: it can be shown this once.

        ``presented`` makes a key of the operator's own text (at least 16 characters).
        """
        if presented is not None and len(presented) < MIN_OWN_KEY:
            raise InvalidError.of("/key", f"must have at least {MIN_OWN_KEY} characters")
        if rate is not None and rate <= 0:
            raise InvalidError.of("/rate", "must be above 0")
        key_id = secrets.token_hex(4)
        text = presented or _fresh(key_id)
        key = Key(
            key_id, require_account(account_id), digest_of(text), frozenset(scopes), label, rate,
            self._clock(),
        )  # fmt: skip
        self._keys.add(key)
        return key, text

    def first_key(self, presented: str | None) -> str | None:
        """Make the admin key of a new data directory; its text if one was made, else None.

        A given text is a key from now on, also where the directory has other keys already. Of
        several processes that start with it together one makes it.
        """
        if presented is not None:
            return presented if self._made(presented) else None
        if self._keys.stored():
            return None
        return self.create(label="first admin key")[1]

    def _made(self, presented: str) -> bool:
        """Make the text a key; False where it is one."""
        digest = digest_of(presented)
        if self._keys.by_digest(digest) is not None:
            return False
        try:
            self.create(label="first admin key", presented=presented)
        except ConflictError:
            if self._keys.by_digest(digest) is None:
                raise  # it was the key's id
            return False
        return True

    def check(self, presented: str) -> Key:
        """The key of a presented text. Raises ``UnauthorizedError``."""
        digest = digest_of(presented)
        key = self._keys.by_digest(digest)
        if key is None or key.revoked_at is not None or not hmac.compare_digest(key.digest, digest):
            raise UnauthorizedError("no such key, or it was revoked")
        return key

    def rotate(self, key_id: str) -> tuple[Key, str]:
        """Give a key a new text; the old one stops at once.

        Raises ``NotFoundError``, and ``ConflictError`` for a revoked key: it opens nothing again.
        """
        text = _fresh(key_id)

        def change(key: Key) -> Key:
            if key.revoked_at is not None:
                raise ConflictError(f"key {key_id} was revoked: make a new one")
            return msgspec.structs.replace(key, digest=digest_of(text))

        changed = self._keys.replace(key_id, change)
        if changed is None:
            raise NotFoundError(f"no key {key_id}")
        return changed, text

    def revoke(self, key_id: str) -> Key:
        """Close a key for good; doing it twice changes nothing. Raises ``NotFoundError``."""
        now = self._clock()
        changed = self._keys.replace(
            key_id, lambda key: msgspec.structs.replace(key, revoked_at=key.revoked_at or now)
        )
        if changed is None:
            raise NotFoundError(f"no key {key_id}")
        return changed

    def stored(self, account_id: str | None = None) -> list[Key]:
        """All keys, oldest first."""
        return self._keys.stored(account_id)

    def version(self) -> int:
        """Changes when another process changed a key."""
        return self._keys.version()


def require_scope(key: Key, scope: Scope) -> None:
    """Raise ``ForbiddenError`` unless the key has the scope; admin has them all."""
    if scope not in key.scopes and "admin" not in key.scopes:
        raise ForbiddenError(f"this call needs a key with the scope {scope!r}")


def _fresh(key_id: str) -> str:
    return f"tb_{key_id}_{secrets.token_hex(20)}"
