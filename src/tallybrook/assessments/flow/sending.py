"""Events that wait in the state, to the log: at least once, under the same ids."""

from collections.abc import Callable, Sequence

import msgspec

from tallybrook.events.model import Event
from tallybrook.ports.state import MAX_CHANGES, Delete, State

Append = Callable[[Sequence[Event]], None]
"""Makes events durable on their way into the log, which knows one that comes twice by its id."""

_event = msgspec.json.Decoder(Event)


def send_waiting(state: State, partition: str, append: Append) -> int:
    """Send what waits, how many. What was taken waits no longer; a crash in between sends it
    again. Raises ``StorageError`` where the receiver does."""
    sent = 0
    while waiting := state.query(partition, limit=MAX_CHANGES):
        append([_event.decode(one.value) for one in waiting])
        state.write([Delete(partition, one.key) for one in waiting])
        sent += len(waiting)
    return sent
