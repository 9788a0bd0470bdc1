"""Metrics of an entity at an instant, from its facts. Pure, and exact to the microsecond.

A fact at t is inside N days at x iff ``x − N·86400 s < t ≤ x``. So every metric is a step
function of x that steps at some t (a fact comes) or t + N days (it goes), and holds from there.
"""

import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from functools import cached_property

from msgspec import Struct

from tallybrook.entities.definitions import EntityType, Metric, Value, outputs
from tallybrook.entities.facts import Fact
from tallybrook.events.instants import DAY_US, MAX_US, MIN_US, format_instant

Shown = Value | None


class Steps(Struct, frozen=True):
    """Instants (sorted) with the value each brought; facts that count alike have no values."""

    at: list[int]
    values: list[Value]

    def within(self, x: int, days: int) -> tuple[int, int]:
        """The slice of what lies inside so many days at x."""
        return bisect_right(self.at, x - days * DAY_US), bisect_right(self.at, x)

    def last(self, x: int) -> int:
        """The index of the newest at x, -1 when there is none."""
        return bisect_right(self.at, x) - 1


class View:
    """One entity's facts, by key, ready to be asked about any instant."""

    def __init__(self, entity: EntityType, facts: Mapping[str, Fact]) -> None:
        self.entity = entity
        self._facts: dict[str, list[tuple[str, Fact]]] = {f.name: [] for f in entity.facts}
        for key, fact in facts.items():
            family = key.partition("#")[0]
            if family in self._facts:  # else of a definition that is no more
                self._facts[family].append((key, fact))
        self._times: dict[str, Steps] = {}
        self._fields: dict[tuple[str, str], Steps] = {}

    @cached_property
    def _outputs(self) -> dict[str, tuple[Metric, int]]:
        """Which metric, and which of its windows, answers under a name."""
        return {
            name: (metric, index)
            for metric in self.entity.metrics
            for index, name in enumerate(outputs(metric))
        }

    def times(self, family: str) -> Steps:
        """When the facts of a family happened."""
        if family not in self._times:
            self._times[family] = Steps(sorted(fact.at for _, fact in self._facts[family]), [])
        return self._times[family]

    def told(self, family: str, field: str) -> Steps:
        """The values of a field; of two at one instant the one with the higher key is newer."""
        if (family, field) not in self._fields:
            found = sorted(
                (
                    (fact.fields[field].at, key, fact.fields[field].value)
                    for key, fact in self._facts[family]
                    if field in fact.fields
                ),
                key=lambda one: one[:2],
            )
            steps = Steps([at for at, _, _ in found], [value for _, _, value in found])
            self._fields[family, field] = steps
        return self._fields[family, field]

    def newest(self, family: str, x: int) -> Fact | None:
        """The newest fact of a family at x, as a whole."""
        past = [(fact.at, key, fact) for key, fact in self._facts[family] if fact.at <= x]
        return max(past, key=lambda one: one[:2])[2] if past else None

    def metrics(self, x: int) -> dict[str, Shown]:
        """Every metric at x, by name."""
        return {name: self.value(name, x) for name in self._outputs}

    def value(self, name: str, x: int) -> Shown:
        """One metric at x."""
        metric, index = self._outputs[name]
        if metric.kind == "count":
            first, end = self.times(metric.of).within(x, metric.days[index])
            return end - first
        if metric.kind == "velocity":
            return self._velocity(metric, x)
        steps = self.told(metric.of, metric.field)
        if metric.kind == "latest":
            return _latest(metric, name, steps, x)
        first, end = steps.within(x, metric.days[0])
        if name == metric.count_name:
            return end - first
        return (
            math.fsum(map(float, steps.values[first:end])) / (end - first) if end > first else None
        )

    def _velocity(self, metric: Metric, x: int) -> float:
        times = self.times(metric.of)
        rates = []
        for days in metric.days:
            first, end = times.within(x, days)
            rates.append((end - first) / days)
        return rates[0] - rates[1]

    def steps_of(self, name: str) -> list[tuple[Steps, int]]:
        """What a metric is made of: its instants, with each window in days (0: it never goes)."""
        metric, index = self._outputs[name]
        if metric.kind == "count":
            return [(self.times(metric.of), metric.days[index])]
        if metric.kind == "velocity":
            return [(self.times(metric.of), days) for days in metric.days]
        days = metric.days[0] if metric.days else 0
        return [(self.told(metric.of, metric.field), days)]

    def span(self, x: int, also: Sequence[tuple[Steps, int]] = ()) -> tuple[int, int]:
        """From when on and until when (exclusive) everything shown, and made of ``also``, is as it
        is at x."""
        steps = [pair for name in self._outputs for pair in self.steps_of(name)]
        steps += [(self.times(family.name), 0) for family in self.entity.facts]
        around = [_around(one, days, x) for one, days in (*steps, *also)]
        return max(low for low, _ in around), min(high for _, high in around)

    def reported(self, x: int) -> dict[str, Value | None]:
        """What was last reported, as it was, with ``reported_at``; not computed by us."""
        fact = self.newest(self.entity.reported, x) if self.entity.reported else None
        if fact is None:
            return {"reported_at": None}
        fields: dict[str, Value | None] = {name: told.value for name, told in fact.fields.items()}
        return fields | {"reported_at": format_instant(fact.at)}


def _latest(metric: Metric, name: str, steps: Steps, x: int) -> Shown:
    index = steps.last(x)
    if name == metric.source_name:
        return "default" if index < 0 else "reported"
    return metric.default if index < 0 else steps.values[index]


def _around(steps: Steps, days: int, x: int) -> tuple[int, int]:
    """The last step at or before x, and the first after it."""
    at, end = steps.at, steps.last(x) + 1
    low = at[end - 1] if end else MIN_US
    high = at[end] if end < len(at) else MAX_US
    if days:
        first, _ = steps.within(x, days)
        low = max(low, at[first - 1] + days * DAY_US) if first else low
        high = min(high, at[first] + days * DAY_US) if first < end else high
    return low, high
