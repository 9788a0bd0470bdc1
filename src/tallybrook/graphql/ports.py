"""What resolvers are given, and what they may say went wrong."""

from collections.abc import Callable, Mapping
from typing import Any, Literal, Protocol

from msgspec import Struct

from tallybrook.errors import ConflictError, ForbiddenError
from tallybrook.ports.clock import Clock
from tallybrook.ports.log import Receipt, Write
from tallybrook.ports.metrics import MetricSink
from tallybrook.ports.records import RecordShelf
from tallybrook.records.reading import RecordReader

Args = Mapping[str, Any]
Operation = Literal["Query", "Mutation"]


class Writer(Protocol):
    """The part of the log that records are written through."""

    def write(self, write: Write) -> Receipt: ...


class Ports(Struct):
    """The backends behind the schema. ``types`` of ``records`` are those it is made for."""

    shelf: RecordShelf
    sink: MetricSink
    log: Writer
    records: RecordReader
    clock: Clock


Resolver = Callable[[Ports, str, Args], Any]
"""Called with the ports, the caller's account and the field's arguments; blocks."""


class ConditionError(ConflictError):
    """The condition of a mutation was not met: what is stored is newer."""

    slug, title = "conditional-check-failed", "The conditional request failed"


def require_account(given: str | None, account_id: str) -> None:
    """Raise ``ForbiddenError`` when an argument names an account that is not the caller's."""
    if given is not None and given != account_id:
        raise ForbiddenError("accountId is not the account of the key")
