"""Two AIs that score the same texts, simulated, with a drift in the middle. Pure: the same anchor,
the same bytes.

For the first weeks they differ by little. Then the second one comes in another version and scores
openness higher and agreeableness lower than before; after eight days the old version is back.
"""

import random
from typing import Any

import msgspec

from tallybrook.demo.history import NDJSON, Request
from tallybrook.events.instants import DAY_US, format_instant

MESSAGES, DAYS = 560, 42
DRIFT_FROM, DRIFT_TO = 22, 14
"""Days before the anchor between which the second AI is another version."""

TOGETHER = 100
"""Messages in one request: between two of them the demo sends its live events."""

EVERY = 61
"""Steps of the demo from one live message to the next."""

_SEED = 29
_STRAY, _DRIFTED_STRAY = 1.6, 2.6
_SHIFT = {"openness": 8.0, "agreeableness": -7.0}
_DOMAINS = ("openness", "conscientiousness", "extraversion", "agreeableness", "neuroticism")
_encode = msgspec.json.encode

Message = dict[str, Any]


def history(anchor_us: int) -> list[tuple[int, Request]]:
    """How many messages, and the request that sends them, in the order of their times."""
    gap_us = DAYS * DAY_US // MESSAGES
    lines = [
        _encode(message(number, anchor_us - (MESSAGES - number) * gap_us - gap_us // 2, anchor_us))
        for number in range(MESSAGES)
    ]
    parts = [lines[at : at + TOGETHER] for at in range(0, len(lines), TOGETHER)]
    return [
        (len(part), Request("POST", "/agreement/batch", b"\n".join(part), NDJSON)) for part in parts
    ]


def live_step(n: int, now_us: int) -> list[Request]:
    """The requests of step ``n`` of the demo (from 0): one in ``EVERY`` has a message."""
    if n % EVERY != EVERY // 2:
        return []
    body = _encode(message(MESSAGES + n // EVERY, now_us, now_us))
    return [Request("POST", "/agreement/messages", body)]


def drifting(at_us: int, anchor_us: int) -> bool:
    """Whether the second AI is the other version then."""
    return anchor_us - DRIFT_FROM * DAY_US <= at_us < anchor_us - DRIFT_TO * DAY_US


def message(number: int, at_us: int, anchor_us: int) -> Message:
    """The message of that number."""
    draw = random.Random(f"{_SEED}/{number}")
    other = drifting(at_us, anchor_us)
    stray = _DRIFTED_STRAY if other else _STRAY
    true = {name: draw.uniform(28, 78) for name in _DOMAINS}
    first = {name: _score(value + draw.gauss(0, _STRAY)) for name, value in true.items()}
    shift = _SHIFT if other else {}
    second = {
        name: _score(value + shift.get(name, 0.0) + draw.gauss(0, stray))
        for name, value in true.items()
    }
    said = _response(draw, first, "simulated-a 4", 2400)
    checked = _response(draw, second, "simulated-b 2.1" if other else "simulated-b 2.0", 1700)
    return {
        "assessmentId": f"demo-text-{number:05d}",
        "timestamp": format_instant(at_us),
        "a1Response": said,
        "b1Validation": checked | {"consistencyScore": round(draw.uniform(0.8, 0.97), 3)},
    }


def _score(value: float) -> float:
    return round(min(100.0, max(0.0, value)), 1)


def _response(
    draw: random.Random, scores: dict[str, float], model: str, tokens: int
) -> dict[str, Any]:
    return {
        "oceanScores": scores,
        "confidence": round(draw.uniform(0.82, 0.96), 3),
        "processingTime": round(draw.lognormvariate(7.2, 0.25)),
        "tokensUsed": round(draw.gauss(tokens, tokens / 12)),
        "modelVersion": model,
    }
