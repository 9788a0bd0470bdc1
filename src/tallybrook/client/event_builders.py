"""Events that others have names for: built here, sent with ``track_event``.

A user is their id, or a mapping that has it under ``user_id``, ``userId`` or ``id``; an assessment
likewise, and its inventory is taken from it, too. Nothing else of a mapping gets into an event, so
no name or address does. Every builder takes further properties by name.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from tallybrook.client.shapes import OceanScores
from tallybrook.errors import InvalidError

Event = dict[str, Any]
User = str | Mapping[str, Any]
Assessment = str | Mapping[str, Any]
Scored = OceanScores | Mapping[str, Any] | None

_USER_IDS = ("user_id", "userId", "id")
_ASSESSMENT_IDS = ("assessment_id", "assessmentId", "id")
_SCORES = (
    "openness", "conscientiousness", "extraversion", "agreeableness", "neuroticism",
    "completeness", "consistency",
)  # fmt: skip


def event(event_type: str, user: User, **properties: Any) -> Event:
    """Any event of a user. Properties that are None are left out; 0, False and "" are kept."""
    kept = {name: value for name, value in properties.items() if value is not None}
    return {"event_type": event_type, "user_id": _named(user, _USER_IDS), "properties": kept}


def page_view(user: User, path: str, **properties: Any) -> Event:
    return event("page_view", user, path=path, **properties)


def assessment_started(user: User, assessment: Assessment, **properties: Any) -> Event:
    return event("assessment.started", user, **_of(assessment), **properties)


def assessment_completed(
    user: User, assessment: Assessment, scores: Scored = None, duration_ms: float | None = None,
    **properties: Any,
) -> Event:  # fmt: skip
    """``scores`` are those of ``process_assessment``, or a mapping: the domains, completeness and
    consistency get into the event, and no facets. Who wants an event that leads to nobody gives
    ``scores.anonymous_user_id`` as the user."""
    found = _scores(scores) or None
    return event(
        "assessment.completed", user, **_of(assessment), duration_ms=duration_ms, scores=found,
        **properties,
    )  # fmt: skip


def assessment_abandoned(
    user: User, assessment: Assessment, *, questions_answered: int | None = None,
    progress_percent: float | None = None, **properties: Any,
) -> Event:  # fmt: skip
    return event(
        "assessment.abandoned", user, **_of(assessment), questions_answered=questions_answered,
        progress_percent=progress_percent, **properties,
    )  # fmt: skip


def user_registered(user: User, **properties: Any) -> Event:
    return event("user.registered", user, **properties)


def user_upgraded(user: User, plan: str, *, usd: float | None = None, **properties: Any) -> Event:
    return event("user.upgraded", user, plan=plan, usd=usd, **properties)


def report_generated(
    user: User, report: str, *, duration_ms: float | None = None, **properties: Any
) -> Event:
    return event("report.generated", user, report=report, duration_ms=duration_ms, **properties)


def system_error(component: str, code: str, **properties: Any) -> Event:
    """An event of no user: ``component`` is its anonymous id."""
    kept = {name: value for name, value in properties.items() if value is not None}
    return {
        "event_type": "system.error",
        "anonymous_id": component,
        "properties": {"component": component, "code": code} | kept,
    }


def _named(thing: str | Mapping[str, Any], names: tuple[str, ...]) -> str:
    if isinstance(thing, str):
        return thing
    found = next((thing[name] for name in names if thing.get(name) is not None), None)
    if found is None:
        raise InvalidError(f"one of {', '.join(names)} is needed")
    return str(found)


def _of(assessment: Assessment) -> Event:
    found = {"assessment_id": _named(assessment, _ASSESSMENT_IDS)}
    if isinstance(assessment, Mapping):
        kind = assessment.get("assessment_type", assessment.get("assessmentType"))
        found |= {"assessment_type": kind} if kind is not None else {}
    return found


def _scores(scores: Scored) -> Event:
    if isinstance(scores, OceanScores):
        given: Mapping[str, Any] = msgspec.structs.asdict(scores.scores)
    else:
        given = scores or {}
        given = given.get("scores", given)
    return {name: given[name] for name in _SCORES if given.get(name) is not None}
