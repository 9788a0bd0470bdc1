"""A queue: messages that somebody works off, each until it is acknowledged.

Guarantees of every backend
---------------------------
* **Durable before told.** When ``send`` returns, all its messages are stored. When it raises, any
  number of them may be: sending again may store those twice, under other ids.
* **At least once.** A message is received until it is acknowledged, possibly more than once and by
  two receivers at a time: after its visibility has passed, and now and then for no reason. Who
  must count once, remembers ``origin_id``.
* **Order.** None is promised. Old messages tend to come first.
* **Out of sight.** A received message is hidden for ``visibility_s`` from the moment it was
  received; ``extend`` starts that time anew, 0 shows the message at once. Nothing hides a message
  for more than twelve hours.
* **Poison.** A message that was received ``max_receives`` times without being acknowledged becomes
  a dead letter instead of being received again. Dead letters stay until they are redriven,
  discarded or older than the queue keeps messages (14 days).
* **Absence.** Receiving from an empty queue gives an empty list, after ``wait_s`` at most.
  Acknowledging what is gone is fine.
* **Limits.** A body has 1 to 1 047 552 bytes of UTF-8 and only characters that XML 1.0 allows; any
  number of bodies a ``send``; a delay of 900 s.
* **Errors.** ``InvalidError`` and ``TooLargeError`` for a body that no backend takes, before
  anything is sent; ``ConflictError`` for a receipt that holds nothing any more; ``StorageError``
  when the same call may succeed later.
"""

import re
from collections.abc import Collection, Sequence
from typing import Protocol

from msgspec import Struct

from tallybrook.errors import InvalidError, TooLargeError

MAX_BODY_BYTES = (1 << 20) - 1024
"""What SQS takes (1 MiB, attributes included), less what a redrive adds."""

MAX_DELAY_S = 900
MAX_VISIBILITY_S = 43_200
MAX_WAIT_S = 20
KEPT_S = 14 * 24 * 3600

ORIGIN = "tallybrook-origin"
"""The message attribute that carries ``origin_id`` where a redrive makes a new message."""

FIRST_SENT = "tallybrook-first-sent"
"""And the one that carries when that was, in milliseconds: names are made of both."""

_REFUSED = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Message(Struct, frozen=True):
    """One delivery. ``receipt`` is of this delivery alone; ``sent_at`` is in microseconds.

    ``receives`` counts deliveries with this one. ``origin_id`` is the id of the message as it was
    first sent: it stays when a dead letter is redriven, where ``message_id`` may not.
    """

    message_id: str
    origin_id: str
    body: str
    receipt: str
    receives: int
    sent_at: int


class Depth(Struct, frozen=True):
    """How many messages there are, approximately: to be received (delayed ones included), in the
    hands of receivers, dead."""

    waiting: int
    in_flight: int
    dead: int


class Queue(Protocol):
    """One queue with its dead letters. Safe for threads; any number of processes."""

    def send(self, bodies: Sequence[str], delay_s: int = 0) -> list[str]:
        """Store messages, to be received after ``delay_s``; their ids in order."""

    def receive(
        self, limit: int = 10, wait_s: float = 0.0, visibility_s: int = 30
    ) -> list[Message]:
        """Up to ``limit`` messages, as soon as there are any; fewer than there are is usual.

        Waits up to ``wait_s`` (20 at most; a backend may round it up to whole seconds).
        """

    def extend(self, receipt: str, visibility_s: int) -> None:
        """Hide the message for so long from now on. ``ConflictError`` when it is gone."""

    def acknowledge(self, receipts: Sequence[str]) -> None:
        """These are done and go. A receipt from before the message was received anew may do
        nothing."""

    def depth(self) -> Depth:
        """How much there is. Approximate; right after a change it may be the count before it."""

    def dead(self, limit: int = 100) -> list[Message]:
        """Some of the dead letters, to look at; they stay. While one process looks, another may
        find fewer."""

    def redrive(self, message_ids: Collection[str] | None = None) -> int:
        """Send dead letters (these, or all) to be received again, counted from zero; how many went.

        At least once: after an error a letter may be both redriven and dead.
        """

    def discard(self, message_ids: Collection[str]) -> int:
        """Delete dead letters for good; how many went."""


def check_body(body: str) -> str:
    """The body, or ``InvalidError``/``TooLargeError``: what every backend stores as it is."""
    if not body:
        raise InvalidError.of("/body", "is empty")
    if _REFUSED.search(body):
        raise InvalidError.of("/body", "holds characters that XML 1.0 does not allow")
    if len(body.encode()) > MAX_BODY_BYTES:
        raise TooLargeError(f"a message has more than {MAX_BODY_BYTES} bytes")
    return body


def check_seconds(name: str, value: float, most: int) -> float:
    """The value, or ``InvalidError`` when it is not between 0 and ``most``."""
    if not 0 <= value <= most:
        raise InvalidError.of(f"/{name}", f"must be between 0 and {most}")
    return value
