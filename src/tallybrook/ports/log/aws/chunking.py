"""How many of the events that arrived go into one transaction. Pure."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from tallybrook.events.model import Event
from tallybrook.ports.aws.dynamo import MAX_TRANSACTION
from tallybrook.ports.log import Chunk, CommitEffects, CounterKey
from tallybrook.ports.log.aws.rows import MAX_LINE_BYTES, numbered
from tallybrook.ports.log.aws.stream import Arrival

OTHER_ACTIONS = 3
"""The head, the chunk and the marker."""

MAX_COUNTERS = MAX_TRANSACTION - OTHER_ACTIONS
_SEQ_BYTES = len(b'"seq":,\n') + 19

Deltas = dict[CounterKey, int]
DeltasOf = Callable[[Event], Mapping[CounterKey, int]]


class Draft(NamedTuple):
    """The events of one transaction in the stream's order, and what they add to the counters."""

    arrivals: list[Arrival]
    deltas: Deltas


def draft(waiting: Sequence[Arrival], deltas_of: DeltasOf) -> Draft:
    """As many of those that wait as fit, at least one.

    What bounds it are the actions of a transaction (each bucket is one) and the 400 KB of an
    item, which a chunk may need whole when it does not shrink.
    """
    taken: list[Arrival] = []
    deltas: Deltas = {}
    size = 0
    for arrival in waiting:
        more = deltas_of(arrival.event)
        size += len(arrival.line) + _SEQ_BYTES
        if taken and (len(deltas.keys() | more.keys()) > MAX_COUNTERS or size > MAX_LINE_BYTES):
            break
        taken.append(arrival)
        for key, change in more.items():
            deltas[key] = deltas.get(key, 0) + change
    return Draft(taken, deltas)


def added(drafted: Draft) -> dict[str, tuple[int, int]]:
    """How many events, and bytes of their lines, each account adds."""
    found: dict[str, tuple[int, int]] = {}
    for _, event, line in drafted.arrivals:
        events, size = found.get(event.account_id, (0, 0))
        found[event.account_id] = (events + 1, size + len(line))
    return found


def chunk_of(arrivals: Sequence[Arrival], first_seq: int, now_us: int) -> Chunk:
    """The chunk, in which events stand in the order of their arrival."""
    in_order = sorted(arrivals, key=lambda arrival: arrival.event.seq)
    lines = [numbered(arrival.line, first_seq + n) for n, arrival in enumerate(in_order)]
    return Chunk(first_seq, len(lines), now_us, b"\n".join(lines))


class Gathering:
    """``ports.log.Counting`` that only remembers what is to be counted."""

    def __init__(self) -> None:
        self.deltas: Deltas = {}

    def add_counts(self, deltas: Mapping[CounterKey, int], now_us: int) -> None:
        for key, change in deltas.items():
            self.deltas[key] = self.deltas.get(key, 0) + change


def counting(effects: CommitEffects, now_us: int) -> DeltasOf:
    """What one event adds, as the commit's effects say."""

    def deltas_of(event: Event) -> Deltas:
        gathering = Gathering()
        effects.count_events(gathering, [event], now_us)
        return gathering.deltas

    return deltas_of
