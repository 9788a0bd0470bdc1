"""Metrics of an entity at an instant, from its facts. Pure, and exact to the microsecond.

A fact at t is inside N days at x iff ``x − N·86400 s < t ≤ x``. So every metric is a step
function of x that steps at some t (a fact comes) or t + N days (it goes), and holds from there.
"""

from collections.abc import Mapping, Sequence
from functools import reduce

from tallybrook.entities.definitions import EntityType, Metric, Value
from tallybrook.entities.facts import Fact
from tallybrook.entities.steps import Steps
from tallybrook.events.instants import DAY_US, MAX_US, MIN_US, format_instant

Shown = Value | None


class View:
    """One entity's facts, by key, ready to be asked about any instant.

    ``size``: how many facts. ``lasts_until_s``: the second in which the last is forgotten, 0 for
    never.
    """

    def __init__(self, entity: EntityType, facts: Mapping[str, Fact]) -> None:
        self.entity = entity
        self.size = len(facts)
        self.lasts_until_s = (
            reduce(_longer, (fact.until_s for fact in facts.values())) if facts else 0
        )
        times: dict[str, list[tuple[int, str, Fact | None]]] = {f.name: [] for f in entity.facts}
        told: dict[tuple[str, str], list[tuple[int, str, Value]]] = {
            (family.name, field.name): [] for family in entity.facts for field in family.fields
        }
        for key, fact in facts.items():
            family, _, name = key.partition("#")
            if family in times:  # else of a definition that is no more
                times[family].append((fact.at, name, self._whole(family, fact)))
                for field, value in fact.fields.items():
                    if (family, field) in told:
                        told[family, field].append((value.at, name, value.value))
        self._times = {family: Steps(found) for family, found in times.items()}
        self._told = {field: Steps(found) for field, found in told.items()}

    def change(self, key: str, before: Fact | None, after: Fact) -> bool:
        """Put a fact in the place of what was told of it before; False, and nothing is changed,
        when that is not what is known here."""
        family, _, name = key.partition("#")
        if family not in self._times:
            return True
        if before is None:
            if self._times[family].find(after.at, name) >= 0:
                return False
        elif not self._has(family, name, before):
            return False
        else:
            self._take(family, name, before)
        self._put(family, name, after)
        self.lasts_until_s = (
            _longer(self.lasts_until_s, after.until_s) if self.size else after.until_s
        )
        self.size += before is None
        return True

    def superseded(self, horizon: int) -> list[str]:
        """The keys of facts by then that are kept for their newest alone, and are not."""
        found: list[str] = []
        for family in self.entity.facts:
            times = self._times[family.name]
            old = times.keys[: times.last(horizon) + 1]
            if family.keep == "newest" and len(old) > 1:
                needed = {old[-1]}
                for field in family.fields:
                    told = self._told[family.name, field.name]
                    last = told.last(horizon)
                    needed.update(told.keys[max(last, 0) :] if family.key else told.keys[last:][:1])
                found += [f"{family.name}#{name}" for name in old if name not in needed]
        return found

    def forget_until(self, horizon: int) -> bool:
        """Take away what happened by then and is in no window any more; False, and nothing is
        changed, where something is shown of it as long as it is known."""
        lasting = {metric.of for metric in self.entity.metrics if metric.kind == "latest"}
        windows = [family.name for family in self.entity.facts if family.keep == "window"]
        if not (lasting | {self.entity.reported}).isdisjoint(windows):
            return False
        for family in windows:
            self.size -= self._times[family].last(horizon) + 1
            for steps in (self._times[family], *self._of_fields(family)):
                steps.take_until(horizon)
        return True

    def forget(self, key: str) -> None:
        """Take a fact away."""
        family, _, name = key.partition("#")
        self.size -= 1
        for steps in (self._times[family], *self._of_fields(family)):
            if name in steps.keys:
                steps.take(steps.at[steps.keys.index(name)], name)

    def _of_fields(self, family: str) -> list[Steps]:
        return [steps for (of, _), steps in self._told.items() if of == family]

    def _whole(self, family: str, fact: Fact) -> Fact | None:
        """Kept beside its time where all of it is shown."""
        return fact if family == self.entity.reported else None

    def _has(self, family: str, name: str, fact: Fact) -> bool:
        return self._times[family].find(fact.at, name) >= 0 and all(
            self._is_told(self._told[family, field], name, told.at, told.value)
            for field, told in fact.fields.items()
            if (family, field) in self._told
        )

    def _is_told(self, steps: Steps, name: str, at: int, value: Value) -> bool:
        index = steps.find(at, name)
        known = steps.values[index] if index >= 0 else None
        return type(known) is type(value) and known == value

    def _take(self, family: str, name: str, fact: Fact) -> None:
        self._times[family].take(fact.at, name)
        for field, told in fact.fields.items():
            if (family, field) in self._told:
                self._told[family, field].take(told.at, name)

    def _put(self, family: str, name: str, fact: Fact) -> None:
        self._times[family].put(fact.at, name, self._whole(family, fact))
        for field, told in fact.fields.items():
            if (family, field) in self._told:
                self._told[family, field].put(told.at, name, told.value)

    def times(self, family: str) -> Steps:
        """When the facts of a family happened."""
        return self._times[family]

    def told(self, family: str, field: str) -> Steps:
        """The values of a field; of two at one instant the one with the higher key is newer."""
        return self._told[family, field]

    def metrics(self, x: int) -> dict[str, Shown]:
        """Every metric at x, by name."""
        return {name: self.value(name, x) for name in self.entity.answers}

    def value(self, name: str, x: int) -> Shown:
        """One metric at x."""
        metric, index = self.entity.answers[name]
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
        return steps.total(first, end) / (end - first) if end > first else None

    def _velocity(self, metric: Metric, x: int) -> float:
        times = self.times(metric.of)
        rates = []
        for days in metric.days:
            first, end = times.within(x, days)
            rates.append((end - first) / days)
        return rates[0] - rates[1]

    def steps_of(self, name: str) -> list[tuple[Steps, int]]:
        """What a metric is made of: its instants, with each window in days (0: it never goes)."""
        metric, index = self.entity.answers[name]
        if metric.kind == "count":
            return [(self.times(metric.of), metric.days[index])]
        if metric.kind == "velocity":
            return [(self.times(metric.of), days) for days in metric.days]
        days = metric.days[0] if metric.days else 0
        return [(self.told(metric.of, metric.field), days)]

    def span(self, x: int, also: Sequence[tuple[Steps, int]] = ()) -> tuple[int, int]:
        """From when on and until when (exclusive) everything shown, and made of ``also``, is as it
        is at x."""
        steps = [pair for name in self.entity.answers for pair in self.steps_of(name)]
        steps += [(self.times(family.name), 0) for family in self.entity.facts]
        around = [_around(one, days, x) for one, days in (*steps, *also)]
        return max(low for low, _ in around), min(high for _, high in around)

    def reported(self, x: int) -> dict[str, Value | None]:
        """What was last reported, as it was, with ``reported_at``; not computed by us."""
        steps = self._times[self.entity.reported] if self.entity.reported else Steps()
        if (index := steps.last(x)) < 0:
            return {"reported_at": None}
        fact: Fact = steps.values[index]
        fields: dict[str, Value | None] = {name: told.value for name, told in fact.fields.items()}
        return fields | {"reported_at": format_instant(fact.at)}


def _longer(one_s: int, other_s: int) -> int:
    """The later of two seconds, of which 0 is never."""
    return max(one_s, other_s) if one_s and other_s else 0


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
