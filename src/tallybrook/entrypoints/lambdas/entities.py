"""The stream of the events table, beside ``sequence``, and the clock: entities and their alerts.

Whatever way an event came in, its row is in that stream. Taking in is exact under any repetition,
cut and order, so the event source mapping may halve a batch, deliver parts of it again and run
shards at once. Where the storage is away the whole batch raises: it is then halved, counted as an
error and tried again. Where one event is refused for good, it becomes a failed record, and what
cannot be stored behind it is named for redelivery.

Called by the clock it looks after what changes by time alone. Either way the alerts that wait are
published at the end; what is not published by then is the next invocation's.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from tallybrook.entities.consumer import REFUSED, take_in
from tallybrook.entities.keeping import failed_reading, faults_of
from tallybrook.entities.sending import publish_waiting
from tallybrook.entities.sweeping import sweep
from tallybrook.entrypoints.lambdas import runtime
from tallybrook.entrypoints.lambdas.messages import Reading
from tallybrook.entrypoints.lambdas.records import unknown, window_state
from tallybrook.entrypoints.lambdas.storing import failures
from tallybrook.errors import RetryableError, StorageError
from tallybrook.events.model import Event
from tallybrook.ports.bus import Bus
from tallybrook.wiring import read_new_events

SOURCE = "entities"
MARGIN_MS = 30_000
"""No more entities are looked after when less than this is left of an invocation."""

_PARTS = {"eventID", "eventName", "dynamodb"}


class Invocation(Protocol):
    """What Lambda hands over beside the event."""

    def get_remaining_time_in_millis(self) -> int: ...


@runtime.metered
def handler(event: Mapping[str, Any], context: Invocation) -> dict[str, Any]:
    """Take in a batch, or what the clock is for. Raises ``StorageError`` to be called again."""
    records, entities = event.get("Records"), runtime.entities()
    if not isinstance(records, list):
        return _by_the_clock(context)
    refused = _take_in(records)
    publish_waiting(entities.state, _bus())
    return {**failures(refused), **window_state(event)}


def _by_the_clock(context: Invocation) -> dict[str, Any]:
    opened, entities = runtime.opened(), runtime.entities()
    swept = sweep(
        entities.state, entities.catalog, opened.now_us(),
        lambda: context.get_remaining_time_in_millis() > MARGIN_MS,
    )  # fmt: skip
    published = publish_waiting(entities.state, _bus())
    runtime.log.info("%d entities looked after, %d alerts published", swept, published)
    return {"swept": swept, "published": published}


def _take_in(records: Sequence[Any]) -> list[str]:
    """The first record that has to come again with all that follow it, if any."""
    try:
        _take(_events(records))
    except REFUSED as error:
        runtime.log.warning("one of %d events is refused: %s", len(records), error)
        return _one_by_one(records)
    return []


def _one_by_one(records: Sequence[Any]) -> list[str]:
    """Find out which event is meant, and keep it as a failed record."""
    for record in records:
        for event in _events([record]):
            try:
                _take([event])
            except REFUSED as error:
                runtime.opened().stores.failed.keep(failed_reading(event, faults_of(error)))
            except RetryableError as error:
                runtime.log.warning("not taken in, to be delivered again: %s", error)
                return [_number(record)]
    return []


def _events(records: Sequence[Any]) -> list[Event]:
    """The new events among stream records; what is no event, or no record, is kept as failed."""
    opened = runtime.opened()
    known = [record for record in records if _from_stream(record)]
    found, failed = read_new_events(known, opened.now_us())
    others = [record for record in records if not _from_stream(record)]
    reading = Reading(opened.now_us())
    failed += [unknown(SOURCE, one, "it is of no table's stream", reading) for one in others]
    for one in failed:
        opened.stores.failed.keep(one)
    return found


def _take(events: Sequence[Event]) -> None:
    opened, entities = runtime.opened(), runtime.entities()
    now_us, keep_failed = opened.now_us(), opened.stores.failed.keep
    touched = take_in(events, entities.state, entities.catalog, keep_failed, now_us)
    if touched and opened.settings.sockets_url:
        # Here and not above: a stack without live updates need not load them.
        from tallybrook.entrypoints.lambdas.live_entities import push_changed

        push_changed(touched, opened, runtime.sockets())


def _bus() -> Bus:
    """Where alerts are published, and told to the open WebSockets."""
    if not runtime.settings().sockets_url:
        return runtime.alert_bus()
    from tallybrook.entrypoints.lambdas.live_entities import Announcing

    return Announcing(runtime.alert_bus(), runtime.opened(), runtime.sockets())


def _from_stream(record: object) -> bool:
    return isinstance(record, Mapping) and record.keys() >= _PARTS


def _number(record: Mapping[str, Any]) -> str:
    number = str(record["dynamodb"].get("SequenceNumber", ""))
    if not number:
        raise StorageError("an event without a sequence number was not taken in")
    return number


runtime.prepare(runtime.opened, runtime.entities, runtime.alert_bus)
