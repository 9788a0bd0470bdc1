"""What waits in the state, to the log and onto the bus: at least once, under the same ids."""

from collections.abc import Callable, Sequence

import msgspec

from tallybrook.assessments.dual_ai.places import EVENTS, NOTICES
from tallybrook.events.model import Event
from tallybrook.ports.bus import Bus, Notice
from tallybrook.ports.state import MAX_CHANGES, Delete, State, Stored

Append = Callable[[Sequence[Event]], None]
"""Makes events durable on their way into the log; the log knows one that comes twice by its id."""

_event = msgspec.json.Decoder(Event)
_notice = msgspec.msgpack.Decoder(Notice)


def publish_waiting(state: State, bus: Bus, append: Append) -> int:
    """Send what waits, how many. What was taken waits no longer; a crash in between sends it
    again. Raises ``StorageError`` where a receiver does."""

    def publish(waiting: Sequence[Stored]) -> None:
        bus.publish([_notice.decode(one.value) for one in waiting])

    def write(waiting: Sequence[Stored]) -> None:
        append([_event.decode(one.value) for one in waiting])

    return _drain(state, NOTICES, publish) + _drain(state, EVENTS, write)


def _drain(state: State, partition: str, send: Callable[[Sequence[Stored]], None]) -> int:
    sent = 0
    while waiting := state.query(partition, limit=MAX_CHANGES):
        send(waiting)
        state.write([Delete(partition, one.key) for one in waiting])
        sent += len(waiting)
    return sent
