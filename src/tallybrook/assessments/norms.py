"""Where a score stands among people of the same sex and age: T scores and percentiles."""

from collections.abc import Mapping, Sequence
from math import erf, sqrt
from typing import Any

from msgspec import Struct

from tallybrook.assessments.answers import SCALES, Answers
from tallybrook.assessments.inventories import Inventory, NormGroup

_SEXES = {"m": "male", "male": "male", "man": "male", "f": "female", "female": "female"}
_SEXES["woman"] = "female"

NEEDED = "norms need demographics.gender (male or female) and demographics.age"


class Standing(Struct, frozen=True):
    """A scale against its norm group: T has mean 50 and standard deviation 10."""

    t: float
    percentile: float


class Normed(Struct, frozen=True):
    """All scales of one result, with the norm set and the group they were held against."""

    norm_set: str
    group: str
    scales: dict[str, Standing]


def normed(answers: Answers, demographics: Mapping[str, Any]) -> tuple[Normed | None, str | None]:
    """The standing of every scale; None comes with the reason why there is none."""
    inventory = answers.inventory
    if not inventory.norms or inventory.norm_set is None:
        return None, "the inventory has no norms"
    if SCALES[answers.scale] != (1, 5):
        return None, "the norms are for answers from 1 to 5"
    group = group_of(inventory, demographics)
    if group is None:
        return None, NEEDED
    scales = {
        name: standing(raw, *group.scales[name])
        for name, raw in _raw_scores(answers)
        if name in group.scales
    }
    return Normed(inventory.norm_set, _name(group), scales), None


def group_of(inventory: Inventory, demographics: Mapping[str, Any]) -> NormGroup | None:
    """The group of a person, None when sex or age are missing or no group has them."""
    sex = _SEXES.get(str(demographics.get("gender") or "").strip().lower())
    age = demographics.get("age")
    if sex is None or isinstance(age, bool) or not isinstance(age, int | float) or age <= 0:
        return None
    for group in inventory.norms:
        old_enough = group.min_age is None or age >= group.min_age
        if group.sex == sex and old_enough and (group.max_age is None or age < group.max_age + 1):
            return group
    return None


def _name(group: NormGroup) -> str:
    low, high = group.min_age, group.max_age
    ages = f"{low}+" if high is None else f"under {high + 1}" if low is None else f"{low}-{high}"
    return f"{group.sex}, {ages}"


def _raw_scores(answers: Answers) -> list[tuple[str, float]]:
    """Sums of keyed answers; a missing one counts as the mean of those that are there."""
    inventory = answers.inventory
    raw: list[tuple[str, float]] = []
    for domain, facets in inventory.domains.items():
        for name, among in ((domain, facets), *((facet, (facet,)) for facet in facets)):
            keyed = [answer.keyed for answer in answers.answers if answer.item.facet in among]
            size = sum(item.facet in among for item in inventory.items)
            if 2 * len(keyed) >= size:
                raw.append((name, size * _mean(keyed)))
    return raw


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def standing(raw: float, mean: float, deviation: float) -> Standing:
    """T = 50 + 10 (raw - mean) / SD, and the share of the group below it if T is normal."""
    t = 50 + 10 * (raw - mean) / deviation
    return Standing(t, 100 * 0.5 * (1 + erf((t - 50) / 10 / sqrt(2))))
