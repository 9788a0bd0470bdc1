"""A tutoring marketplace, simulated: students, tutors, and supply and demand that entities and
alerts have something to show of. Pure: the same anchor, the same bytes.

The history is a month as it would have been. Live its time is squeezed: what follows upon that
month is sent with the time of sending, an event every few seconds.
"""

from itertools import takewhile
from typing import Any

import msgspec

from tallybrook.demo.history import BATCH, NDJSON, Request
from tallybrook.entities.simulate import Plan, simulate
from tallybrook.events.ids import content_id
from tallybrook.events.instants import DAY_US, format_instant

EVERY = 20
"""Steps of the demo from one live event to the next."""

_SEED, _STUDENTS, _TUTORS, _DAYS = 11, 120, 24, 30
_LIVE_DAYS = 20
_OWN = ("session_id", "call_id")

Envelope = dict[str, Any]
_encode = msgspec.json.encode


def history(anchor_us: int) -> list[tuple[int, Request]]:
    """How many events, and the request that sends them, of the month before the anchor. Doubled
    ones are in it; they have one id."""
    plan = Plan(_SEED, anchor_us - _DAYS * DAY_US, anchor_us, _STUDENTS, _TUTORS)
    arrived = takewhile(lambda arrival: arrival.at <= anchor_us, simulate(plan))
    lines = [_line(arrival.envelope) for arrival in arrived]
    parts = [lines[at : at + BATCH] for at in range(0, len(lines), BATCH)]
    return [
        (len(part), Request("POST", "/events/batch", b"\n".join(part), NDJSON)) for part in parts
    ]


def live(anchor_us: int) -> list[Envelope]:
    """What follows upon the history, in the order it is sent in."""
    plan = Plan(_SEED, anchor_us, anchor_us + _LIVE_DAYS * DAY_US, _STUDENTS, _TUTORS)
    return [arrival.envelope for arrival in simulate(plan)]


def live_step(n: int, envelopes: list[Envelope], now_us: int) -> list[Request]:
    """The requests of step ``n`` of the demo (from 0): one in ``EVERY`` has one. After the last
    event comes the first again, as another session or call."""
    if n % EVERY != EVERY // 2:
        return []
    number = n // EVERY
    round_, index = divmod(number, len(envelopes))
    payload = envelopes[index]["payload"]
    fresh = {name: f"{payload[name]}-{round_}" for name in _OWN if name in payload}
    envelope = envelopes[index] | {
        "event_id": f"demo-tutoring-live-{number}",
        "timestamp": format_instant(now_us),
        "payload": payload | fresh,
    }
    return [Request("POST", "/ingest", _encode(envelope))]


def _line(envelope: Envelope) -> bytes:
    payload = envelope["payload"]
    student = payload.get("student_id")
    who = {"user_id": student} if student else {"anonymous_id": "marketplace"}
    event = {
        "event_id": f"demo-tutoring-{content_id(_encode(envelope))}",
        "event_type": envelope["event_type"],
        "timestamp": envelope["timestamp"],
        "properties": payload,
        "context": {"source": envelope["source"]},
    }
    return _encode(event | who)
