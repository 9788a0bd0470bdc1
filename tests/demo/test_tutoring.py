"""The simulated students and tutors of the demo."""

import json
from functools import cache

from tallybrook.demo import tutoring
from tallybrook.demo.history import Request
from tallybrook.entities.catalog import Catalog
from tallybrook.entities.library import load
from tallybrook.entities.reading_facts import read_facts
from tallybrook.events.batches import Rejection, read_ndjson
from tallybrook.events.model import Event
from tallybrook.events.operations import read_operation

NOW_US = 1_795_000_000_000_000
CATALOG = Catalog(load("tutoring"))


@cache
def history() -> list[tuple[int, Request]]:
    return tutoring.history(NOW_US)


@cache
def live() -> list[tutoring.Envelope]:
    return tutoring.live(NOW_US)


def tells_of(event: Event) -> set[str]:
    """The types of entities that an event tells of without a fault."""
    reading = read_facts(event, CATALOG)
    assert reading is not None
    assert reading.faults == []
    return {seen.entity_type for seen in reading.seen}


def test_history_tells_of_every_type() -> None:
    """None of it would be rejected or be a fault, and nothing lies in the future."""
    types: set[str] = set()
    events = [e for _, request in history() for e in read_ndjson(request.body, "demo", NOW_US)]
    assert len(events) == sum(count for count, _ in history())
    for event in events:
        assert not isinstance(event, Rejection)
        assert event.timestamp <= NOW_US
        types |= tells_of(event)
    assert types == {"student", "tutor", "supply_demand"}


def test_same_anchor_same_bytes() -> None:
    """So that loading it twice counts once; the doubled events in it have one id."""
    again = [request.body for _, request in tutoring.history(NOW_US)]
    assert again == [request.body for _, request in history()]
    ids = [json.loads(line)["event_id"] for body in again for line in body.split(b"\n")]
    assert 0 < len(ids) - len(set(ids)) < len(ids) / 20


def test_live_goes_round() -> None:
    """One step in many has one event, with the time of sending; after the last come the first
    again, as other sessions."""
    first = tutoring.EVERY // 2
    later = first + tutoring.EVERY * len(live())
    sent = {n: tutoring.live_step(n, live(), NOW_US) for n in (*range(first + 1), later)}
    assert [n for n, requests in sent.items() if requests] == [first, later]
    one, other = (read_operation(sent[n][0].body, "demo", NOW_US) for n in (first, later))
    assert one.timestamp == other.timestamp == NOW_US
    assert one.event_id != other.event_id
    assert all(tells_of(event) for event in (one, other))
    number = next(n for n, envelope in enumerate(live()) if "session_id" in envelope["payload"])
    rounds = [first + tutoring.EVERY * (number + len(live()) * round_) for round_ in (0, 1)]
    sent_ids = {session_of(tutoring.live_step(n, live(), NOW_US)[0]) for n in rounds}
    assert len(sent_ids) == 2


def session_of(request: Request) -> str:
    return str(json.loads(request.body)["payload"]["session_id"])
