"""Sinks: where events in Amazon Pinpoint's format are delivered to.

Guarantees of every backend
---------------------------
* **Durable before told.** When ``send`` returns, every item that it does not name as refused is
  on disk, or was accepted by the service or receiver.
* **At least once.** When ``send`` raises, any number of its items may have been delivered: the
  same items are sent again, under the same ``event_id``, until it returns. ``RetryableError``
  says that later is soon enough; ``retry_after_s`` is what a receiver asked for.
* **Order.** Items with the same ``order_key`` arrive in the order they were sent in.
* **One bad item** is named as refused, with a reason, and never holds up the others.
* **Any number** of items is taken; limits of the receiver (items and bytes of a call) are the
  sink's own affair.
* **Absence.** Sending nothing does nothing.

A sink that keeps marks (``Marks``) promises more, and later: what was sent is durable when the mark
after it is written, and opening the sink, or reading the mark, takes back what was sent after that.
So whoever goes on from the mark delivers everything once.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

from msgspec import Struct


class Session(Struct, frozen=True):
    """``start_us`` is in microseconds since the epoch."""

    session_id: str
    start_us: int


class Item(Struct, frozen=True, kw_only=True):
    """One event in Pinpoint's terms. ``endpoint`` is the pseudonymous id of whoever it is of.

    ``event_id`` names the event for ever and over all accounts; ``app`` is the account. Instants
    are microseconds since the epoch.
    """

    event_id: str
    app: str
    endpoint: str
    order_key: str
    event_type: str
    at_us: int
    arrived_us: int
    attributes: Mapping[str, str]
    metrics: Mapping[str, int | float]
    session: Session | None = None


class Refusal(Struct, frozen=True):
    """An item that the receiver will never take: its place among those sent, and why."""

    index: int
    reason: str
    detail: str


class Sink(Protocol):
    """One target. Used by one thread at a time."""

    def send(self, items: Sequence[Item]) -> list[Refusal]:
        """Deliver the items; those that will never be taken, in order of their index."""

    def close(self) -> None:
        """Free what it holds. Nothing waits in it."""


class Marks(Protocol):
    """Where the sender keeps how far it is: bytes of its own, replaced whole, durable when
    ``write`` returns."""

    def read(self) -> bytes | None:
        """What was last written, None before anything was. See above for a sink's own."""

    def write(self, mark: bytes) -> None:
        """Replace it. Raises ``ConflictError`` where another sender was at work meanwhile."""
