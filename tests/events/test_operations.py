"""The operations stream's envelope, and the identity of what it tells (SPEC 3)."""

import json
from typing import Any

import msgspec
import pytest

from tallybrook.errors import InvalidError, MalformedError, TooLargeError
from tallybrook.events.model import Event
from tallybrook.events.operations import read_operation

NOW = 1_705_675_043_000_000


def read(**fields: Any) -> Event:
    envelope = {"event_type": "note", "timestamp": "2024-01-19T14:37:23Z", "payload": {}} | fields
    return read_operation(json.dumps(envelope).encode(), "acme", NOW)


SESSION = {"session_id": "s1", "student_id": "u1", "tutor_id": "t1"}


def test_the_envelope_as_an_event() -> None:
    """The payload becomes the properties; user and session come from it; the source is kept."""
    event = read(event_type="session_started", payload=SESSION, source="app", region="eu")
    assert json.loads(bytes(event.properties)) == SESSION
    assert (event.session_id, event.user_id) == ("s1", "u1")
    assert json.loads(bytes(event.context)) == {"source": "app", "extra": {"region": "eu"}}
    assert (event.timestamp, event.time_source) == (NOW, "event")


def test_no_user_is_needed() -> None:
    """An operation need not be anybody's."""
    assert read().user_id is None


@pytest.mark.parametrize("kind", ["session_started", "session_completed"])
def test_business_key_of_a_session(kind: str) -> None:
    """(type, session, student) names the fact; nothing else of it matters, the time included."""
    one = read(event_type=kind, payload=SESSION)
    again = read(event_type=kind, payload=SESSION | {"rating": 5}, timestamp="2024-02-01")
    assert one.event_id == again.event_id
    assert read(event_type=kind, payload=SESSION | {"session_id": "s2"}).event_id != one.event_id
    assert read(event_type=kind, payload=SESSION | {"student_id": "u2"}).event_id != one.event_id


def test_start_and_end_are_two_facts() -> None:
    """The type is part of the key."""
    kinds = ("session_started", "session_completed")
    assert len({read(event_type=kind, payload=SESSION).event_id for kind in kinds}) == 2


def test_business_key_of_a_call() -> None:
    """``call_id`` names a call."""
    one = read(event_type="ib_call_logged", payload={"call_id": "c", "reason": "a"})
    again = read(event_type="ib_call_logged", payload={"call_id": "c", "reason": "b"})
    assert one.event_id == again.event_id


def test_content_is_the_identity_otherwise() -> None:
    """Without a key the same type, time and payload are the same fact, however spelt."""
    one = read(payload={"a": 1, "b": [1, 2]})
    assert read(payload={"b": [1, 2], "a": 1}).event_id == one.event_id
    assert read(payload={"a": 1, "b": [2, 1]}).event_id != one.event_id
    assert read(payload={"a": 1, "b": [1, 2]}, timestamp="2024-01-20").event_id != one.event_id
    spelt = (
        b'{"event_type":"note","timestamp":"2024-01-19T14:37:23Z","payload":{ "a":1,"b":[1, 2]}}'
    )
    assert read_operation(spelt, "acme", NOW).event_id == one.event_id
    incomplete = read(event_type="session_started", payload={"session_id": "s1"})
    assert incomplete.event_id != read(event_type="session_started", payload=SESSION).event_id


def test_a_given_id_is_the_identity() -> None:
    """``event_id`` goes before everything."""
    assert read(event_type="session_started", payload=SESSION, event_id="mine").event_id == "mine"


def test_times() -> None:
    """Envelope, else payload, else arrival; never a guess."""
    assert read(timestamp=None, payload={"timestamp": "2020-01-01"}).time_source == "payload"
    assert read(timestamp=None).time_source == "arrival"
    with pytest.raises(InvalidError):
        read(timestamp="soon")
    with pytest.raises(InvalidError):
        read(timestamp=None, payload={"timestamp": 5})


def test_identities_that_are_numbers() -> None:
    """Ids that are numbers are read as their text; 0 is an id like any other."""
    assert read(payload={"session_id": 0, "student_id": 17}).session_id == "0"
    assert read(payload={"session_id": None, "student_id": True}).user_id is None


@pytest.mark.parametrize("payload", [[], 1, "x", True])
def test_a_payload_is_an_object(payload: Any) -> None:
    """Anything else is refused."""
    with pytest.raises(InvalidError):
        read(payload=payload)


@pytest.mark.parametrize("kind", [None, "", 5, "x" * 129])
def test_a_type_is_required(kind: Any) -> None:
    """And is text of 1 to 128 characters."""
    with pytest.raises(InvalidError):
        read(event_type=kind)


def test_malformed_and_too_large() -> None:
    """As for every event."""
    with pytest.raises(MalformedError):
        read_operation(b"{", "acme", NOW)
    with pytest.raises(MalformedError):
        read_operation(b'{"event_type":"x","payload":{"a":"\\ud800"}}', "acme", NOW)
    with pytest.raises(TooLargeError):
        read(payload={"a": "x" * 33_000})


@pytest.mark.parametrize("number", ["1e999", "9" * 400, "-0", "1E400"])
def test_numbers_no_float_holds(number: str) -> None:
    """Have an identity too, and are stored as written."""
    raw = f'{{"event_type":"x","payload":{{"n":{number}}}}}'.encode()
    event = read_operation(raw, "acme", NOW)
    assert event.event_id == read_operation(raw, "acme", NOW + 1).event_id
    assert bytes(event.properties) == f'{{"n":{number}}}'.encode()


def test_an_operation_is_one_line() -> None:
    """Pretty-printed envelopes are one line of the log."""
    raw = json.dumps({"event_type": "x", "payload": {"a": {"b": 1}}, "y": [1, 2]}, indent=1)
    assert b"\n" not in msgspec.json.encode(read_operation(raw.encode(), "acme", NOW))
