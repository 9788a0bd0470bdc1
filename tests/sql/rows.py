"""Rows of every table that a saved query reads, the same every time."""

import json
import random
from datetime import UTC, datetime, timedelta
from typing import Any

NOW = datetime(2026, 3, 31, 12, 30, tzinfo=UTC)
TODAY = NOW.date()
DOMAINS = ("openness", "conscientiousness", "extraversion", "agreeableness", "neuroticism")
Row = dict[str, Any]


def generate() -> dict[str, list[Row]]:
    """Rows of every table that a saved query reads: ties, nulls, corrections, old and late ones."""
    rng = random.Random(8)
    return {
        "events": _events(rng), "ocean_scores": (scores := _scores(rng)),
        "assessment_events": _assessments(rng, scores), "cost_tracking": _costs(rng),
    }  # fmt: skip


def _back(rng: random.Random, days: float) -> datetime:
    return NOW - timedelta(microseconds=rng.randrange(int(days * 86_400_000_000)))


def _events(rng: random.Random) -> list[Row]:
    kinds = ["page_view"] * 4 + ["assessment.started", "assessment_started"] * 2
    kinds += ["assessment.completed", "assessment_completed", "report.generated", "user.upgraded"]
    rows = []
    for seq in range(1, 1_201):
        kind, at = rng.choice(kinds), _back(rng, rng.choice((1, 10, 40, 500)))
        user = rng.choice((None, f"u{rng.randrange(60)}"))
        properties: Row = {}
        if kind.startswith("assessment"):
            properties = {"assessment_id": f"a{rng.randrange(150)}"}
            properties |= (
                {"device": rng.choice(("desktop", "mobile"))} if rng.random() < 0.8 else {}
            )
            properties |= {"assessment_type": "ocean-120"} if rng.random() < 0.7 else {}
        elif kind == "user.upgraded":
            properties = {"plan": "pro", "usd": rng.choice((0, 9.5, 20, "no number", None))}
        rows.append({
            "event_id": f"e{seq}", "event_type": kind, "timestamp": at, "ingested_at": at,
            "user_id": user, "anonymous_id": rng.choice((None, f"x{rng.randrange(30)}")),
            "session_id": None, "properties": json.dumps(properties), "seq": seq,
            "account_id": "acme", "date": at.date(),
        })  # fmt: skip
    return rows


def _scores(rng: random.Random) -> list[Row]:
    rows = []
    for n in range(700):
        at = _back(rng, rng.choice((20, 300, 800)))
        score = {
            name: round(rng.uniform(5, 95), 3) if rng.random() < 0.95 else None for name in DOMAINS
        }
        facets = {
            name: {"score": rng.choice((None, rng.uniform(0, 100))), "responses": rng.randrange(5),
                   "std_dev": rng.choice((None, 12.5))}
            for name in ("anxiety", "trust", "order")
        }  # fmt: skip
        rows.append({
            "anonymous_user_id": f"p{rng.randrange(330)}",
            "assessment_id": f"s{rng.randrange(500)}",
            "timestamp": at, "version": rng.choice(("1", "2")), **score,
            "assessment_type": rng.choice(("ocean-120", "ocean-50")),
            "consistency": rng.choice((None, rng.random())), "completeness": rng.uniform(0.8, 1),
            "facets": facets,
            "industry": rng.choice(("technology", "technology", "health", "art", None)),
            "dark_side_indicators": rng.choice(
                (None, {"rigid": rng.uniform(0, 100), "volatile": rng.choice((None, 40.0))})
            ),
            "content": f"c{n}", "seq": n, "account_id": "acme", "year": at.year, "month": at.month,
        })  # fmt: skip
    return rows


def _assessments(rng: random.Random, scores: list[Row]) -> list[Row]:
    kept = ("assessment_id", "anonymous_user_id", "timestamp", "version", "content", "seq",
            "account_id", "assessment_type")  # fmt: skip
    return [
        {name: row[name] for name in kept}
        | {"completion_time": rng.randrange(20, 200) * 10,
           "device": rng.choice(("mobile", "desktop")),
           "platform": rng.choice(("web", "ios")), "date": row["timestamp"].strftime("%Y/%m/%d")}
        for row in scores if rng.random() < 0.9
    ]  # fmt: skip


def _costs(rng: random.Random) -> list[Row]:
    rows = []
    for _ in range(200):
        at = _back(rng, 60)
        usd = rng.uniform(0, 2) * (30 if at.day == 15 else 1)
        rows.append({
            "timestamp": at, "date": at.date(), "service": rng.choice(("lambda", "s3", "athena")),
            "invocations": rng.randrange(100), "estimated_cost_usd": usd, "account_id": "acme",
            "year": at.year, "month": at.month,
        })  # fmt: skip
    return rows
