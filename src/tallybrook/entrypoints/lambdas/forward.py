"""Events to where the stack forwards them, in Pinpoint's format.

* The scheduler, or an invocation with nothing in it: what is new in the log, from where the
  invocation before ended. One at a time; a second one that is let loose stops at its first mark.
* An event of a bus (``detail-type``, ``detail``), or a direct invocation (an event, an array of
  them, ``{"events": […]}``): those, at once, and the report as the answer.
* Records of a Kinesis stream, or of the events table's stream: those, at once; the answer names
  the first that has to come again, and nothing overtakes it.

What comes at once is read as everywhere else: it is known by its own id, or named after its
delivery. It does not go through the log, and is not in the log's report.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec

from tallybrook.entrypoints.lambdas import runtime
from tallybrook.entrypoints.lambdas.bus import is_bus_event, read_bus_event
from tallybrook.entrypoints.lambdas.identity import Origin
from tallybrook.entrypoints.lambdas.kinesis import read_record
from tallybrook.entrypoints.lambdas.lake import Invocation, follow
from tallybrook.entrypoints.lambdas.messages import Item, Reading, read_message
from tallybrook.entrypoints.lambdas.records import window_state
from tallybrook.entrypoints.lambdas.storing import failures
from tallybrook.errors import RetryableError, StorageError, UsageError
from tallybrook.events.ids import content_id
from tallybrook.events.model import Event
from tallybrook.forwarding.delivering import BATCH, Outgoing, deliver
from tallybrook.forwarding.report import Report, total
from tallybrook.ports.log.consumer import Consumer
from tallybrook.wiring import open_state, read_new_events
from tallybrook.wiring.forwarding import open_forwarding, open_outgoing

SOURCE = "forward"
MARGIN_MS = 30_000
_CLOCKS = frozenset({"aws.events", "aws.scheduler"})


@runtime.metered
def handler(event: Any, context: Invocation) -> dict[str, Any]:
    """``{received, sent, kept, failed, unknown, …}``, or what has to be delivered again. Raises
    ``RetryableError`` where all of it has."""
    if not event or (isinstance(event, Mapping) and event.get("source") in _CLOCKS):
        return _follow(context)
    with _outgoing() as out:
        if isinstance(event, Mapping) and isinstance(event.get("Records"), list):
            return {**_stream(event["Records"], out), **window_state(event)}
        return _shown(_send(_items(event), out))


def _follow(context: Invocation) -> dict[str, Any]:
    """Hand over what is new in the log while there is time."""
    opened = runtime.opened()
    with _consumer() as consumer:
        entries = follow(
            consumer,
            opened.stores.reader,
            lambda: context.get_remaining_time_in_millis() > MARGIN_MS,
        )
        return {"entries": entries, "position": consumer.position()}


@contextmanager
def _consumer() -> Iterator[Consumer]:
    opened = runtime.opened()
    state = open_state(opened.settings)
    keep = opened.stores.failed.keep
    with open_forwarding(opened.settings, state, opened.stores.reader, keep, opened.clock) as found:
        if found is None:
            raise UsageError("TALLYBROOK_FORWARD_TO says nothing")
        yield found


@contextmanager
def _outgoing() -> Iterator[Outgoing]:
    opened = runtime.opened()
    state = open_state(opened.settings)
    with open_outgoing(opened.settings, state, opened.stores.failed.keep, opened.clock) as out:
        yield out


def _items(event: Any) -> list[Item]:
    reading = _reading()
    if isinstance(event, Mapping) and is_bus_event(event):
        items, objects = read_bus_event(event, reading)
        for one in objects:
            runtime.log.info("not forwarded: the object %s", one)
        return items
    body = msgspec.json.encode(event)
    return read_message(body, Origin(SOURCE, (content_id(body),), 0), reading)


def _reading() -> Reading:
    opened = runtime.opened()
    return Reading(opened.now_us(), opened.settings.keep_ip)


def _send(items: Sequence[Item], out: Outgoing) -> Report:
    """Send the events, keep what is none."""
    reports: list[Report] = []
    events = [item for item in items if isinstance(item, Event)]
    for at in range(0, len(events), BATCH):
        reports += deliver(events[at : at + BATCH], out, runtime.opened().now_us()).values()
    bad = Report()
    for item in items:
        if not isinstance(item, Event):
            out.keep_failed(item)
            bad.count("failed")
    return total([*reports, bad])


def _stream(records: Sequence[Any], out: Outgoing) -> dict[str, Any]:
    """Send records in their order, a batch at a time; where one does not go out, it and all after
    it have to come again."""
    read = [_record(record) for record in records]
    for start, end in _batches([len(items) for _, items in read]):
        try:
            _send([item for _, items in read[start:end] for item in items], out)
        except RetryableError as error:
            runtime.log.warning("not forwarded, to be delivered again: %s", error)
            if not read[start][0]:
                raise StorageError("a record without a name was not forwarded") from error
            return failures([read[start][0]])
    return failures([])


def _record(record: Any) -> tuple[str, Sequence[Item]]:
    """What a record is known by, and what it holds."""
    if isinstance(record, Mapping) and isinstance(record.get("dynamodb"), Mapping):
        events, failed = read_new_events([record], runtime.opened().now_us())
        return str(record["dynamodb"].get("SequenceNumber", "")), [*events, *failed]
    delivery = read_record(record, _reading())
    return delivery.key, delivery.items


def _batches(sizes: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Runs of records that come to a batch."""
    start = size = 0
    for index, more in enumerate(sizes):
        if index > start and size + more > BATCH:
            yield start, index
            start, size = index, 0
        size += more
    if start < len(sizes):
        yield start, len(sizes)


def _shown(report: Report) -> dict[str, Any]:
    return {name: getattr(report, name) for name in report.__struct_fields__}


runtime.prepare(runtime.opened)
