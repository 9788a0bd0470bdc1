"""Failed records as they are given back, over HTTP and in live updates. Pure."""

from typing import Literal

from msgspec import Struct

from tallybrook.events.instants import format_instant
from tallybrook.ports.log import FailedRecord, FailedStatus

PERSONAL = frozenset({"assessments"})
"""Sources whose records are about a person: what failed is shown to who may replay it."""

WITHHELD = '{"withheld": "what failed is personal: it takes the scope admin to see it"}'


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


def shown(record: FailedRecord, original: str | None = None) -> ShownFailure:
    """The form of a failed record that is given back; ``original`` is what failed, where it lies
    elsewhere and the reader may see it."""
    body = WITHHELD if record.source in PERSONAL else record.body
    return ShownFailure(
        record.failed_id, record.account_id, record.source, record.reason, record.detail,
        body if original is None else original, record.encoding, record.tries, record.status,
        format_instant(record.first_at), format_instant(record.last_at),
    )  # fmt: skip
