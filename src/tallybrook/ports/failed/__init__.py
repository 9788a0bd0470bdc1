"""Failed records: reading them, and keeping and settling them from outside the log's own process.

The collecting path keeps and settles them through ``ports.log.Write``. Guarantees: ``keep`` is
durable when it returns and keeps a ``failed_id`` once; ``get`` sees every acknowledged change;
lists are newest first.
"""

from collections.abc import Mapping
from typing import Protocol

from tallybrook.ports.log import FailedRecord, FailedStatus


class FailedRecords(Protocol):
    def page(
        self, account_id: str, status: FailedStatus | None, limit: int, before: str | None
    ) -> list[FailedRecord]:
        """Up to ``limit`` of an account, newest id first, ids below ``before``."""

    def get(self, account_id: str, failed_id: str) -> FailedRecord | None:
        """One of an account, or None."""

    def counts(self) -> dict[tuple[str, FailedStatus], int]:
        """How many there are by account and status."""

    def keep(self, record: FailedRecord) -> None:
        """Store one; if its id is there already, count another try."""

    def settle(
        self, changes: Mapping[str, FailedStatus], now_us: int, *, only_open: bool = False
    ) -> None:
        """Move records to a status, by id; ids that are not there are passed over.

        With ``only_open`` (at most 100) all of them are moved or none: ``ConflictError`` unless
        every one is there and open. Of several who settle the same record so, one succeeds.
        """
