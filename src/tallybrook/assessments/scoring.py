"""Scores of an assessment: facets, domains, validity, and on request norms and indicators.

Formulas: mean of keyed answers mapped to 0..100; the sample standard deviation in the same units;
consistency by Jackson's method as in Johnson (2005). No result is ever NaN: it is null, and
``reasons`` says why, under the same name.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from math import fsum, sqrt
from typing import Any

from msgspec import Struct

from tallybrook.assessments.answers import Answers, read_answers
from tallybrook.assessments.indicators import indicators
from tallybrook.assessments.inventories import Inventory
from tallybrook.assessments.norms import UNRELIABLE, Normed, normed, without_interval
from tallybrook.assessments.validity import Validity, validity

SCORING_VERSION = "1"
"""Changes whenever the same answers would get other numbers."""

MIN_FACET_ANSWERS = 2


class FacetScore(Struct, frozen=True):
    """``responses`` is how many of the facet's items were answered; ``std_dev`` of their keyed
    answers is in score units."""

    score: float | None
    responses: int
    std_dev: float | None


class Result(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What a scored assessment comes to. ``scores`` holds the domains by name, ``completeness``,
    ``consistency`` and ``facets`` (by name)."""

    assessmentId: str  # noqa: N815 - the name in the file format
    inventory: str
    scoring_version: str
    scale: str
    scores: dict[str, Any]
    validity: Validity
    reasons: dict[str, str] = {}
    norms: Normed | None = None
    dark_side_indicators: dict[str, float | None] | None = None


def score(
    assessment: Mapping[str, Any], inventory: Inventory, *, with_indicators: bool = False
) -> Result:
    """Score one assessment. Raises ``InvalidError`` when an answer cannot be used."""
    answers = read_answers(assessment, inventory)
    valid = validity(answers)
    reasons: dict[str, str] = {}
    if valid.reason:
        reasons["consistency"] = valid.reason
    facets = facet_scores(answers) if valid.scorable else _unscored(answers)
    domains = domain_scores(answers) if valid.scorable else dict.fromkeys(inventory.domains)
    if not valid.scorable:
        reasons["scores"] = f"{answers.missing} items are not answered, more than " + str(
            inventory.max_missing
        )
    demographics = assessment.get("demographics")
    known = demographics if isinstance(demographics, Mapping) else {}
    norms, why = normed(answers, known) if valid.scorable else (None, reasons["scores"])
    if why:
        reasons["norms"] = why
    unknown = without_interval(norms) if norms else []
    if unknown:
        reasons["norms.intervals"] = UNRELIABLE + ", ".join(unknown)
    dark = None
    if with_indicators:
        dark = indicators({name: facet.score for name, facet in facets.items()}, inventory)
    return Result(
        assessmentId=str(assessment.get("assessmentId") or ""),
        inventory=inventory.id,
        scoring_version=SCORING_VERSION,
        scale=answers.scale,
        scores={
            **domains,
            "completeness": valid.completeness,
            "consistency": valid.consistency,
            "facets": facets,
        },
        validity=valid,
        reasons=reasons,
        norms=norms,
        dark_side_indicators=dark,
    )


def facet_scores(answers: Answers) -> dict[str, FacetScore]:
    """Every facet of the inventory by name; below two answers there is no score."""
    keyed: dict[str, list[float]] = {facet: [] for facet in answers.inventory.facets}
    for answer in answers.answers:
        keyed[answer.item.facet].append(answer.keyed)
    return {facet: _facet(answers, values) for facet, values in keyed.items()}


def _facet(answers: Answers, keyed: list[float]) -> FacetScore:
    if len(keyed) < MIN_FACET_ANSWERS:
        return FacetScore(None, len(keyed), None)
    # The difference of two scores: a deviation has no origin of its own.
    deviation = answers.percent(_stdev(keyed)) - answers.percent(0)
    return FacetScore(answers.percent(sum(keyed) / len(keyed)), len(keyed), deviation)


def _stdev(values: Sequence[float]) -> float:
    """Of a sample. The library's own is exact in fractions, and takes longer than all else."""
    mean = fsum(values) / len(values)
    return sqrt(fsum((value - mean) ** 2 for value in values) / (len(values) - 1))


def _unscored(answers: Answers) -> dict[str, FacetScore]:
    scored = facet_scores(answers)
    return {name: FacetScore(None, facet.responses, None) for name, facet in scored.items()}


def domain_scores(answers: Answers) -> dict[str, float | None]:
    """Every domain by name; with fewer than half of its items answered there is no score."""
    keyed: dict[str, list[float]] = {domain: [] for domain in answers.inventory.domains}
    for answer in answers.answers:
        keyed[answer.item.domain].append(answer.keyed)
    sizes = Counter(item.domain for item in answers.inventory.items)
    return {
        domain: answers.percent(sum(values) / len(values))
        if 2 * len(values) >= sizes[domain]
        else None
        for domain, values in keyed.items()
    }
