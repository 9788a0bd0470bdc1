"""What one client sent and what it was told: the other side of the count."""

from dataclasses import dataclass, field
from typing import Any

Record = tuple[str, str]
"""(record type, record id)"""


@dataclass
class Ledger:
    """``events`` holds acknowledged events by id, as they were sent; ``records`` the body of each
    record after its last acknowledged operation, None when that was a delete. ``attempted`` are
    all ids that were ever on the wire. ``faults`` are replies that must not be given.
    """

    events: dict[str, dict[str, Any]] = field(default_factory=dict)
    records: dict[Record, dict[str, Any] | None] = field(default_factory=dict)
    attempted: set[str] = field(default_factory=set)
    faults: list[str] = field(default_factory=list)
    acknowledged: int = 0
    retries: int = 0

    def answered(self, event: dict[str, Any], status: object, *, sent_once: bool) -> None:
        """One event was answered. ``sent_once``: no other request can have brought it before."""
        known = event["event_id"] in self.events
        allowed = {"duplicate"} if known else {"accepted"} if sent_once else _EITHER
        if status not in allowed:
            self.faults.append(f"{event['event_id']}: {status}, expected {sorted(allowed)}")
        self.events.setdefault(event["event_id"], event)
        self.acknowledged += 1

    def settled(
        self, record: Record, body: dict[str, Any] | None, status: object, *, sent_once: bool
    ) -> None:
        """One record operation was answered; ``body`` is None for a delete.

        ``status`` None: the answer of a repeated batch, which runs through its states again.
        """
        before = self.records.get(record)
        if body is None:
            due = "deleted" if before is not None else "absent"
        else:
            due = "created" if before is None else "unchanged" if before == body else "updated"
        again = "absent" if body is None else "unchanged"
        if status not in (None, due) and (sent_once or status != again):
            self.faults.append(f"{record}: {status}, expected {due}")
        self.records[record] = body
        self.acknowledged += 1


_EITHER = {"accepted", "duplicate"}


def merged(ledgers: list[Ledger]) -> Ledger:
    """All clients' ledgers as one; their ids are disjoint."""
    whole = Ledger()
    for ledger in ledgers:
        whole.events.update(ledger.events)
        whole.records.update(ledger.records)
        whole.attempted |= ledger.attempted
        whole.faults += ledger.faults
        whole.acknowledged += ledger.acknowledged
        whole.retries += ledger.retries
    return whole
