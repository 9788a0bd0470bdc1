"""What a measurement tells others: an event for the log, a notice for the bus. Pure."""

import msgspec
from msgspec import Raw

from tallybrook.assessments.agreement.findings import HIGH_DISAGREEMENT
from tallybrook.assessments.agreement.measure import Measurement
from tallybrook.events.instants import format_instant
from tallybrook.events.model import Event
from tallybrook.ports.bus import Notice

EVENT_TYPE = "ai_agreement_measured"
HIGH_KIND = "HighDisagreementDetected"
_NAMED = 50
"""High facets that a notice names at most."""

_PROPERTIES = (
    "assessment_id", "agreement", "dimension_agreement", "facet_agreement", "shared_facets",
    "disagreement_rate", "high_disagreement", "issues", "validation_confidence",
    "average_confidence", "quality", "tokens", "cost_usd", "total_ms", "sla_met", "model_a",
    "model_b", "recommendations",
)  # fmt: skip


def event_of(measured: Measurement, now_us: int) -> Event:
    """The event of a measurement: its id is the measurement's, its time the message's."""
    properties = {name: getattr(measured, name) for name in _PROPERTIES}
    properties["disagreements"] = len(measured.disagreements)
    return Event(
        0, measured.measurement_id, EVENT_TYPE, measured.at, now_us, measured.account_id, "event",
        properties=Raw(msgspec.json.encode(properties)),
    )  # fmt: skip


def notice_of(measured: Measurement) -> Notice | None:
    """The notice of a high disagreement, known by the measurement; None where it is not high."""
    if not measured.high_disagreement:
        return None
    high = [one.facet for one in measured.disagreements if one.severity == "high"]
    data = {
        "measurement_id": measured.measurement_id,
        "assessment_id": measured.assessment_id,
        "timestamp": format_instant(measured.at),
        "agreement": measured.agreement,
        "disagreement_rate": measured.disagreement_rate,
        "threshold": HIGH_DISAGREEMENT,
        "quality": measured.quality,
        "high_facets": high[:_NAMED],
        "issues": measured.issues,
        "recommendations": measured.recommendations,
    }
    return Notice(
        notice_id=f"{measured.measurement_id}-high", kind=HIGH_KIND,
        account_id=measured.account_id, at=measured.at, data=data,
    )  # fmt: skip
