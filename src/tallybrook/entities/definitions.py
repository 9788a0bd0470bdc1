"""Which entities there are, what is measured of them, and when to alert: all of it data. Pure."""

from functools import cached_property
from string import Formatter
from typing import Literal

from msgspec import Struct

from tallybrook.errors import TallybrookError

Severity = Literal["info", "warning", "critical"]
SEVERITIES: tuple[Severity, ...] = ("info", "warning", "critical")
Value = int | float | bool | str

MIN_REMEMBER_DAYS = 38
"""31 days, and the seven that a stream keeps what it delivers again."""

_NAMES = frozenset({"entity_id", "entity_type", "value", "threshold", "severity"})


class DefinitionError(TallybrookError):
    """``path`` says where: keys and, in lists, indices."""

    def __init__(self, path: tuple[str | int, ...], detail: str) -> None:
        super().__init__(detail)
        self.path = path


class Field(Struct, frozen=True, forbid_unknown_fields=True):
    """A value of the payload that is kept. ``nullable``: null counts as left out, else it is a
    fault. Bounds are inclusive and go for numbers."""

    name: str
    type: Literal["number", "boolean", "text"] = "number"
    min: float | None = None
    max: float | None = None
    nullable: bool = False


class Family(Struct, frozen=True, forbid_unknown_fields=True):
    """One kind of fact. Facts are told apart by ``key`` (names of payload keys), or by the event's
    identity where it is empty or not all there; a keyed fact's time is the earliest known.

    ``keep``: ``window`` forgets after ``remember_days``, ``newest`` never forgets the newest.
    """

    name: str
    events: tuple[str, ...]
    key: tuple[str, ...] = ()
    fields: tuple[Field, ...] = ()
    keep: Literal["window", "newest"] = "window"


class Metric(Struct, frozen=True, forbid_unknown_fields=True):
    """A number (or text) of an entity at an instant.

    ``count``: facts inside each of ``days``; the name holds ``{days}``.
    ``mean``, ``share``: of a field (share: how many are true) inside ``days[0]``; None when none,
    and ``count_name`` says of how many.
    ``velocity``: facts a day in ``days[0]`` minus facts a day in ``days[1]``.
    ``latest``: the newest value of a field, else ``default``; ``source_name`` says which of both.
    """

    name: str
    kind: Literal["count", "mean", "share", "velocity", "latest"]
    of: str
    field: str = ""
    days: tuple[int, ...] = ()
    count_name: str = ""
    source_name: str = ""
    default: Value | None = None


class EntityType(Struct, frozen=True, forbid_unknown_fields=True, dict=True):
    """``id`` names the payload keys that together name an entity; ``reported`` the family whose
    newest fact is shown as it was reported; ``sort`` the metric a list is in the order of."""

    type: str
    id: tuple[str, ...]
    facts: tuple[Family, ...]
    metrics: tuple[Metric, ...]
    reported: str = ""
    sort: str = ""

    @cached_property
    def answers(self) -> dict[str, tuple[Metric, int]]:
        """Which metric, and which of its windows, answers under a name."""
        return {
            name: (metric, index)
            for metric in self.metrics
            for index, name in enumerate(outputs(metric))
        }


class Level(Struct, frozen=True, forbid_unknown_fields=True):
    severity: Severity
    value: Value


class Reported(Struct, frozen=True, forbid_unknown_fields=True):
    """A field of the newest reported fact, while that is younger than so many days."""

    field: str
    younger_than_days: int


class Requires(Struct, frozen=True, forbid_unknown_fields=True):
    """A metric that has to be at least so much for the rule to speak at all."""

    metric: str
    at_least: float


class Rule(Struct, frozen=True, forbid_unknown_fields=True):
    """An alert. It holds at a level when ``metric op value``; the highest that holds counts.

    With ``or_reported`` the larger of the computed and the reported value is compared.
    """

    name: str
    entity: str
    metric: str
    op: Literal[">=", ">", "<", "<=", "=="]
    levels: tuple[Level, ...]
    or_reported: Reported | None = None
    requires: Requires | None = None
    message: str = "{entity_type} {entity_id}: {value}"


class Definitions(Struct, frozen=True, forbid_unknown_fields=True):
    """A whole file. ``known_types`` are event types that mean nothing here and are no mistake."""

    name: str
    entities: tuple[EntityType, ...]
    alerts: tuple[Rule, ...] = ()
    remember_days: int = 45
    known_types: tuple[str, ...] = ()


def outputs(metric: Metric) -> list[str]:
    """The names a metric answers under."""
    if metric.kind == "count":
        return [metric.name.replace("{days}", str(days)) for days in metric.days]
    return [name for name in (metric.name, metric.count_name, metric.source_name) if name]


def check(found: Definitions) -> Definitions:
    """The definitions, or ``DefinitionError`` at the first key that does not fit the others."""
    if found.remember_days < MIN_REMEMBER_DAYS:
        raise DefinitionError(("remember_days",), f"must be at least {MIN_REMEMBER_DAYS}")
    _distinct([entity.type for entity in found.entities], ("entities",), "type")
    _distinct([rule.name for rule in found.alerts], ("alerts",), "name")
    for index, entity in enumerate(found.entities):
        _check_entity(entity, ("entities", index), found.remember_days)
    for index, rule in enumerate(found.alerts):
        _check_rule(rule, ("alerts", index), found)
    return found


