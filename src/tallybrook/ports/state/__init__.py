"""State: small things that a capability keeps between two invocations.

An item is bytes under (partition, key). Items of a partition lie together in the order of their
keys; a partition is what one query reads, and on AWS takes some 1 000 writes a second.

Guarantees
----------
* **Durable.** A change is on disk (or in the service) when the call returns.
* **Consistent.** ``get`` and ``query`` see every change that was made before they were called.
* **Versions.** Every put gives the item a version of its own (one of 2^52 at random) that does not
  come again, also not after a delete. Who puts or deletes on condition of the version they read
  overwrites nothing they have not seen: of several who read the same version one succeeds.
* **One fate.** The changes of ``write`` become visible together or not at all.
* **Absence.** What is not there is None, or missing in a list; an item is absent from the second
  it expires in, whenever its space is freed.
* **After an error** nothing of the call is stored, except that a ``StorageError`` may leave it
  unknown: a conditional change can be sent again, and then is a conflict if it was stored.
"""

from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct

from tallybrook.errors import InvalidError, TooLargeError

ABSENT = 0
"""The version to expect of what must not be there."""

MAX_VALUE_BYTES = 380 * 1024
MAX_PARTITION_BYTES = 2048
MAX_KEY_BYTES = 1024
MAX_CHANGES = 100
MAX_WRITE_BYTES = 3 << 20
"""What the values of one ``write`` may come to."""


class Stored(Struct, frozen=True):
    """An item as it was read. ``expires_at_s`` is an epoch second, None: it stays."""

    key: str
    value: bytes
    version: int
    expires_at_s: int | None = None


class Put(Struct, frozen=True):
    """Create or replace an item.

    ``expect`` is the version it must have, ``ABSENT`` that it must not be there, None anything.
    """

    partition: str
    key: str
    value: bytes
    expect: int | None = None
    expires_at_s: int | None = None


class Delete(Struct, frozen=True):
    """Take an item away, on condition of ``expect`` as in ``Put``; None also where it is absent."""

    partition: str
    key: str
    expect: int | None = None


class Check(Struct, frozen=True):
    """Change nothing, on condition of ``expect`` as in ``Put``."""

    partition: str
    key: str
    expect: int


Change = Put | Delete | Check


class State(Protocol):
    """Safe for threads, and for any number of processes."""

    def get(self, partition: str, key: str) -> Stored | None:
        """One item, or None."""

    def put(
        self,
        partition: str,
        key: str,
        value: bytes,
        *,
        expect: int | None = None,
        expires_at_s: int | None = None,
    ) -> int:
        """Create or replace an item; its new version.

        Raises ``ConflictError`` when it has not the version expected, ``TooLargeError``.
        """

    def delete(self, partition: str, key: str, *, expect: int | None = None) -> bool:
        """Take an item away; False when there was none, whatever was expected.

        Raises ``ConflictError`` when it has another version than expected.
        """

    def query(
        self, partition: str, prefix: str = "", *, after: str | None = None, limit: int = 1000
    ) -> list[Stored]:
        """Up to ``limit`` items whose key starts with ``prefix`` and lies past ``after``, in order
        of the keys' UTF-8 bytes. Fewer than ``limit``: there are no more."""

    def write(self, changes: Sequence[Change]) -> list[int]:
        """All changes (at most 100, each of another item) or none; the version of each put, 0 for
        the others.

        Raises ``ConflictError`` when any item has not the version expected, ``TooLargeError``
        when the values come to more than 3 MB.
        """


def require_key(partition: str, key: str) -> None:
    """Raise ``InvalidError`` for names that not every backend can hold."""
    for pointer, name, most in (
        ("/partition", partition, MAX_PARTITION_BYTES),
        ("/key", key, MAX_KEY_BYTES),
    ):
        if not 0 < len(name.encode()) <= most:
            raise InvalidError.of(pointer, f"must have 1 to {most} bytes")


def require_fitting(change: Change) -> None:
    """Raise unless every backend can hold what the change leaves."""
    require_key(change.partition, change.key)
    if isinstance(change, Put) and len(change.value) > MAX_VALUE_BYTES:
        raise TooLargeError(f"an item of state is at most {MAX_VALUE_BYTES} bytes")


def require_writable(changes: Sequence[Change]) -> None:
    """Raise unless every backend can make these changes in one transaction."""
    for change in changes:
        require_fitting(change)
    if len(changes) > MAX_CHANGES:
        raise InvalidError(f"at most {MAX_CHANGES} items of state are changed together")
    if len({(change.partition, change.key) for change in changes}) < len(changes):
        raise InvalidError("an item of state is changed once in a write")
    if sum(len(c.value) for c in changes if isinstance(c, Put)) > MAX_WRITE_BYTES:
        raise TooLargeError(f"a write of state is at most {MAX_WRITE_BYTES} bytes")
