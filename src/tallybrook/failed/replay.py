"""Replaying a failed record: through the same door it came in by, and exactly once.

What is replayed carries the failed record's id as its event id unless it names one itself, and
the record is settled in the same write. A crash before the commit leaves it open, a replay after
the commit is a duplicate: either way it counts once.
"""

import msgspec
from msgspec import Struct

from tallybrook.errors import ConflictError
from tallybrook.events.checks import require_json
from tallybrook.events.model import Event
from tallybrook.events.operations import is_operation, read_operation
from tallybrook.events.pinpoint import read_one
from tallybrook.events.reading import absent, fields_of, read_event
from tallybrook.failed.keeping import original_bytes
from tallybrook.ports.log import FailedRecord, RecordChange, Write
from tallybrook.records.reading import RecordReader

_MIXED = frozenset({"bus", "kinesis", "s3", "sqs"})
"""Sources whose records are events or envelopes, told apart by what they hold."""

PINPOINT = "pinpoint"
"""What comes before the app in the source of what was posted in Pinpoint's form."""


class Replay(Struct):
    """What a replay will write; ``event_id`` is None for a record of a table."""

    write: Write
    event_id: str | None


def plan_replay(
    record: FailedRecord,
    edited: bytes | None,
    records: RecordReader,
    now_us: int,
    *,
    keep_ip: bool = False,
) -> Replay:
    """The write that replays ``record``, with ``edited`` in place of its bytes if given.

    Raises ``ConflictError`` when it was replayed or discarded, and whatever reading the bytes
    raises while they are still wrong.
    """
    if record.status != "open":
        raise ConflictError(f"the failed record was {record.status} already")
    body = original_bytes(record) if edited is None else edited
    settle = {record.failed_id: "replayed"}
    if record.source.startswith("records/"):
        change = _change(record, body, records)
        return Replay(Write(records=[change], settle=settle), None)  # type: ignore[arg-type]
    event = _event(record, body, now_us, keep_ip)
    return Replay(Write(events=[event], settle=settle), event.event_id)  # type: ignore[arg-type]


def _event(record: FailedRecord, body: bytes, now_us: int, keep_ip: bool) -> Event:
    if record.source == "entities":
        event = read_operation(body, record.account_id, now_us)
        event.event_id = record.failed_id  # the log knows the event that failed by its own already
        return event
    door, _, app = record.source.partition(":")
    if door == PINPOINT:
        return read_one(body, app, record.account_id, now_us)  # named by what it is
    mixed = door in _MIXED and is_operation(fields_of(body))
    if record.source == "ingest" or mixed:
        return read_operation(body, record.account_id, now_us)  # what it tells is its identity
    event = read_event(body, record.account_id, now_us, keep_ip=keep_ip)
    if not _names_itself(body):
        event.event_id = record.failed_id
    return event


def _names_itself(body: bytes) -> bool:
    fields = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    given = (fields.get(name) for name in ("event_id", "messageId", "id"))
    return any(raw is not None and not absent(raw) for raw in given)


def _change(record: FailedRecord, body: bytes, records: RecordReader) -> RecordChange:
    require_json(body)  # one document: what is put into the batch below stays one item of it
    record_type = record.source.removeprefix("records/")
    batch = b'{"records":[' + body + b"]}"
    (change,) = records.batch(record.account_id, record_type, batch)
    if isinstance(change, RecordChange):
        return change
    raise change.error
