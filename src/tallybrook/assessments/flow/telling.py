"""What a score tells others: an event for the log, a notice for the bus. Pure."""

import msgspec
from msgspec import Raw, Struct

from tallybrook.assessments.flow.shapes import Scored
from tallybrook.events.ids import content_id
from tallybrook.events.instants import parse_instant
from tallybrook.events.model import Event
from tallybrook.ports.bus import Notice

EVENT_TYPE = "assessment_scored"
SCORED_KIND = "AssessmentScored"


def event_of(account_id: str, scored: Scored, now_us: int) -> Event:
    """The event of a score: one for each content of an assessment, of one id for ever. Its time
    is the assessment's (an hour), its user the pseudonym."""
    properties = msgspec.structs.asdict(scored)
    for name in ("anonymous_user_id", "session_id", "timestamp", "norms"):
        del properties[name]
    return Event(
        0, event_id(account_id, scored), EVENT_TYPE, parse_instant(scored.timestamp) or now_us,
        now_us, account_id, "event", user_id=scored.anonymous_user_id,
        session_id=scored.session_id, properties=Raw(msgspec.json.encode(properties)),
    )  # fmt: skip


class _Named(Struct):
    assessment_id: str
    content: str


def notice_of(event: Event) -> Notice:
    """The notice of a score, known by the event's id. It says that there is one and names it by
    pseudonym; what the scores are is asked for with a key."""
    assert isinstance(event.properties, Raw)
    named = msgspec.json.decode(event.properties, type=_Named)
    data = {"assessment_id": named.assessment_id, "content": named.content}
    return Notice(
        notice_id=event.event_id, kind=SCORED_KIND, account_id=event.account_id,
        at=event.timestamp, data=data,
    )  # fmt: skip


def event_id(account_id: str, scored: Scored) -> str:
    return content_id(EVENT_TYPE, account_id, scored.assessment_id, scored.content)
