"""Failed records of forwarding. Pure: the same event always makes the same record."""

import re

import msgspec

from tallybrook.accounts.keys import DEFAULT_ACCOUNT
from tallybrook.events.model import Event
from tallybrook.forwarding.again import SOURCE
from tallybrook.forwarding.pinpoint import event_key
from tallybrook.ports.log import FailedRecord

PREFIX = "forward-"
_ACCOUNT = re.compile(rb'"account_id":"([a-z0-9][a-z0-9_-]{0,62})"')


def failed_event(
    event: Event, reason: str, detail: str, now_us: int, was: str | None = None
) -> FailedRecord:
    """An event that could not be delivered, whole. ``was`` is the failed record that it was sent
    again from: that one is settled, so this is another."""
    return FailedRecord(
        failed_id=_next(was) if was else PREFIX + event_key(event.account_id, event.event_id),
        account_id=event.account_id,
        source=SOURCE,
        reason=reason,
        detail=detail,
        body=msgspec.json.encode(event).decode(),
        first_at=now_us,
        last_at=now_us,
    )


def failed_line(seq: int, body: bytes, detail: str, now_us: int) -> FailedRecord:
    """A line of the log that is no event."""
    return FailedRecord(
        failed_id=f"{PREFIX}line{seq}",
        account_id=account_of(body),
        source=SOURCE,
        reason="not_an_event",
        detail=detail,
        body=body.decode(errors="replace"),
        first_at=now_us,
        last_at=now_us,
    )


def account_of(body: bytes) -> str:
    """The account that a line names, the default one where it names none."""
    found = _ACCOUNT.search(body)
    return found[1].decode() if found else DEFAULT_ACCOUNT


def _next(failed_id: str) -> str:
    name, _, times = failed_id.removeprefix(PREFIX).partition("-")
    return f"{PREFIX}{name}-{int(times) + 1 if times.isdecimal() else 1}"
