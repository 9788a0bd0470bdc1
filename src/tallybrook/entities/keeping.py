"""Failed records of the entities. Pure: the same fault always makes the same record."""

import re

import msgspec
from msgspec import Raw

from tallybrook.accounts.keys import DEFAULT_ACCOUNT
from tallybrook.entities.reading_facts import FAILED_PREFIX, identity
from tallybrook.errors import FieldError, TallybrookError
from tallybrook.events.instants import format_instant
from tallybrook.events.model import Event
from tallybrook.ports.log import FailedRecord

SOURCE = "entities"
_ACCOUNT = re.compile(rb'"account_id":"([a-z0-9][a-z0-9_-]{0,62})"')


def failed_reading(event: Event, faults: list[FieldError]) -> FailedRecord:
    """An event with faults, as the envelope it may have come in.

    Replayed under the record's id it is the same event for the entities, so that what was right
    in it the first time does not count again.
    """
    body = {
        "event_type": event.event_type,
        "timestamp": format_instant(event.timestamp),
        "payload": event.properties if isinstance(event.properties, Raw) else None,
    }
    return FailedRecord(
        failed_id=_failed_id(event),
        account_id=event.account_id,
        source=SOURCE,
        reason=_reason(faults[0]),
        detail="; ".join(f"{fault.pointer}: {fault.detail}" for fault in faults),
        body=msgspec.json.encode(body).decode(),
        first_at=event.ingested_at,
        last_at=event.ingested_at,
    )


def faults_of(error: TallybrookError) -> list[FieldError]:
    """What an error says is wrong with an event; never nothing."""
    return [*error.errors] or [FieldError("", error.detail)]


def failed_line(seq: int, line: bytes, detail: str, ingested_at: int) -> FailedRecord:
    """A line of the log that is no event."""
    account = _ACCOUNT.search(line)
    return FailedRecord(
        failed_id=f"{FAILED_PREFIX}line{seq}",
        account_id=account[1].decode() if account else DEFAULT_ACCOUNT,
        source=SOURCE,
        reason="not_an_event",
        detail=detail,
        body=line.decode(errors="replace"),
        first_at=ingested_at,
        last_at=ingested_at,
    )


def _failed_id(event: Event) -> str:
    """A replay that fails again is another record: the one before it is settled."""
    if not event.event_id.startswith(FAILED_PREFIX):
        return FAILED_PREFIX + identity(event)
    name, _, times = event.event_id.removeprefix(FAILED_PREFIX).partition("-")
    return f"{FAILED_PREFIX}{name}-{int(times) + 1 if times.isdecimal() else 1}"


def _reason(fault: FieldError) -> str:
    known = {"/event_type": "unknown_event_type", "/payload": "no_payload"}
    return known.get(fault.pointer, "invalid_field")
