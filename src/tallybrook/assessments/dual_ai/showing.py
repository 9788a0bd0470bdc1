"""Measurements as they are given back. Pure."""

from msgspec import Struct
from msgspec.structs import asdict

from tallybrook.assessments.agreement.findings import (
    ISSUES,
    RECOMMENDATIONS,
    Issue,
    Recommendation,
)
from tallybrook.assessments.agreement.measure import Dimension, Disagreement, Measurement
from tallybrook.assessments.agreement.shapes import Window
from tallybrook.events.instants import format_instant


class ShownMeasurement(Struct):
    """One message measured. What is null has a reason in ``reasons``."""

    measurement_id: str
    assessment_id: str
    timestamp: str
    agreement: float | None
    dimension_agreement: float | None
    facet_agreement: float | None
    shared_facets: int
    disagreement_rate: float | None
    high_disagreement: bool | None
    dimensions: dict[str, Dimension]
    disagreements: list[Disagreement]
    issues: dict[Issue, str]
    confidence_a: float | None
    confidence_b: float | None
    validation_confidence: float | None
    average_confidence: float | None
    quality: float | None
    tokens: int | None
    cost_usd: float | None
    prices_as_of: str
    total_ms: float | None
    sla_met: bool | None
    model_a: str | None
    model_b: str | None
    recommendations: dict[Recommendation, str]
    reasons: dict[str, str]


class ShownPoint(Struct):
    """A period that has messages: the mean of their agreement with its 95 % interval, and the ICC
    over all their domains."""

    start: str
    messages: int
    agreement: float | None
    interval: tuple[float, float] | None
    icc: float | None


class ShownWindow(Struct):
    """The report of ``[start, end)``. Where ``complete`` is false there were too many messages:
    it is of the newest, from ``covered_from`` on. ``periods`` is null unless asked for."""

    start: str
    end: str
    complete: bool
    covered_from: str
    report: Window
    periods: list[ShownPoint] | None


def shown(one: Measurement) -> ShownMeasurement:
    """The form of a measurement that is given back."""
    fields = {
        name: value for name, value in asdict(one).items() if name not in ("account_id", "at")
    }
    fields |= {
        "timestamp": format_instant(one.at),
        "disagreements": list(one.disagreements),
        "issues": {name: ISSUES[name] for name in one.issues},
        "recommendations": {name: RECOMMENDATIONS[name] for name in one.recommendations},
    }
    return ShownMeasurement(**fields)
