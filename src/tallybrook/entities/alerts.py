"""What is told when a rule is met. Pure."""

from typing import Any

from msgspec import Struct

from tallybrook.entities.definitions import Rule, Severity, Value
from tallybrook.entities.measuring import View
from tallybrook.entities.places import Entity
from tallybrook.entities.ruling import Edge, operand
from tallybrook.events.ids import content_id
from tallybrook.events.instants import format_instant
from tallybrook.ports.bus import SOURCE, Notice

PUBLISHER = f"{SOURCE}.entities"
"""Who alerts come from, on a bus that others publish on too."""


class Alert(Struct, frozen=True):
    """One alert. ``alert_id`` is that of the edge: the same edge always gives the same alert."""

    alert_id: str
    alert_type: str
    severity: Severity
    entity_id: str
    entity_type: str
    details: dict[str, Any]
    message: str
    timestamp: str


class Kept(Struct, frozen=True, array_like=True, omit_defaults=True):
    """An alert as it waits to be published. ``notice_id`` is that of the notice where it is not the
    alert's: of one that is told again."""

    account_id: str
    at: int
    alert: Alert
    notice_id: str = ""


def alert_of(edge: Edge, rule: Rule, view: View, entity: Entity) -> Kept:
    """The alert of an edge, with the numbers of its instant."""
    value = operand(rule, view, edge.at)
    threshold = next(one.value for one in rule.levels if one.severity == edge.severity)
    message = rule.message.format(
        entity_id=entity.entity_id, entity_type=entity.entity_type, value=shown(value),
        threshold=shown(threshold), severity=edge.severity,
    )  # fmt: skip
    details = {
        "metric": rule.metric, "value": value, "op": rule.op, "threshold": threshold,
        rule.metric: view.value(rule.metric, edge.at),
    }  # fmt: skip
    alert = Alert(
        alert_id(edge, entity), rule.name, edge.severity, entity.entity_id, entity.entity_type,
        details, message, format_instant(edge.at),
    )  # fmt: skip
    return Kept(entity.account_id, edge.at, alert)


def alert_id(edge: Edge, entity: Entity) -> str:
    parts = (edge.rule, edge.severity, str(edge.at))
    return content_id("alert", entity.account_id, entity.entity_type, entity.entity_id, *parts)


def notice_of(kept: Kept) -> Notice:
    """The alert for the bus: known by its id, chosen by its type."""
    alert = kept.alert
    data = {name: getattr(alert, name) for name in alert.__struct_fields__}
    return Notice(
        notice_id=kept.notice_id or alert.alert_id, kind=alert.alert_type,
        account_id=kept.account_id, at=kept.at, data=data,
    )  # fmt: skip


def shown(value: Value | None) -> str:
    """As a person writes it."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)
