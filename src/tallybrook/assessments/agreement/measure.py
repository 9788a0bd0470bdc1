"""Everything that is said of one message of two AIs. Pure.

The formulas are in docs/concepts/agreement.md. What is not defined is None, and ``reasons`` says
why.
"""

from collections.abc import Iterator, Sequence
from statistics import fmean

from msgspec import Struct, structs

from tallybrook.assessments.agreement import findings as f
from tallybrook.assessments.agreement.findings import Issue, Recommendation, Severity
from tallybrook.assessments.agreement.message import (
    DOMAINS,
    DualMessage,
    OceanScores,
    Received,
    Response,
)
from tallybrook.costs.tokens import Side, TokenPrices


class Dimension(Struct, frozen=True):
    """A domain as both scored it, 0 to 100. ``difference`` is a - b."""

    a: float | None
    b: float | None
    difference: float | None


class Disagreement(Struct, frozen=True):
    """A facet on which the two are more than 10 points apart."""

    facet: str
    a: float
    b: float
    difference: float
    severity: Severity


class Measurement(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One message measured. Shares and confidences are 0 to 1; ``at`` is the message's time in
    microseconds."""

    measurement_id: str
    account_id: str
    assessment_id: str
    at: int
    dimensions: dict[str, Dimension]
    dimension_agreement: float | None = None
    facet_agreement: float | None = None
    shared_facets: int = 0
    agreement: float | None = None
    disagreement_rate: float | None = None
    high_disagreement: bool | None = None
    disagreements: tuple[Disagreement, ...] = ()
    issues: tuple[Issue, ...] = ()
    confidence_a: float | None = None
    confidence_b: float | None = None
    validation_confidence: float | None = None
    average_confidence: float | None = None
    quality: float | None = None
    tokens: int | None = None
    cost_usd: float | None = None
    prices_as_of: str = ""
    total_ms: float | None = None
    sla_met: bool | None = None
    model_a: str | None = None
    model_b: str | None = None
    recommendations: tuple[Recommendation, ...] = ()
    reasons: dict[str, str] = {}


def measure(received: Received, prices: TokenPrices) -> Measurement:
    """All statistics of a message, at these prices of tokens."""
    message = received.message
    a, b = message.a1_response, message.b1_validation
    dimensions = _dimensions(a.ocean_scores, b.ocean_scores)
    facets = shared_facets(a.ocean_scores, b.ocean_scores)
    apart = tuple(_disagreements(facets))
    by_dimension = _closeness([one.difference for one in dimensions.values()])
    by_facet = _closeness([x - y for x, y in facets.values()]) if facets else by_dimension
    agreement = _weighted(((0.6, by_dimension), (0.4, by_facet)))
    rate = None if agreement is None else 1 - agreement
    issues = tuple(_issues(dimensions))
    validation = validation_confidence(message)
    average = _mean((a.confidence, validation))
    total_ms = _sum(a.processing_time, b.processing_time)
    measured = Measurement(
        measurement_id=received.measurement_id, account_id=received.account_id,
        assessment_id=message.assessment_id, at=received.at, dimensions=dimensions,
        dimension_agreement=by_dimension, facet_agreement=by_facet, shared_facets=len(facets),
        agreement=agreement, disagreement_rate=rate,
        high_disagreement=None if rate is None else exceeds(rate), disagreements=apart,
        issues=issues, confidence_a=a.confidence, confidence_b=b.confidence,
        validation_confidence=validation, average_confidence=average,
        quality=_quality(agreement, validation, len(issues), apart),
        tokens=_tokens(a, b), cost_usd=cost_usd(message, prices),
        prices_as_of=prices.as_of, total_ms=total_ms,
        sla_met=None if total_ms is None else total_ms < f.SLA_MS,
        model_a=a.model_version, model_b=b.model_version, reasons=reasons(message),
    )  # fmt: skip
    return _advised(measured)


def exceeds(rate: float) -> bool:
    """Whether a disagreement rate is above the limit; one that only a rounding error lifts above
    it is not."""
    return rate > f.HIGH_DISAGREEMENT + 1e-12


def _dimensions(a: OceanScores, b: OceanScores) -> dict[str, Dimension]:
    pairs = {name: (getattr(a, name), getattr(b, name)) for name in DOMAINS}
    return {
        name: Dimension(x, y, None if x is None or y is None else x - y)
        for name, (x, y) in pairs.items()
    }


def shared_facets(a: OceanScores, b: OceanScores) -> dict[str, tuple[float, float]]:
    """The facets that both scored, by name."""
    found: dict[str, tuple[float, float]] = {}
    for name in sorted(a.facets.keys() & b.facets.keys()):
        x, y = a.facets[name].score, b.facets[name].score
        if x is not None and y is not None:
            found[name] = x, y
    return found


def _closeness(differences: Sequence[float | None]) -> float | None:
    """The mean of 1 - min(|d| / 20, 1); None unless every difference is known."""
    known = [one for one in differences if one is not None]
    if len(known) < len(differences):
        return None
    return fmean(1 - min(abs(one) / f.FULL_SCALE, 1) for one in known)


def _disagreements(facets: dict[str, tuple[float, float]]) -> Iterator[Disagreement]:
    for name, (x, y) in facets.items():
        if abs(x - y) > f.MEDIUM:
            yield Disagreement(name, x, y, x - y, "high" if abs(x - y) > f.HIGH else "medium")


def _issues(dimensions: dict[str, Dimension]) -> Iterator[Issue]:
    """Of the domains that both scored: where there are none, nothing is found."""
    both = [one for one in dimensions.values() if one.difference is not None]
    scores = [score for one in both for score in (one.a, one.b) if score is not None]
    if both and abs(fmean(one.difference or 0.0 for one in both)) > f.SYSTEMATIC:
        yield "systematic_difference"
    extreme = sum(score < f.LOW or score > f.TOP for score in scores)
    if extreme > f.EXTREME_SHARE * len(scores):
        yield "extreme_scores"


def validation_confidence(message: DualMessage) -> float | None:
    """The mean of: both confidences, how quick the check was, the consistency it found (or 0.5)."""
    a, b = message.a1_response, message.b1_validation
    confidence = _mean((a.confidence, b.confidence))
    if confidence is None or a.processing_time is None or not b.processing_time:
        return None
    quickness = min(a.processing_time / b.processing_time, 2) / 2
    given = b.consistency_score
    return fmean((confidence, quickness, f.UNKNOWN_CONSISTENCY if given is None else given))


def _quality(
    agreement: float | None, confidence: float | None, issues: int, apart: Sequence[Disagreement]
) -> float | None:
    high = sum(one.severity == "high" for one in apart) / len(apart) if apart else 0.0
    return _weighted(
        (
            (0.4, agreement),
            (0.3, confidence),
            (0.2, max(0.0, 1 - issues / f.ISSUES_FOR_NOTHING)),
            (0.1, 1 - high),
        )
    )


def cost_usd(message: DualMessage, prices: TokenPrices) -> float | None:
    """What the tokens of both cost; None where one does not tell its tokens."""
    total = 0.0
    sides: tuple[Side, Side] = ("a", "b")
    for side, response in zip(sides, (message.a1_response, message.b1_validation), strict=True):
        if response.tokens_used is None:
            return None
        total += prices.cost_usd(side, response.model_version, int(response.tokens_used))
    return total


def reasons(message: DualMessage) -> dict[str, str]:
    """Why something of this message is not defined, by its name."""
    a, b = message.a1_response, message.b1_validation
    found: dict[str, str] = {}
    pairs = ((name, getattr(a.ocean_scores, name), getattr(b.ocean_scores, name))
             for name in DOMAINS)  # fmt: skip
    missing = [name for name, x, y in pairs if x is None or y is None]
    if missing:
        why = f"not both have a score of {', '.join(missing)}"
        found |= dict.fromkeys(("dimension_agreement", "agreement", "disagreement_rate",
                                "high_disagreement", "quality"), why)  # fmt: skip
        if not shared_facets(a.ocean_scores, b.ocean_scores):
            found["facet_agreement"] = why
    if why := _unsure(message):
        found["validation_confidence"] = found["average_confidence"] = why
        found.setdefault("quality", why)
    if a.tokens_used is None or b.tokens_used is None:
        found["tokens"] = found["cost_usd"] = "not both tell their tokens"
    if a.processing_time is None or b.processing_time is None:
        found["total_ms"] = found["sla_met"] = "not both tell their time"
    return found


def _unsure(message: DualMessage) -> str:
    """Why there is no validation confidence, empty where there is one."""
    a, b = message.a1_response, message.b1_validation
    if a.confidence is None or b.confidence is None:
        return "not both tell their confidence"
    if a.processing_time is None or b.processing_time is None:
        return "not both tell their time"
    return "" if b.processing_time else "the check took no time: there is no ratio of times"


def _advised(measured: Measurement) -> Measurement:
    average = measured.average_confidence
    wanted: tuple[tuple[Recommendation, bool], ...] = (
        ("review_by_person", bool(measured.high_disagreement)),
        ("review_facets", any(one.severity == "high" for one in measured.disagreements)),
        ("check_calibration", "systematic_difference" in measured.issues),
        ("check_response_style", "extreme_scores" in measured.issues),
        ("gather_more_evidence", average is not None and average < f.LOW_CONFIDENCE),
        ("reduce_latency", measured.sla_met is False),
    )
    advice = tuple(name for name, holds in wanted if holds)
    return structs.replace(measured, recommendations=advice)


def _weighted(parts: Sequence[tuple[float, float | None]]) -> float | None:
    """The sum of weight x value; None unless all values are known."""
    total = 0.0
    for weight, value in parts:
        if value is None:
            return None
        total += weight * value
    return total


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if len(known) == len(values) else None


def _sum(first: float | None, second: float | None) -> float | None:
    return None if first is None or second is None else first + second


def _tokens(a: Response, b: Response) -> int | None:
    total = _sum(a.tokens_used, b.tokens_used)
    return None if total is None else int(total)


def pairs_of(measured: Sequence[Measurement]) -> list[tuple[float, float]]:
    """The scores that both gave, of all domains."""
    return [
        (both.a, both.b)
        for one in measured
        for both in one.dimensions.values()
        if both.a is not None and both.b is not None
    ]
