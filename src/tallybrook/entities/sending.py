"""Alerts that wait in the state, onto the bus: at least once, and once where the bus can tell."""

import msgspec

from tallybrook.entities.alerts import Kept, notice_of
from tallybrook.entities.places import OUTBOX
from tallybrook.ports.bus import Bus
from tallybrook.ports.state import MAX_CHANGES, Delete, State

_decoder = msgspec.msgpack.Decoder(Kept)


def decode_kept(value: bytes) -> Kept:
    return _decoder.decode(value)


def publish_waiting(state: State, bus: Bus) -> int:
    """Publish what waits, how many alerts. What the bus has taken waits no longer; a crash in
    between publishes them again, under the same ids."""
    sent = 0
    while waiting := state.query(OUTBOX, limit=MAX_CHANGES):
        bus.publish([notice_of(decode_kept(one.value)) for one in waiting])
        state.write([Delete(OUTBOX, one.key) for one in waiting])
        sent += len(waiting)
    return sent
