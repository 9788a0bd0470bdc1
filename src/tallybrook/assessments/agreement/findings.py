"""What is found in one message, and what is advised: names, limits and texts as data. Pure."""

from typing import Literal

Issue = Literal["systematic_difference", "extreme_scores"]
Recommendation = Literal[
    "review_by_person", "review_facets", "check_calibration", "check_response_style",
    "gather_more_evidence", "reduce_latency",
]  # fmt: skip
Severity = Literal["medium", "high"]

FULL_SCALE = 20.0
"""Points of difference from which two scores do not agree at all."""
MEDIUM, HIGH = 10.0, 20.0
SYSTEMATIC = 5.0
LOW, TOP, EXTREME_SHARE = 20.0, 80.0, 0.6
HIGH_DISAGREEMENT = 0.15
LOW_CONFIDENCE = 0.7
SLA_MS = 5000.0
UNKNOWN_CONSISTENCY = 0.5
ISSUES_FOR_NOTHING = 10
"""So many issues leave nothing of their part in the quality."""

ISSUES: dict[Issue, str] = {
    "systematic_difference": "One AI scores higher than the other: the mean difference of the "
    "domains is more than 5 points.",
    "extreme_scores": "More than 60 % of the domain scores of both are below 20 or above 80.",
}
RECOMMENDATIONS: dict[Recommendation, str] = {
    "review_by_person": "The two disagree by more than 15 %: have a person look at it.",
    "review_facets": "Facets are more than 20 points apart: look at these first.",
    "check_calibration": "The difference is systematic: calibrate the two against each other.",
    "check_response_style": "Most scores are extreme: check the answers for a response style.",
    "gather_more_evidence": "The average confidence is below 0.7: gather more answers.",
    "reduce_latency": "Both together took 5 s or more: use a faster model or shorter prompts.",
}
