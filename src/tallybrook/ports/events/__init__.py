"""Finding stored events again: one by its id, and a user's by time.

Guarantees: ``get`` finds an acknowledged event at once, however far any consumer is behind;
``of_user`` finds it within the backend's lag (locally at once, on AWS within that of an index,
usually some milliseconds). A user's events come newest first by event time, and by ``seq`` where
times are equal; a cursor goes on exactly after the last one given, whatever came in meanwhile.

``seq`` of an event is its sequence number locally. On AWS it is its arrival number, which rises
with time and is below 2**53: events are found before they are numbered.
"""

from typing import Protocol

from msgspec import Struct

from tallybrook.events.model import Event


class Position(Struct, order=True, frozen=True):
    """The place of an event in a user's history."""

    timestamp: int
    seq: int


class Events(Protocol):
    def get(self, account_id: str, event_id: str) -> Event | None:
        """The event, or None."""

    def of_user(
        self, account_id: str, user_id: str, limit: int, before: Position | None
    ) -> list[Event]:
        """Up to ``limit`` events whose user_id or anonymous_id is this, below ``before``."""
