"""The events that are rows of further tables: what they have to hold, checked. Pure."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from msgspec import UNSET, Struct, field

from tallybrook.events.model import Event

_KIND = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
Score = float | None


class Facet(Struct, frozen=True):
    score: Score
    responses: int
    std_dev: Score


class Scores(Struct, frozen=True):
    """Of an assessment: domains, validity, facets by name."""

    openness: Score
    conscientiousness: Score
    extraversion: Score
    agreeableness: Score
    neuroticism: Score
    facets: dict[str, Facet]
    consistency: Score = None
    completeness: Score = None


class Scored(Struct, frozen=True, kw_only=True):
    """The properties of ``assessment_scored``."""

    assessment_id: str
    content: str
    assessment_type: str
    scores: Scores
    version: str | None = None
    scoring_version: str | None = None
    completion_time: int | None = None
    device: str | None = None
    platform: str | None = None
    age_range: str | None = None
    industry: str | None = None
    role: str | None = None
    experience: str | None = None
    region: str | None = None
    dark_side_indicators: dict[str, Score] | None = None


class Cost(Struct, frozen=True, kw_only=True):
    """The properties of ``cost_metrics``."""

    function: str
    service: str = ""
    invocations: int = 0
    avg_duration_ms: Score = None
    avg_memory_mb: Score = None
    memory_mb: Score = None
    init_ms: Score = None
    bytes: int | None = None
    estimated_usd: Score = field(default=None, name="estimated_cost_usd")
    estimated_cost: Score = None


_scored = msgspec.json.Decoder(Scored)
_cost = msgspec.json.Decoder(Cost)


def scored_row(event: Event) -> dict[str, Any]:
    """The columns of ``assessment_events`` and ``ocean_scores`` but for those of every row.

    Raises ``ValueError`` or ``msgspec.DecodeError`` for an event that is not of that shape.
    """
    if event.user_id is None:
        raise ValueError("there is no user_id, which is the person's pseudonym")
    told = _scored.decode(_properties(event))
    if not _KIND.fullmatch(told.assessment_type):
        raise ValueError("assessment_type is no name of an inventory")
    row = msgspec.structs.asdict(told)
    scores = msgspec.structs.asdict(row.pop("scores"))
    return row | scores | {"anonymous_user_id": event.user_id, "session_id": event.session_id}


def cost_row(event: Event) -> dict[str, Any]:
    """The columns of ``cost_tracking`` but for those of every row; raises as ``scored_row``."""
    told = _cost.decode(_properties(event))
    usd = told.estimated_cost if told.estimated_usd is None else told.estimated_usd
    if usd is None:
        raise ValueError("there is no estimated_cost_usd")
    row = msgspec.structs.asdict(told) | {
        "date": (_EPOCH + timedelta(microseconds=event.timestamp)).date().isoformat(),
        "estimated_cost_usd": usd,
        "cost_per_invocation_usd": usd / told.invocations if told.invocations else None,
    }
    return {name: row[name] for name in row if not name.startswith("estimated_usd")}


def _properties(event: Event) -> bytes:
    found: Any = event.properties
    if found is UNSET:
        raise ValueError("there are no properties")
    return found.encode() if isinstance(found, str) else bytes(found)
