"""Messages of two AIs, as the tests make them."""

import json
import random
from typing import Any

from tallybrook.assessments.agreement.measure import Measurement, measure
from tallybrook.assessments.agreement.message import DOMAINS, read_dual
from tallybrook.costs.tokens import token_prices
from tallybrook.events.instants import format_instant
from tests.entities.world import NOW_US

PRICES = token_prices()


def worked() -> dict[str, Any]:
    """The worked example of the formulas."""
    return {
        "assessmentId": "worked",
        "timestamp": "2026-01-15T12:00:00Z",
        "a1Response": {
            "oceanScores": dict(zip(DOMAINS, (72, 68, 55, 70, 45), strict=True)),
            "confidence": 0.92, "processingTime": 1500, "tokensUsed": 2500, "modelVersion": "one",
        },
        "b1Validation": {
            "oceanScores": dict(zip(DOMAINS, (70, 69, 55, 68, 47), strict=True)),
            "confidence": 0.89, "processingTime": 1200, "tokensUsed": 1800,
            "consistencyScore": 0.91,
        },
    }  # fmt: skip


def measured(message: dict[str, Any], account_id: str = "acme") -> Measurement:
    return measure(read_dual(json.dumps(message).encode(), account_id), PRICES)


def drawn(
    draw: random.Random, number: int, at: int = NOW_US, spread: float = 4.0, shift: float = 0.0
) -> dict[str, Any]:
    """A message whose second AI strays from the first by ``spread`` points, and by ``shift``."""
    message = worked() | {"assessmentId": f"m{number}", "timestamp": format_instant(at)}
    first = {name: round(draw.uniform(25, 75), 3) for name in DOMAINS}
    second = {name: score + shift + draw.gauss(0, spread) for name, score in first.items()}
    message["a1Response"]["oceanScores"] = first
    message["b1Validation"]["oceanScores"] = {
        name: round(min(100.0, max(0.0, score)), 3) for name, score in second.items()
    }
    return message