def _check_entity(entity: EntityType, at: tuple[str | int, ...], remember_days: int) -> None:
    _name(entity.type, (*at, "type"))
    if not entity.id:
        raise DefinitionError((*at, "id"), "names no key of the payload")
    _distinct([family.name for family in entity.facts], (*at, "facts"), "name")
    for index, family in enumerate(entity.facts):
        _name(family.name, (*at, "facts", index, "name"))
    for index, metric in enumerate(entity.metrics):
        _check_metric(metric, entity, (*at, "metrics", index), remember_days)
    shown = [name for metric in entity.metrics for name in outputs(metric)]
    _distinct(shown, (*at, "metrics"), "name")
    if entity.reported and entity.reported not in {f.name for f in entity.facts}:
        raise DefinitionError((*at, "reported"), f"there are no facts {entity.reported!r}")
    if entity.sort and entity.sort.removeprefix("-") not in shown:
        raise DefinitionError((*at, "sort"), f"there is no metric {entity.sort!r}")


_DAYS = {"count": (1, 99), "mean": (1, 1), "share": (1, 1), "velocity": (2, 2), "latest": (0, 0)}


def _check_metric(
    metric: Metric, entity: EntityType, at: tuple[str | int, ...], remember_days: int
) -> None:
    family = next((family for family in entity.facts if family.name == metric.of), None)
    if family is None:
        raise DefinitionError((*at, "of"), f"there are no facts {metric.of!r}")
    fewest, most = _DAYS[metric.kind]
    if not fewest <= len(metric.days) <= most:
        raise DefinitionError((*at, "days"), f"a {metric.kind} takes {fewest} to {most} windows")
    if not all(0 < days <= remember_days - 8 for days in metric.days):
        raise DefinitionError((*at, "days"), f"must be from 1 to {remember_days - 8}")
    if metric.kind == "count" and "{days}" not in metric.name and len(metric.days) > 1:
        raise DefinitionError((*at, "name"), "must hold {days}")
    if metric.kind in ("mean", "share", "latest"):
        wanted = {"mean": "number", "share": "boolean"}.get(metric.kind)
        fields = {field.name: field.type for field in family.fields}
        if metric.field not in fields or wanted not in (None, fields[metric.field]):
            kind = f" {wanted}" if wanted else ""
            raise DefinitionError((*at, "field"), f"{metric.of!r} has no{kind} {metric.field!r}")


def _check_rule(rule: Rule, at: tuple[str | int, ...], found: Definitions) -> None:
    _name(rule.name, (*at, "name"))
    entity = next((entity for entity in found.entities if entity.type == rule.entity), None)
    if entity is None:
        raise DefinitionError((*at, "entity"), f"there is no entity {rule.entity!r}")
    numbers = _numbers(entity)
    texts = {metric.name for metric in entity.metrics if metric.kind == "latest"}
    if rule.metric not in numbers | texts:
        raise DefinitionError((*at, "metric"), f"{rule.entity} has no metric {rule.metric!r}")
    if not rule.levels:
        raise DefinitionError((*at, "levels"), "names no level")
    _distinct([level.severity for level in rule.levels], (*at, "levels"), "severity")
    if rule.requires is not None and rule.requires.metric not in numbers:
        raise DefinitionError((*at, "requires", "metric"), "is no number of the entity")
    if rule.or_reported is not None:
        _check_reported(rule, entity, at, found.remember_days)
    _check_message(rule.message, (*at, "message"))


def _numbers(entity: EntityType) -> set[str]:
    return {
        name for metric in entity.metrics for name in outputs(metric) if name != metric.source_name
    }


def _check_reported(
    rule: Rule, entity: EntityType, at: tuple[str | int, ...], remember_days: int
) -> None:
    assert rule.or_reported is not None
    family = next((f for f in entity.facts if f.name == entity.reported), None)
    if family is None or rule.or_reported.field not in {f.name for f in family.fields}:
        raise DefinitionError((*at, "or_reported", "field"), "is not reported of the entity")
    if not 0 < rule.or_reported.younger_than_days <= remember_days - 8:
        raise DefinitionError(
            (*at, "or_reported", "younger_than_days"), f"must be from 1 to {remember_days - 8}"
        )


def _check_message(message: str, at: tuple[str | int, ...]) -> None:
    try:
        names = {name for _, name, _, _ in Formatter().parse(message) if name is not None}
    except ValueError as error:
        raise DefinitionError(at, str(error)) from None
    if names - _NAMES:
        raise DefinitionError(at, f"may name {', '.join(sorted(_NAMES))}")


def _name(text: str, at: tuple[str | int, ...]) -> None:
    if not (text.isascii() and text.replace("_", "a").isalnum() and len(text) <= 64):
        raise DefinitionError(at, "must be up to 64 letters, digits and underscores")


def _distinct(names: list[str], at: tuple[str | int, ...], key: str) -> None:
    for index, name in enumerate(names):
        if name in names[:index]:
            place = (*at, index, key) if len(names) else at
            raise DefinitionError(place, f"{name!r} is there twice")
