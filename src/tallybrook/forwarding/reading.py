"""What an account is told of forwarding. Pure."""

from msgspec import Struct

from tallybrook.events.instants import format_instant
from tallybrook.forwarding.report import Mark, Report


class Forwarding(Struct):
    """``to`` is null while forwarding is off. ``received = sent + kept + failed``, of the account's
    own events; ``unknown`` of them are of types that the table does not list, ``cut`` lost
    something to Pinpoint's limits. ``position`` is the log's number of the last one looked at."""

    to: str | None
    position: int
    updated_at: str | None
    received: int
    sent: int
    kept: int
    failed: int
    unknown: int
    cut: int
    unknown_types: dict[str, int]


def shown(target: str | None, mark: Mark | None, account_id: str) -> Forwarding:
    """What there is to tell; zeros where nothing was forwarded yet."""
    found = mark or Mark()
    report = found.accounts.get(account_id, Report())
    return Forwarding(
        to=target,
        position=found.position,
        updated_at=format_instant(found.updated_at) if found.updated_at else None,
        received=report.received,
        sent=report.sent,
        kept=report.kept,
        failed=report.failed,
        unknown=report.unknown,
        cut=report.cut,
        unknown_types=report.unknown_types,
    )
