"""Sockets: who is connected, and saying something to them from anywhere.

The process that has something to say is rarely the one that holds the connection: on AWS a
gateway holds it. So connections are known by id, in a registry, and messages are posted to ids.

Guarantees of every backend
---------------------------
* **Delivery.** At most once, best effort: a message that cannot be posted now is lost for that
  connection, which asks for a snapshot when it notices the gap. Nothing is queued.
* **Order.** Messages that one thread pushes one after the other reach a connection in that order.
* **Gone connections** are found when something is posted to them, and leave the registry; one that
  was never heard of again leaves it after ``KEPT_S``.
* **One never hinders the others**: a slow or broken connection costs its own message alone.
* **Duplicates.** Connecting or disconnecting twice is the same as once.
* **Absence.** Pushing to an account without connections sends nothing; an unknown connection cannot
  subscribe.
* **Visibility.** A change of topics holds for the next push. A new connection may miss the pushes
  of the first second or so.
* **Limits.** A message has at most 128 KiB of UTF-8 text (``TooLargeError``). On AWS a
  connection lives for two hours at most.
* **Errors.** ``StorageError`` when the registry cannot be read or written now.
"""

from collections.abc import Collection
from typing import Protocol

from msgspec import Struct

from tallybrook.errors import TooLargeError

MAX_MESSAGE_BYTES = 128 << 10
KEPT_S = 3 * 3600
"""How long the registry believes in a connection: more than the longest may live."""


class Connection(Struct, frozen=True):
    """A connection as registered."""

    connection_id: str
    account_id: str
    topics: frozenset[str] = frozenset()


class Pushed(Struct, frozen=True):
    """What became of a push, in connections: reached, found gone, not reached this time."""

    sent: int = 0
    gone: int = 0
    failed: int = 0


class Sockets(Protocol):
    """The registry and the way out. Safe for threads."""

    def connect(self, connection_id: str, account_id: str, topics: Collection[str] = ()) -> None:
        """Register a connection of an account."""

    def subscribe(self, connection_id: str, topics: Collection[str]) -> bool:
        """Set the topics of a connection; False when it is not registered."""

    def disconnect(self, connection_id: str) -> None:
        """Forget a connection."""

    def connection(self, connection_id: str) -> Connection | None:
        """What is registered, or None."""

    def post(self, connection_id: str, message: bytes) -> bool:
        """Send to one connection; False when it is gone.

        A ``RetryableError`` when it was not reached this time.
        """

    def push(self, account_id: str, topic: str, message: bytes) -> Pushed:
        """Send to every connection of the account that subscribed to the topic."""


def check_message(message: bytes) -> bytes:
    """The message, or ``TooLargeError``."""
    if len(message) > MAX_MESSAGE_BYTES:
        raise TooLargeError(f"a message has more than {MAX_MESSAGE_BYTES} bytes")
    return message
