"""Reading alerts as they are at an instant."""

from collections.abc import Iterator
from typing import Literal

from msgspec.structs import asdict

from tallybrook.entities.alerts import Alert, Kept
from tallybrook.entities.catalog import Catalog
from tallybrook.entities.measuring import View
from tallybrook.entities.places import Entity, alerts_partition, newest_first
from tallybrook.entities.raising import is_active
from tallybrook.entities.ruling import episodes
from tallybrook.entities.sending import decode_kept
from tallybrook.entities.summary import decode_summary, facts_of, stored_facts
from tallybrook.ports.state import State

_PAGE = 1000


class ShownAlert(Alert, frozen=True):
    """An alert. ``active``: at the instant asked of, the rule has held ever since."""

    state: Literal["active", "over"]


def alerts(
    state: State, account_id: str, severity: str | None, since: int | None, as_of: int,
    limit: int, after: str | None,
) -> tuple[list[Kept], str | None]:  # fmt: skip
    """Alerts up to ``as_of``, newest first, and after which key to go on (None: there are no
    more)."""
    found: list[Kept] = []
    last = after or newest_first(as_of)
    for key, kept in _alerts(state, account_id, last):
        if since is not None and kept.at < since:
            break
        if len(found) == limit:
            return found, last
        if severity is None or kept.alert.severity == severity:
            found.append(kept)
            last = key
    return found, None


def with_state(state: State, catalog: Catalog, found: list[Kept], as_of: int) -> list[ShownAlert]:
    """Alerts with what has become of them at an instant."""
    shown: list[ShownAlert] = []
    for kept in found:
        holds = _still_holds(state, catalog, kept, as_of)
        shown.append(ShownAlert(**asdict(kept.alert), state="active" if holds else "over"))
    return shown


def _still_holds(state: State, catalog: Catalog, kept: Kept, as_of: int) -> bool:
    alert = kept.alert
    rules = [r for r in catalog.rules.get(alert.entity_type, []) if r.name == alert.alert_type]
    if not rules:
        return is_active(state, kept, as_of)
    entity = Entity(kept.account_id, alert.entity_type, alert.entity_id)
    held = state.get(entity.list, entity.entity_id)
    summary = decode_summary(held.value) if held else None
    if summary and summary.made_of == catalog.fingerprint and summary.covers(as_of):
        return summary.holds.get(alert.alert_type, as_of + 1) <= kept.at
    view = View(catalog.types[alert.entity_type], facts_of(stored_facts(state, entity)))
    found = episodes(rules[0], view, kept.at - 1, as_of)
    return bool(found) and found[-1].end is None and found[-1].start <= kept.at


def _alerts(state: State, account_id: str, after: str) -> Iterator[tuple[str, Kept]]:
    while True:
        found = state.query(alerts_partition(account_id), after=after, limit=_PAGE)
        yield from ((item.key, decode_kept(item.value)) for item in found)
        if len(found) < _PAGE:
            return
        after = found[-1].key
