"""Where a score stands among people of the same sex and age: T scores and percentiles, with the
interval that the scale's reliability leaves open."""

from collections.abc import Mapping, Sequence
from math import erf, fsum, sqrt
from typing import Any

from msgspec import Struct

from tallybrook.assessments.answers import SCALES, Answers
from tallybrook.assessments.inventories import Basis, Inventory, NormGroup, Reliability, Sex

_SEXES: dict[str, Sex] = {
    "m": "male", "male": "male", "man": "male",
    "f": "female", "female": "female", "woman": "female",
}  # fmt: skip

NEEDED = "norms need demographics.gender (male or female) and demographics.age"


UNRELIABLE = "the reliability of these scales is not known: "

Z_95 = 1.959963984540054
"""The normal distribution has 95 % within so many standard deviations of its mean."""

Interval = tuple[float, float]


class Standing(Struct, frozen=True):
    """A scale against its norm group: T has mean 50 and standard deviation 10.

    The intervals hold the true T and its percentile with 95 %; all three are None where the
    scale's reliability is not known, and the result says why.
    """

    t: float
    percentile: float
    t_interval: Interval | None = None
    percentile_interval: Interval | None = None
    reliability: float | None = None
    reliability_basis: Basis | None = None


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
        name: standing(raw, *group.scales[name], reliability_of(inventory, group, name))
        for name, raw in _raw_scores(answers)
        if name in group.scales
    }
    return Normed(inventory.norm_set, _name(group), scales), None


def without_interval(normed: Normed) -> list[str]:
    """The scales whose reliability is not known."""
    return [name for name, found in normed.scales.items() if found.reliability is None]


def sex_of(told: object) -> Sex | None:
    """``female`` or ``male``, whatever else was written: None."""
    return _SEXES.get(str(told or "").strip().lower())


def group_of(inventory: Inventory, demographics: Mapping[str, Any]) -> NormGroup | None:
    """The group of a person, None when sex or age are missing or no group has them."""
    sex = sex_of(demographics.get("gender"))
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


def standing(
    raw: float, mean: float, deviation: float, reliability: Reliability | None = None
) -> Standing:
    """T = 50 + 10 (raw - mean) / SD, and the share of the group below it if T is normal.

    The interval is T +- 1.96 SEM, where the standard error of measurement is SD sqrt(1 - r), so
    10 sqrt(1 - r) for T (Lord and Novick, 1968, Statistical Theories of Mental Test Scores,
    chapter 3); that of the percentile is at its ends.
    """
    t = 50 + 10 * (raw - mean) / deviation
    if reliability is None:
        return Standing(t, _percentile(t))
    half = Z_95 * 10 * sqrt(1 - reliability.value)
    low, high = t - half, t + half
    ends = _percentile(low), _percentile(high)
    return Standing(t, _percentile(t), (low, high), ends, reliability.value, reliability.basis)


def _percentile(t: float) -> float:
    return 100 * 0.5 * (1 + erf((t - 50) / 10 / sqrt(2)))


def reliability_of(inventory: Inventory, group: NormGroup, scale: str) -> Reliability | None:
    """What is known of a scale, of a domain by its facets where nothing else is.

    Of a sum of parts with errors that have nothing to do with each other: 1 - sum of SD_i^2 (1 -
    r_i) / SD^2 (Cronbach, Schoenemann and McKie, 1965, Educational and Psychological Measurement
    25: stratified alpha), with the standard deviations of the norm group.
    """
    found = inventory.reliability.get(scale)
    parts = inventory.domains.get(scale, ())
    if found is not None or not parts:
        return found
    known = [(inventory.reliability.get(part), group.scales.get(part)) for part in parts]
    errors = [norm[1] ** 2 * (1 - own.value) for own, norm in known if own and norm]
    if len(errors) < len(parts):
        return None
    return Reliability(max(0.0, 1 - fsum(errors) / group.scales[scale][1] ** 2), "stratified")
