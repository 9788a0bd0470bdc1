"""Failed records of forwarding that are sent again: from whoever asks for it to the sender.

Their events are in the log already, so they do not go through its door again: they wait in the
state, and the sender takes them from there. At least once, under the id that they always had.
"""

from typing import Any

import msgspec

from tallybrook.errors import ConflictError, InvalidError, MalformedError
from tallybrook.events.model import Event
from tallybrook.failed.keeping import original_bytes
from tallybrook.ports.log import FailedRecord
from tallybrook.ports.state import Delete, State

SOURCE = "forwarding"
"""Where failed records of forwarding say they come from."""

PARTITION = "forwarding/again"
_decoder = msgspec.json.Decoder(Event)


class Waiting(msgspec.Struct):
    """An event that waits, and the failed record it is of."""

    failed_id: str
    event: Event


def put(state: State, record: FailedRecord, edited: bytes | None) -> Event:
    """Have a failed record sent again, with ``edited`` in place of its bytes if given; it waits,
    durably, when this returns, and the record has to be settled then.

    Raises ``ConflictError`` when it was settled already, ``MalformedError`` or ``InvalidError``
    while its bytes are no event.
    """
    if record.status != "open":
        raise ConflictError(f"the failed record was {record.status} already")
    event = read(original_bytes(record) if edited is None else edited)
    event.account_id = record.account_id
    state.put(PARTITION, record.failed_id, msgspec.json.encode(event))
    return event


def read(body: bytes) -> Event:
    """An event as a line of the log has it. Raises as ``put``."""
    try:
        return _decoder.decode(body)
    except msgspec.ValidationError as error:
        raise InvalidError.of("", f"is not an event of the log: {error}") from None
    except (msgspec.DecodeError, RecursionError, ValueError) as error:
        raise MalformedError(f"the body is not JSON: {error}") from None


def waiting(state: State, limit: int) -> list[Waiting]:
    """What waits, the oldest ids first."""
    found = state.query(PARTITION, limit=limit)
    return [Waiting(one.key, _decoder.decode(one.value)) for one in found]


def done(state: State, failed_ids: list[str]) -> None:
    """These wait no longer."""
    changes: list[Any] = [Delete(PARTITION, name) for name in failed_ids]
    state.write(changes)
