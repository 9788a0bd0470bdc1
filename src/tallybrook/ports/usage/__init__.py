"""Usage: how much of what was used, by day, account and function.

A quantity is of a meter of the price table (``lambda.request``), or a fact that costs nothing by
itself and explains the rest (``fact.duration_ms``). Who writes adds up beforehand: a row a minute
and not one a call.

Guarantees of every backend
---------------------------
* **Durable before told.** When ``add`` returns, its rows are stored; when it raises, any number of
  them may be, unless they have a ``batch_id``.
* **Sums.** Quantities of one key add up, whoever adds them, in any order.
* **Once.** Rows that are added under a ``batch_id`` are added together and once, however often the
  same call is made. The id is remembered as long as the rows of its day are.
* **Order.** ``between`` gives rows in the order of day, account, function, meter.
* **Absence.** What was never added is not there; a quantity of 0 is not stored.
"""

from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct

FACT = "fact."
"""How the names of meters begin that have no price."""

SHARED = "-"
"""The account of what cannot be told apart by account: it belongs to whoever runs the product."""

MAX_BATCH = 90
"""Rows under one ``batch_id``: they are one transaction."""


class Usage(Struct, frozen=True):
    """So much of a meter. ``day`` is a UTC date, ``2026-01-31``; ``function`` is the part of the
    product that used it (its function on AWS)."""

    day: str
    account_id: str
    function: str
    meter: str
    quantity: float


class Stored(Struct, frozen=True, kw_only=True):
    """What is kept at a moment, in bytes: tables with their indexes, tables that are backed up
    continuously, objects, and objects that are seldom read."""

    table_bytes: int
    backed_up_bytes: int
    object_bytes: int
    seldom_bytes: int


class UsageStore(Protocol):
    """Safe for threads, and for any number of processes."""

    def add(self, rows: Sequence[Usage], batch_id: str | None = None) -> bool:
        """Add to what is stored. False when this batch was added before. ``InvalidError`` for
        more than ``MAX_BATCH`` rows under one id, ``StorageError``."""

    def between(self, first_day: str, last_day: str, account_id: str | None = None) -> list[Usage]:
        """The rows of these days, both included; of all accounts without ``account_id``."""

    def forget(self, before_day: str) -> int:
        """Delete the rows of earlier days; how many went, at least where the backend counts."""

    def close(self) -> None:
        """Free what it holds."""


class LogUsage(UsageStore, Protocol):
    """A store that a reader of the log keeps its position in, together with what it derived."""

    def position(self, name: str) -> int:
        """How far the reader has come, 0 at the start."""

    def advance(self, name: str, seq: int, rows: Sequence[Usage]) -> None:
        """Add rows and move the reader's position, both or neither."""
