"""Reading what a trigger delivers, without any trigger."""

import gzip
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallybrook.entrypoints.lambdas.identity import Origin
from tallybrook.entrypoints.lambdas.messages import Item, Reading, read_message
from tallybrook.events.ids import UlidFactory, stable_id
from tallybrook.events.model import Event
from tallybrook.ports.log import FailedRecord

NOW_US = 1_705_675_043_000_000
ORIGIN = Origin("sqs", ("m-1",), NOW_US)
READING = Reading(NOW_US)
PLAIN = {"event_type": "view", "user_id": "u", "timestamp": "2024-01-19T14:37:23Z"}


def read(body: Any, origin: Origin = ORIGIN) -> list[Item]:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return read_message(data, origin, READING)


def events(items: list[Item]) -> list[Event]:
    assert all(isinstance(item, Event) for item in items), items
    return [item for item in items if isinstance(item, Event)]


def the_failure(items: list[Item]) -> FailedRecord:
    (item,) = items
    assert isinstance(item, FailedRecord)
    return item


def test_an_event_keeps_the_name_it_brings() -> None:
    """event_id, messageId and id name an event, whatever delivered it."""
    for name in ("event_id", "messageId", "id"):
        (event,) = events(read(PLAIN | {name: "mine"}))
        assert event.event_id == "mine"


def test_an_event_without_a_name_is_named_after_its_delivery() -> None:
    """The same delivery gives the same id, another delivery or another place in it another."""
    (event,) = events(read(PLAIN))
    assert events(read(PLAIN))[0].event_id == event.event_id
    assert events(read(PLAIN, Origin("sqs", ("m-2",), NOW_US)))[0].event_id != event.event_id
    two = events(read({"events": [PLAIN, PLAIN]}))
    assert len({item.event_id for item in two}) == 2
    null = events(read(PLAIN | {"event_id": None}))
    assert null[0].event_id == event.event_id


def test_an_operations_envelope_is_told_by_its_payload() -> None:
    """What has a payload and names no user is of the operations stream: no user is asked for."""
    body = {"event_type": "ib_call_logged", "timestamp": PLAIN["timestamp"], "payload": {"a": 0}}
    (event,) = events(read(body))
    assert event.user_id is None
    assert event.event_id.startswith("op-")
    assert bytes(event.properties) == b'{"a": 0}'  # type: ignore[arg-type]
    (user,) = events(read(body | {"user_id": "u"}))
    assert user.user_id == "u"


@pytest.mark.parametrize("form", ["events", "array", "ndjson"])
def test_every_form_of_a_batch_gives_its_items_in_order(form: str) -> None:
    """One bad item spoils only itself, at its place."""
    items = [PLAIN | {"event_id": "a"}, {"event_type": 5}, PLAIN | {"event_id": "b"}]
    bodies = {
        "events": json.dumps({"events": items}).encode(),
        "array": json.dumps(items).encode(),
        "ndjson": b"\n\n".join(json.dumps(item).encode() for item in items) + b"\r\n",
    }
    first, bad, last = read(bodies[form])
    assert [e.event_id for e in events([first, last])] == ["a", "b"]
    failure = the_failure([bad])
    assert json.loads(failure.body) == items[1]
    assert failure.reason == "invalid"


def test_a_batch_of_any_size_is_read() -> None:
    """What a queue holds was accepted there: 500 is a limit of requests, not of messages."""
    assert len(events(read({"events": [PLAIN] * 700}))) == 700


def test_the_envelope_names_the_account() -> None:
    """account_id in an event or beside events; an account nobody could have is refused."""
    assert events(read(PLAIN | {"account_id": "acme"}))[0].account_id == "acme"
    assert events(read(PLAIN))[0].account_id == "default"
    (own, inherited) = events(
        read({"account_id": "acme", "events": [PLAIN | {"account_id": "other"}, PLAIN]})
    )
    assert (own.account_id, inherited.account_id) == ("other", "acme")
    assert "account_id" not in str(own.context)
    for wrong in ("A B", "", 7):
        failure = the_failure(read(PLAIN | {"account_id": wrong}))
        assert (failure.account_id, failure.reason) == ("default", "invalid")
        assert json.loads(failure.body)["account_id"] == wrong


def test_a_bad_event_of_an_account_fails_in_that_account() -> None:
    """Its owner finds it."""
    assert the_failure(read({"account_id": "acme", "event_type": ""})).account_id == "acme"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (gzip.compress(b'{"messageType":"DATA_MESSAGE"}'), "unsupported-type"),
        (b"\xf3\x89\x9a\xc2\x0a\x01", "unsupported-type"),
        (b"Hello, this is a test.", "malformed"),
        (b"two\nlines", "malformed"),
        (b"", "malformed"),
        (b"\xff\xfe", "malformed"),
        (b"7", "invalid"),
        (b'{"events": 7}', "invalid"),
        (b"[" * 10_000, "malformed"),
        (b'{"event_type":"x","user_id":"u","properties":"' + b"x" * 40_000 + b'"}', "too-large"),
    ],
    ids=["gzip", "kpl", "text", "lines", "empty", "binary", "number", "events", "deep", "large"],
)
def test_what_cannot_be_read_is_kept_whole_with_its_reason(body: bytes, reason: str) -> None:
    """One failed record, of the same name at every delivery."""
    failure = the_failure(read(body))
    assert (failure.reason, failure.source) == (reason, "sqs")
    assert the_failure(read(body)).failed_id == failure.failed_id


@given(st.binary(max_size=200) | st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(["event_type", "events", "payload", "account_id", "user_id", "id"]),
        inner, max_size=4,
    ),
    max_leaves=8,
).map(lambda value: json.dumps(value).encode()))  # fmt: skip
def test_no_message_raises_and_reading_is_a_function(body: bytes) -> None:
    """Whatever comes, the same items come out, each time."""
    first, second = read(body), read(body)
    names = [i.event_id if isinstance(i, Event) else i.failed_id for i in first]
    assert names == [i.event_id if isinstance(i, Event) else i.failed_id for i in second]
    assert first == second


def test_a_stable_id_sorts_with_those_made_by_the_server() -> None:
    """Failed records are listed newest first by their id, however they came."""
    before, after = UlidFactory()(NOW_US - 1000), UlidFactory()(NOW_US + 1000)
    assert before < stable_id(NOW_US, "a", "b") < after
    assert stable_id(NOW_US, "a", "b") != stable_id(NOW_US, "ab")
    assert len(stable_id(-5, "x")) == len(stable_id(1 << 80, "x")) == 26
