"""Failed records as they are given back, over HTTP and in live updates. Pure."""

from typing import Literal

from msgspec import Struct

from tallybrook.events.instants import format_instant
from tallybrook.ports.log import FailedRecord, FailedStatus


class ShownFailure(Struct):
    """A failed record; ``body`` is the original text, base64 where ``encoding`` says so."""

    failed_id: str
    account_id: str
    source: str
    reason: str
    detail: str
    body: str
    encoding: Literal["utf-8", "base64"]
    tries: int
    status: FailedStatus
    first_at: str
    last_at: str


def shown(record: FailedRecord) -> ShownFailure:
    """The form of a failed record that is given back."""
    return ShownFailure(
        record.failed_id, record.account_id, record.source, record.reason, record.detail,
        record.body, record.encoding, record.tries, record.status,
        format_instant(record.first_at), format_instant(record.last_at),
    )  # fmt: skip
