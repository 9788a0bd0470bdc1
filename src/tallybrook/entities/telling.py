"""What subscribers of the live topics ``entities`` and ``alerts`` are told."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from tallybrook.entities.alerts import Alert, Kept
from tallybrook.entities.catalog import Catalog
from tallybrook.entities.reading_alerts import ShownAlert, alerts, with_state
from tallybrook.events.instants import format_instant
from tallybrook.ports.bus import Notice
from tallybrook.ports.state import State

if TYPE_CHECKING:
    from tallybrook.entities.refreshing import Touched

NEWEST = 50


class AlertsTold(Struct):
    """Alerts as ``GET /alerts`` shows them: the newest in a snapshot, newest first; in a delta
    those that were made meanwhile, which may be of any instant."""

    as_of: str
    alerts: list[ShownAlert]


class EntitiesTold(Struct):
    """The types of which something was told: what is shown of them is to be read again."""

    as_of: str
    types: list[str]


def newest_alerts(state: State, catalog: Catalog, account_id: str, now_us: int) -> AlertsTold:
    """The snapshot of ``alerts``."""
    found, _ = alerts(state, account_id, None, None, now_us, NEWEST, None)
    return AlertsTold(format_instant(now_us), with_state(state, catalog, found, now_us))


def new_alerts(
    state: State, catalog: Catalog, notices: Iterable[Notice], now_us: int
) -> dict[str, AlertsTold]:
    """The deltas of ``alerts``, by account: what was published, but for notices of other kinds."""
    kept: dict[str, list[Kept]] = {}
    for notice in notices:
        # Of a rule, or of another part that lists its alerts here, such as drift.
        if notice.data.get("alert_type") == notice.kind:
            alert = msgspec.convert(notice.data, Alert)
            kept.setdefault(notice.account_id, []).append(Kept(notice.account_id, notice.at, alert))
    as_of = format_instant(now_us)
    return {
        account_id: AlertsTold(as_of, with_state(state, catalog, found, now_us))
        for account_id, found in kept.items()
    }


def every_type(catalog: Catalog, now_us: int) -> EntitiesTold:
    """The snapshot of ``entities``."""
    return EntitiesTold(format_instant(now_us), list(catalog.types))


def changed_types(touched: "Sequence[Touched]", now_us: int) -> dict[str, EntitiesTold]:
    """The deltas of ``entities``, by account."""
    types: dict[str, set[str]] = {}
    for one in touched:
        types.setdefault(one.entity.account_id, set()).add(one.entity.entity_type)
    as_of = format_instant(now_us)
    return {account: EntitiesTold(as_of, sorted(found)) for account, found in types.items()}
