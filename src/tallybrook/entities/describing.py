"""The definitions as a client needs them: which types there are, and what is measured of each.
Pure."""

from typing import Literal

from msgspec import Struct

from tallybrook.entities.catalog import Catalog
from tallybrook.entities.definitions import EntityType, Level, Metric, Requires, Rule, outputs
from tallybrook.entities.reading import default_sort, looks_back_days

Kind = Literal["count", "mean", "share", "velocity", "latest", "source"]
Unit = Literal["facts", "ratio", "facts_per_day", "as_told"]
ValueType = Literal["number", "boolean", "text"]
_UNITS: dict[Kind, Unit] = {"share": "ratio", "velocity": "facts_per_day"}


class ShownMetric(Struct):
    """One name under which a metric answers.

    ``group`` is the same for the windows of one count; ``days`` are its windows, none where it
    never ends. ``ratio`` is from 0 to 1. ``source`` names the metric that says whether the value
    was reported or is the default, ``""`` where nothing says so.
    """

    name: str
    group: str
    kind: Kind
    unit: Unit
    type: ValueType
    of: str
    days: list[int]
    source: str


class ShownRule(Struct):
    """An alert rule: it holds at a level when ``metric op value``, and what it requires is met."""

    name: str
    metric: str
    op: str
    levels: list[Level]
    requires: Requires | None


class ShownType(Struct):
    """``id`` are the payload keys that name an entity; ``sort`` the order a list has by itself;
    ``facts`` the kinds of facts that are kept."""

    type: str
    id: list[str]
    sort: str
    facts: list[str]
    metrics: list[ShownMetric]
    rules: list[ShownRule]


class EntityTypes(Struct):
    """``looks_back_days``: how far back ``as_of`` may be."""

    name: str
    looks_back_days: int
    types: list[ShownType]


def describe(catalog: Catalog) -> EntityTypes:
    """Everything that the definitions say of types, in their order."""
    types = [_type(known, catalog.rules[known.type]) for known in catalog.types.values()]
    return EntityTypes(catalog.definitions.name, looks_back_days(catalog), types)


def _type(known: EntityType, rules: list[Rule]) -> ShownType:
    metrics = [shown for metric in known.metrics for shown in _metrics(metric, known)]
    return ShownType(
        known.type,
        list(known.id),
        default_sort(known),
        [family.name for family in known.facts],
        metrics,
        [
            ShownRule(rule.name, rule.metric, rule.op, list(rule.levels), rule.requires)
            for rule in rules
        ],
    )


def _metrics(metric: Metric, known: EntityType) -> list[ShownMetric]:
    """What a metric answers under each of its names."""
    of, days = metric.of, list(metric.days)
    if metric.kind == "count":
        return [
            ShownMetric(name, metric.name, "count", "facts", "number", of, [one], "")
            for name, one in zip(outputs(metric), days, strict=True)
        ]
    name, type_ = metric.name, _type_of(metric, known)
    unit = _UNITS.get(metric.kind, "as_told")
    found = [ShownMetric(name, name, metric.kind, unit, type_, of, days, metric.source_name)]
    if name := metric.count_name:
        found.append(ShownMetric(name, name, "count", "facts", "number", of, days, ""))
    if name := metric.source_name:
        found.append(ShownMetric(name, name, "source", "as_told", "text", of, [], ""))
    return found


def _type_of(metric: Metric, known: EntityType) -> ValueType:
    """Of what type a value is: means and the like are numbers, the latest is as its field."""
    if metric.kind != "latest":
        return "number"
    family = next(family for family in known.facts if family.name == metric.of)
    return next(field.type for field in family.fields if field.name == metric.field)
