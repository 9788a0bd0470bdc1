"""The door of assessments: checked, stored whole as a raw object, queued.

What is accepted is on disk in both places before anybody is told. What is refused of a batch is
stored as an object, too: its failed record names that and holds nothing of it.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress

from msgspec import Struct

from tallybrook.assessments.anonymised import Anonymizer, Written, decoded, prepare
from tallybrook.assessments.anonymising import digest, encode
from tallybrook.assessments.flow import tasks
from tallybrook.assessments.flow.keeping import is_scored, mark_received
from tallybrook.assessments.flow.places import (
    IN_PREFIXES,
    MAX_BODY_BYTES,
    SOURCE,
    assessment_of,
    raw_key,
)
from tallybrook.assessments.flow.tasks import Task
from tallybrook.errors import ConflictError, InvalidError, TerminalError, TooLargeError
from tallybrook.events.checks import require_json
from tallybrook.failed.keeping import failed_record
from tallybrook.ports.log import FailedRecord
from tallybrook.ports.objects import Objects
from tallybrook.ports.queue import Queue


class Desk(Struct):
    """What assessments are received with and read from. ``anonymizer`` is asked anew each time:
    keys rotate."""

    queue: Queue
    anonymizer: Callable[[], Anonymizer]


class Taken(Struct):
    """An assessment that can be scored. ``known``: its content was before."""

    body: bytes
    assessment_id: str
    known: bool


class Refused(Struct):
    """One that cannot, why, and the failed record of it."""

    error: TerminalError
    record: FailedRecord


def take(body: bytes, account_id: str, using: Anonymizer) -> Taken:
    """Read one assessment. Nothing is stored but the random secret of a new person.

    Raises ``MalformedError``, ``TooLargeError`` or ``InvalidError``, which point at fields and
    quote nothing.
    """
    written = _prepared(body, account_id, using)
    name, content = written.assessment.assessment_id, digest(encode(written.assessment))
    return Taken(body, name, is_scored(using.state, account_id, name, content))


def _prepared(body: bytes, account_id: str, using: Anonymizer) -> Written:
    if len(body) > MAX_BODY_BYTES:
        raise TooLargeError(f"an assessment has at most {MAX_BODY_BYTES} bytes")
    require_json(body)
    return prepare(decoded(body), account_id, using)


def receive(taken: Sequence[Taken], account_id: str, desk: Desk, now_us: int) -> None:
    """Store and queue what was not scored before. Durable when it returns; after an error all of
    it can be received again."""
    using, fresh = desk.anonymizer(), [one for one in taken if not one.known]
    if not fresh:
        return
    keys = [_stored(using.objects, account_id, one.body) for one in fresh]
    mark_received(using.state, account_id, [one.assessment_id for one in fresh], now_us)
    queued = zip(keys, fresh, strict=True)
    desk.queue.send([tasks.encode(Task(key, one.assessment_id)) for key, one in queued])


def take_or_refuse(body: bytes, account_id: str, using: Anonymizer, now_us: int) -> Taken | Refused:
    """One of several: what cannot be used is stored as an object and refused by itself."""
    try:
        return take(body, account_id, using)
    except TerminalError as error:
        task = tasks.encode(Task(_stored(using.objects, account_id, body))).encode()
        record = failed_record(error, task, account_id=account_id, source=SOURCE, now_us=now_us)
        return Refused(error, record)


def original(record: FailedRecord, objects: Objects) -> bytes | None:
    """The raw assessment that a failed record is about; None where it is no longer there, or the
    record is about an anonymised one."""
    try:
        key = tasks.decode(record.body.encode()).object
    except InvalidError:
        return None
    return objects.get(key) if key.startswith(IN_PREFIXES) else None


def calculation(record: FailedRecord) -> str | None:
    """The assessment whose anonymised object a failed record is about; None for any other."""
    try:
        return assessment_of(tasks.decode(record.body.encode()).object)
    except InvalidError:
        return None


def calculate_again(record: FailedRecord, desk: Desk, now_us: int) -> None:
    """Queue an anonymised object anew, as ``receive``."""
    name = calculation(record)
    assert name is not None
    mark_received(desk.anonymizer().state, record.account_id, [name], now_us)
    desk.queue.send([record.body])


def _stored(objects: Objects, account_id: str, body: bytes) -> str:
    key = raw_key(account_id, body)
    with suppress(ConflictError):  # the same content is there already
        objects.put(key, body, content_type="application/json", create_only=True)
    return key
