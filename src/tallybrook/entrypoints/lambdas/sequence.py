"""The stream of the events table: new events get their numbers, are counted and join the log.

The event source mapping retries whole batches, one batch of a shard at a time, for as long as the
stream keeps them: no bisecting and no partial failures, as ``Sequencer`` explains. What it commits
is then told to the open WebSockets. Telling is done once and by nobody else: what is missed there
is in the next delta, whose counts are absolute, and in every snapshot.
"""

from collections.abc import Mapping
from typing import Any

from tallybrook.entrypoints.lambdas import runtime
from tallybrook.entrypoints.lambdas.messages import Reading
from tallybrook.entrypoints.lambdas.records import records_of, unknown, window_state
from tallybrook.entrypoints.lambdas.storing import write_items

SOURCE = "sequence"
_PARTS = {"eventID", "eventName", "dynamodb"}


@runtime.metered
def handler(event: Mapping[str, Any], context: object) -> dict[str, Any]:
    """Commit a batch. Raises ``StorageError`` to have the whole of it delivered again."""
    opened = runtime.opened()
    records = records_of(event)
    others = [record for record in records if not _from_stream(record)]
    if others:
        reading = Reading(opened.now_us())
        reason = "it is of no table's stream"
        write_items([unknown(SOURCE, one, reason, reading) for one in others], opened.log)
    commits = runtime.sequencer()(record for record in records if _from_stream(record))
    runtime.committed(commits)
    if commits and runtime.settings().sockets_url:
        # Here and not above: a stack without live updates need not load them.
        from tallybrook.entrypoints.lambdas import live

        live.push(commits, opened, runtime.sockets())
    return window_state(event)


def _from_stream(record: object) -> bool:
    return isinstance(record, Mapping) and record.keys() >= _PARTS


runtime.prepare(runtime.opened, runtime.sequencer)
