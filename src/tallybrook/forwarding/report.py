"""What forwarding has come to, by account. Pure.

``received = sent + kept + failed`` at every instant: sent to the target; kept in the log alone,
being of a type that the table does not list and is told to keep; failed records. ``unknown`` says
how many of those received were of a type that is not listed, whichever became of them.
"""

from collections.abc import Iterable, Mapping
from typing import Literal

import msgspec
from msgspec import Struct

MAX_ACCOUNTS = 1000
OTHERS = ""
"""Accounts past the thousandth are counted together."""

MAX_TYPES = 20
OTHER_TYPES = "(others)"

Outcome = Literal["sent", "kept", "failed"]


class Report(Struct, array_like=True):
    """``cut`` counts events of which something was left out for the limits' sake;
    ``unknown_types`` counts by type, the first twenty by name."""

    received: int = 0
    sent: int = 0
    kept: int = 0
    failed: int = 0
    unknown: int = 0
    cut: int = 0
    unknown_types: dict[str, int] = {}

    def count(
        self, outcome: Outcome, unknown_type: str | None = None, *, cut: bool = False
    ) -> None:
        """Add one event; ``unknown_type`` names its type where that is not listed."""
        self.received += 1
        setattr(self, outcome, getattr(self, outcome) + 1)
        self.cut += cut
        if unknown_type is not None:
            self.unknown += 1
            _add_type(self.unknown_types, unknown_type, 1)

    def add(self, other: "Report") -> None:
        """Add another report to this one."""
        for name in ("received", "sent", "kept", "failed", "unknown", "cut"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for event_type, count in other.unknown_types.items():
            _add_type(self.unknown_types, event_type, count)


class Mark(Struct, array_like=True):
    """How far the log was forwarded, and what came of it. ``again`` names what was sent again last,
    so that it is not sent a third time when the mark was all that was stored of it."""

    position: int = 0
    updated_at: int = 0
    accounts: dict[str, Report] = {}
    again: list[str] = []


_mark_decoder = msgspec.msgpack.Decoder(Mark)


def encode(mark: Mark) -> bytes:
    return msgspec.msgpack.encode(mark)


def decode(mark: bytes | None) -> Mark | None:
    """The mark in these bytes; a new copy, to be changed at will."""
    return None if mark is None else _mark_decoder.decode(mark)


def advanced(
    mark: Mark, reports: Mapping[str, Report], position: int, now_us: int, again: Iterable[str] = ()
) -> Mark:
    """The mark after a batch; the one before it stays as it is."""
    after = _mark_decoder.decode(msgspec.msgpack.encode(mark))
    for account_id, report in reports.items():
        full = account_id not in after.accounts and len(after.accounts) >= MAX_ACCOUNTS
        after.accounts.setdefault(OTHERS if full else account_id, Report()).add(report)
    after.position, after.updated_at, after.again = position, now_us, list(again)
    return after


def total(reports: Iterable[Report]) -> Report:
    """Reports added up."""
    added = Report()
    for report in reports:
        added.add(report)
    return added


def _add_type(types: dict[str, int], event_type: str, count: int) -> None:
    full = event_type not in types and len(types) >= MAX_TYPES
    name = OTHER_TYPES if full else event_type
    types[name] = types.get(name, 0) + count
