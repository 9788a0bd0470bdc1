"""Alerts that the webhook did not take, told once more."""

import msgspec

from tallybrook.entities.alerts import Alert, Kept
from tallybrook.entities.places import OUTBOX
from tallybrook.errors import ConflictError, InvalidError
from tallybrook.events.ids import content_id
from tallybrook.failed.keeping import original_bytes
from tallybrook.ports.log import FailedRecord
from tallybrook.ports.state import State

SOURCE = "alerts/webhook"
"""Of failed records that are such alerts."""


def tell_again(state: State, record: FailedRecord, edited: bytes | None) -> str:
    """Let the alert of a failed record wait for the bus again, under a notice of its own: the bus
    knows the first one. The alert's id, which stays as it was; the record has to be settled then.

    Raises ``ConflictError`` when it was settled already, ``InvalidError`` while it is no alert.
    """
    if record.status != "open":
        raise ConflictError(f"the failed record was {record.status} already")
    try:
        alert = msgspec.json.decode(
            original_bytes(record) if edited is None else edited, type=Alert
        )
    except msgspec.DecodeError as error:
        raise InvalidError.of("", f"is no alert: {error}") from None
    notice_id = content_id("again", record.failed_id)
    kept = Kept(record.account_id, record.first_at, alert, notice_id)
    state.put(OUTBOX, notice_id, msgspec.msgpack.encode(kept))
    return alert.alert_id
