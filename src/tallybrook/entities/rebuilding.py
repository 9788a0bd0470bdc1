"""Entities once more from the log: after a change of definitions, or where events were missed."""

from collections.abc import Callable

from tallybrook.entities.catalog import Catalog
from tallybrook.entities.consumer import KeepFailed, events_of, take_in
from tallybrook.entities.feed import feed
from tallybrook.entities.warm import Warm
from tallybrook.ports.clock import Clock
from tallybrook.ports.log import LogReader
from tallybrook.ports.state import State

_ENTRIES = 1000


def rebuild(
    reader: LogReader, state: State, catalog: Catalog, keep_failed: KeepFailed, clock: Clock,
    *, told: Callable[[int], object] = lambda seq: None,
) -> int:  # fmt: skip
    """Take in the log from its first entry to its end as it is by then; how many events.

    Beside whoever else takes events in, and any number of times: what is known already stays as it
    is, and no alert is told again. ``told`` is called with how far it got. Raises ``StorageError``;
    what was taken in by then stays. Alerts are left waiting for those who publish.
    """
    count, position, warm = 0, 0, Warm()
    while chunks := reader.chunks("events", position, _ENTRIES):
        events = [event for chunk in chunks for event in events_of(chunk, keep_failed)]
        changed = take_in(events, state, catalog, keep_failed, clock(), warm)
        feed(state, (one.entity for one in changed), clock())
        count += len(events)
        position = chunks[-1].last_seq
        told(position)
    return count
