"""Where accounts and keys are kept.

Guarantees: a created key is durable before it is shown; a revoked key is refused by every
process within two seconds. Only digests of secrets are stored. Unknown digests give None.
"""

from collections.abc import Callable
from typing import Literal, Protocol

from msgspec import Struct

Scope = Literal["write", "read", "query", "admin"]


class Key(Struct, frozen=True):
    """A key as stored. ``rate`` is in items (events, records, queries) a second; None: no limit.

    Instants are microseconds; ``revoked_at`` is None while the key opens anything.
    """

    key_id: str
    account_id: str
    digest: str
    scopes: frozenset[Scope]
    label: str = ""
    rate: float | None = None
    created_at: int = 0
    revoked_at: int | None = None


class Keys(Protocol):
    def add(self, key: Key) -> None:
        """Store a new key, and its account if that is new.

        Raises ``ConflictError`` when its id or its digest is stored already.
        """

    def by_digest(self, digest: str) -> Key | None:
        """The key of a digest, revoked or not."""

    def stored(self, account_id: str | None = None) -> list[Key]:
        """All keys (of one account), oldest first."""

    def replace(self, key_id: str, change: Callable[[Key], Key]) -> Key | None:
        """Change a stored key in one transaction; None when there is no such key.

        ``change`` may be called again when somebody else changed the key meanwhile; what it
        raises is raised here, and nothing was changed.
        """

    def version(self) -> int:
        """A number that changes when any process changed a key: caches compare it."""
