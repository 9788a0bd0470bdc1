"""The account that the product is deployed in, looked at from outside: for ``tallybrook doctor``.

Guarantees: every call only reads. Answers are of the moment and may be seconds old. What does not
exist is None, an empty list or a state without a status, never an error. ``StorageError`` when the
service cannot be reached or throttles, ``TallybrookError`` when it refuses (no permission, no
credentials, no region); the text says which call it was. There is no local backend: on one
machine there is no account.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

from msgspec import Struct


class Identity(Struct, frozen=True):
    """Who we are to the account, and where. ``skew_s`` is our clock less the service's."""

    account_id: str
    arn: str
    region: str
    skew_s: float


class Deployment(Struct, frozen=True):
    """The stack as deployed. ``settled`` when its last change succeeded, ``busy`` during one."""

    status: str
    settled: bool
    busy: bool
    outputs: Mapping[str, str]


class TableState(Struct, frozen=True):
    """A table that the product uses: as it should be and as it is; ``status`` None: missing."""

    name: str
    status: str | None
    stream_wanted: str | None = None
    stream: str | None = None
    ttl_wanted: str | None = None
    ttl: str | None = None


class QueueState(Struct, frozen=True):
    """A queue of the stack; None: missing. Counts are approximate."""

    name: str
    waiting: int | None
    in_flight: int | None


class MappingState(Struct, frozen=True):
    """What makes a function run when a stream or queue has something."""

    uuid: str
    source: str
    state: str
    last_result: str


class FunctionState(Struct, frozen=True):
    """A function of the stack. ``last_update`` is Successful, InProgress or Failed."""

    name: str
    state: str
    last_update: str
    reason: str
    mappings: Sequence[MappingState]


class Concurrency(Struct, frozen=True):
    """How many functions the account may run at once, and how many are left for those without a
    reservation of their own."""

    limit: int
    unreserved: int


class Account(Protocol):
    """One stack in one account and region."""

    def identity(self) -> Identity:
        """Who asks."""

    def deployment(self) -> Deployment | None:
        """The stack, or None."""

    def tables(self) -> list[TableState]:
        """Every table the product uses, by name."""

    def queues(self) -> list[QueueState]:
        """The intake queue, its dead letters, and calls that could not be delivered."""

    def functions(self) -> list[FunctionState]:
        """The functions that the stack made, by name."""

    def concurrency(self) -> Concurrency:
        """The account's limit."""
