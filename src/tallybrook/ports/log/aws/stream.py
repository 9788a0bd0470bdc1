"""Records of the events table's stream, as a Lambda function or GetRecords gives them. Pure."""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import msgspec

from tallybrook.errors import MalformedError
from tallybrook.events.ids import stable_id
from tallybrook.events.model import Event
from tallybrook.ports.log import FailedRecord
from tallybrook.ports.log.aws.rows import stored_event

StreamRecord = Mapping[str, Any]
MARK_BYTES = 16
_DEFAULT_ACCOUNT = "default"
_KEPT_CHARACTERS = 256 * 1024


class Arrival(NamedTuple):
    """A new event as the stream tells of it. ``mark`` names the stream record."""

    mark: bytes
    event: Event
    line: bytes


def arrivals(
    records: Iterable[StreamRecord], now_us: int
) -> tuple[list[Arrival], list[FailedRecord]]:
    """The new events in their order, and what is none. Rows that changed or went are left out:
    an event is numbered once, when it comes.

    What is left out depends on the record alone, so that the same records give the same list.
    """
    found: list[Arrival] = []
    failed: list[FailedRecord] = []
    for record in records:
        if record["eventName"] != "INSERT":
            continue
        image = record["dynamodb"].get("NewImage", {})
        try:
            event = stored_event(image)
        except (msgspec.MsgspecError, LookupError, AttributeError, TypeError, ValueError) as error:
            failed.append(_failed(record, error, now_us))
            continue
        found.append(Arrival(mark_of(record), event, image["line"]["S"].encode()))
    return found, failed


def mark_of(record: StreamRecord) -> bytes:
    """A short name of a stream record, the same whenever it is delivered."""
    return hashlib.blake2b(record["eventID"].encode(), digest_size=MARK_BYTES).digest()


def _created_us(record: StreamRecord) -> int:
    """When the row was written, the same at every delivery: a number of seconds in a function's
    event, a datetime from the SDK."""
    created = record["dynamodb"].get("ApproximateCreationDateTime", 0)
    seconds = created.timestamp() if hasattr(created, "timestamp") else float(created)
    return int(seconds) * 1_000_000


def _failed(record: StreamRecord, error: Exception, now_us: int) -> FailedRecord:
    key = record["dynamodb"].get("Keys", {}).get("pk", {}).get("S", "")
    account, separator, _ = key.partition("#")
    return FailedRecord(
        failed_id=stable_id(_created_us(record), "sequence", record["eventID"]),
        account_id=account if separator and account else _DEFAULT_ACCOUNT,
        source="sequence",
        reason=MalformedError.slug,
        detail=f"a row of the events table is not an event: {error!r}",
        body=repr(dict(record["dynamodb"]))[:_KEPT_CHARACTERS],
        first_at=now_us,
        last_at=now_us,
    )
