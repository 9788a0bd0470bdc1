"""Replaying a failed record: what it becomes and its settling are one transaction.

Of any number of instances that replay the same record, under whichever ids, one has stored
something; the others get a ``ConflictError``.
"""

from typing import Any, NamedTuple

from tallybrook.errors import ConflictError
from tallybrook.ports.aws.dynamo import Item
from tallybrook.ports.aws.transactions import UnmetError, transact
from tallybrook.ports.failed.aws import DynamoFailedRecords
from tallybrook.ports.log import EFFECTIVE, FailedStatus, RecordChange, RecordOutcome
from tallybrook.ports.log.aws.inserting import insertion, is_duplicate
from tallybrook.ports.log.aws.records import apply_change


class Settling(NamedTuple):
    """An open failed record and what becomes of it."""

    store: DynamoFailedRecords
    failed_id: str
    status: FailedStatus
    now_us: int

    def action(self) -> dict[str, Any]:
        """The action of a transaction."""
        return self.store.settling(self.failed_id, self.status, self.now_us)

    def alone(self) -> None:
        """Settle it where there is nothing else to store. Raises ``ConflictError``."""
        self.store.settle({self.failed_id: self.status}, self.now_us, only_open=True)


def replay_event(dynamo: Any, table: str, item: Item, settling: Settling) -> bool:
    """Store an event and settle; tells whether another write had stored the event before, which
    settles all the same. Raises ``ConflictError`` when the failed record is not open."""
    actions = [{"Put": insertion(table, item)}, settling.action()]
    try:
        transact(dynamo, actions, "replay an event")
    except UnmetError as unmet:
        if 0 not in unmet.items:
            raise _conflict() from unmet
        if not is_duplicate(unmet.items[0], item):
            return False  # an earlier try of this very transaction, which was done as a whole
        settling.alone()
        return True
    return False


def replay_change(
    dynamo: Any, table: str, change: RecordChange, item: Item, settling: Settling
) -> RecordOutcome:
    """Bring a record to its new image and settle; what changes nothing settles all the same.
    Raises ``ConflictError`` when the failed record is not open."""
    try:
        outcome = apply_change(dynamo, table, change, item, beside=[settling.action()])
    except UnmetError as unmet:
        raise _conflict() from unmet
    if outcome not in EFFECTIVE:
        settling.alone()
    return outcome


def _conflict() -> ConflictError:
    return ConflictError("the failed record was replayed or discarded already")
