"""Events of assessments and costs as the product writes them, as lines of the log."""

import random
from functools import cache
from typing import Any

import msgspec

from tallybrook.assessments.anonymising import anonymise
from tallybrook.assessments.flow.scored import calculate
from tallybrook.assessments.flow.shapes import Scored
from tallybrook.assessments.flow.telling import event_of
from tallybrook.assessments.library import find_inventory, inventory
from tallybrook.ports.log import Chunk
from tallybrook.privacy.keys import PrivacyKey, fresh_key
from tallybrook.privacy.library import built_in
from tallybrook.privacy.pseudonyms import person
from tests.assessments.raw import assessment

NOW_US = 1_772_360_000_000_000


@cache
def _key() -> PrivacyKey:
    return fresh_key(0)


@cache
def scored(user: str, number: int = 1, industry: str = "technology") -> Scored:
    """One assessment of somebody, through the real anonymizer and calculator."""
    rng = random.Random(f"{user} {number}")
    raw = assessment(
        userId=user,
        assessmentId=f"a-{user}-{number}",
        timestamp=f"2026-0{1 + number % 3}-{1 + number:02}T10:20:30Z",
        responses=[{"questionId": str(n), "answer": rng.randint(1, 5)} for n in range(1, 121)],
        demographics={"age": 34, "country": "Germany", "industry": industry, "role": "Manager"},
    )
    who = person(_key(), bytes(32), "acme", user)
    result = anonymise(raw, who, built_in(), find_inventory)
    return calculate(result, inventory("ocean-120"), with_indicators=True)


def scored_line(seq: int, user: str, number: int = 1, **change: Any) -> bytes:
    """The event of a score, as it stands in the log."""
    event = event_of("acme", scored(user, number, change.pop("industry", "technology")), NOW_US)
    return msgspec.json.encode(msgspec.structs.replace(event, seq=seq, **change)) + b"\n"


def cost_line(seq: int, **told: Any) -> bytes:
    """A record of costs."""
    properties = {"function": "ocean", "service": "lambda", "invocations": 10} | told
    event = {
        "seq": seq, "event_id": f"c{seq}", "event_type": "cost_metrics",
        "timestamp": NOW_US + seq, "ingested_at": NOW_US, "account_id": "acme",
        "time_source": "event", "properties": properties,
    }  # fmt: skip
    return msgspec.json.encode(event) + b"\n"


def chunk_of(first: int, *lines: bytes) -> Chunk:
    return Chunk(first, len(lines), NOW_US, b"".join(lines))
