"""The consumer that turns the ``events`` topic into entities and alerts.

Exact without its position: facts are sets, and whatever is handed over again, in parts or by two
at once, leaves the same. The position only saves reading the log from the start, and begins anew
when the definitions change.
"""

import time
from collections.abc import Callable, Sequence

import msgspec

from tallybrook.entities.catalog import Catalog
from tallybrook.entities.feed import feed
from tallybrook.entities.keeping import failed_line, failed_reading, faults_of
from tallybrook.entities.marks import marking
from tallybrook.entities.places import POSITION, Entity
from tallybrook.entities.reading_facts import Seen, read_facts
from tallybrook.entities.refreshing import Touched, refresh_all
from tallybrook.entities.sending import publish_waiting
from tallybrook.entities.storing import store_facts
from tallybrook.entities.sweeping import sweep
from tallybrook.entities.warm import Warm
from tallybrook.errors import InvalidError, TooLargeError
from tallybrook.events.model import Event
from tallybrook.ports.bus import Bus
from tallybrook.ports.clock import Clock, system_clock
from tallybrook.ports.log import Chunk, FailedRecord, Topic
from tallybrook.ports.state import MAX_CHANGES, Put, State

SWEEP_EVERY_S = 10.0
SWEEP_BUDGET_S = 2.0

REFUSED = (InvalidError, TooLargeError)
"""What the state says of an event that it will never store."""

_decoder = msgspec.json.Decoder(Event)
KeepFailed = Callable[[FailedRecord], None]


def take_in(
    events: Sequence[Event], state: State, catalog: Catalog, keep_failed: KeepFailed, now_us: int,
    warm: Warm | None = None,
) -> list[Touched]:  # fmt: skip
    """Facts, summaries and alerts of events; durable when it returns, and the same however often.
    The entities that something was told of.

    Faults become failed records. Alerts wait in the state for ``publish_waiting``. ``warm`` is what
    calls that follow each other share to save reading again.
    """
    seen: list[Seen] = []
    for event in events:
        reading = read_facts(event, catalog)
        if reading is None:
            continue
        seen += reading.seen
        if reading.faults:
            keep_failed(failed_reading(event, reading.faults))
    changed = touched(seen)
    if changed:
        warm = Warm() if warm is None else warm
        with warm.sure():
            warm.change(store_facts(state, seen, now_us))
            refresh_all(state, catalog, changed, now_us, warm)
    return changed


def touched(seen: Sequence[Seen]) -> list[Touched]:
    """Each entity once, with the earliest instant that may have changed."""
    earliest: dict[Entity, int] = {}
    for one in seen:
        entity = Entity(one.account_id, one.entity_type, one.entity_id)
        earliest[entity] = min(earliest.get(entity, one.fact.at), one.fact.at)
    return [Touched(entity, since) for entity, since in earliest.items()]


class EntityConsumer:
    """``ports.log.consumer.Consumer``. ``close`` is the caller's: it owns what it hands in."""

    name = "entities"
    topic: Topic = "events"
    max_entries = 2000
    linger_s = 0.3

    def __init__(
        self, state: State, bus: Bus, catalog: Catalog, keep_failed: KeepFailed,
        clock: Clock = system_clock,
    ) -> None:  # fmt: skip
        self._state, self._bus, self._catalog = state, bus, catalog
        self._keep_failed, self._clock = keep_failed, clock
        self._warm = Warm()
        self._swept_s = time.monotonic()

    def position(self) -> int:
        found = self._state.get(POSITION, self._catalog.fingerprint)
        return int(found.value) if found else 0

    def handle(self, chunks: list[Chunk]) -> None:
        events = [event for chunk in chunks for event in events_of(chunk, self._keep_failed)]
        try:
            changed = self._take_in(events)
        except REFUSED:
            changed = self._one_by_one(events)
        feed(self._state, (one.entity for one in changed), self._clock())
        publish_waiting(self._state, self._bus)
        position = str(max(self.position(), chunks[-1].last_seq)).encode()
        puts = marking(one.entity for one in changed)
        puts.append(Put(POSITION, self._catalog.fingerprint, position))
        for at in range(0, len(puts), MAX_CHANGES):
            self._state.write(puts[at : at + MAX_CHANGES])
        if time.monotonic() - self._swept_s > SWEEP_EVERY_S:
            self.idle()

    def _take_in(self, events: Sequence[Event]) -> list[Touched]:
        now_us = self._clock()
        return take_in(events, self._state, self._catalog, self._keep_failed, now_us, self._warm)

    def _one_by_one(self, events: Sequence[Event]) -> list[Touched]:
        """An event that the state refuses for good holds up nobody: it is a failed record."""
        changed: list[Touched] = []
        for event in events:
            try:
                changed += self._take_in([event])
            except REFUSED as error:
                self._keep_failed(failed_reading(event, faults_of(error)))
        return changed

    def idle(self) -> None:
        """What changes by time alone, for about ``SWEEP_BUDGET_S`` at most."""
        self._swept_s = time.monotonic()
        until_s = self._swept_s + SWEEP_BUDGET_S
        sweep(
            self._state,
            self._catalog,
            self._clock(),
            lambda: time.monotonic() < until_s,
            self._warm,
        )
        publish_waiting(self._state, self._bus)


def events_of(chunk: Chunk, keep_failed: KeepFailed) -> list[Event]:
    """The events of a chunk; a line that is none becomes a failed record."""
    try:
        return _decoder.decode_lines(chunk.body)
    except (msgspec.DecodeError, ValueError, RecursionError):
        pass  # the slow way names the line
    read = (_event(seq, line, chunk, keep_failed) for seq, line in _lines(chunk))
    return [event for event in read if event is not None]


def _event(seq: int, line: bytes, chunk: Chunk, keep_failed: KeepFailed) -> Event | None:
    try:
        return _decoder.decode(line)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        keep_failed(failed_line(seq, line, str(error), chunk.ingested_at))
        return None


def _lines(chunk: Chunk) -> list[tuple[int, bytes]]:
    return list(enumerate(chunk.body.rstrip(b"\n").split(b"\n"), chunk.first_seq))
