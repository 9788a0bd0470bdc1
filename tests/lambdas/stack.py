"""What a test asks of a stack: what is stored in it, and how to make it refuse."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
import pytest

from tallybrook.entrypoints.lambdas import runtime
from tallybrook.errors import StorageError, TallybrookError
from tallybrook.events.model import Event
from tallybrook.ports.aws.clients import client
from tallybrook.ports.aws.dynamo import pages
from tallybrook.ports.aws.tables import EVENTS, physical
from tallybrook.ports.log import FailedRecord, Log, Receipt, Write
from tallybrook.ports.log.aws.rows import stored_event

ADMIN_KEY = "the-first-key-of-the-stack"


class Stack(msgspec.Struct):
    """A stack by its name."""

    name: str

    def events(self) -> dict[str, Event]:
        """Every stored event by its id."""
        dynamo = client("dynamodb")
        rows = pages(dynamo, "scan", TableName=physical(self.name, EVENTS), ConsistentRead=True)
        return {event.event_id: event for event in map(stored_event, rows)}

    def failed(self, account_id: str = "default") -> dict[str, FailedRecord]:
        """Every failed record of an account by its id."""
        stores = runtime.opened().stores
        found = stores.failed.page(account_id, None, 1000, None)
        return {record.failed_id: record for record in found}


class Refusing:
    """A log that takes ``writes`` writes, and then refuses."""

    def __init__(self, log: Log, writes: int, error: TallybrookError) -> None:
        self._log, self._left, self._error = log, writes, error

    def write(self, write: Write, timeout_s: float = 30.0) -> Receipt:
        if self._left == 0:
            raise self._error
        self._left -= 1
        return self._log.write(write, timeout_s)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._log, name)


@contextmanager
def refusing(after_writes: int = 0, error: TallybrookError | None = None) -> Iterator[None]:
    """The log of this process refuses, after a number of writes."""
    opened = runtime.opened()
    log: Any = Refusing(opened.log, after_writes, error or StorageError("on purpose"))
    broken = msgspec.structs.replace(opened, log=log)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runtime, "opened", lambda: broken)
        yield
