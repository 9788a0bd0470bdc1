"""Batches: every item as if it had come alone, and limits of the whole."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tallybrook.errors import InvalidError, MalformedError, TerminalError, TooLargeError
from tallybrook.events.batches import (
    MAX_BATCH_BYTES,
    MAX_BATCH_EVENTS,
    Item,
    Rejection,
    read_batch,
    read_ndjson,
)
from tallybrook.events.model import Event
from tallybrook.events.reading import read_event

NOW = 1_705_675_043_000_000
GOOD = b'{"event_type":"x","user_id":"u","event_id":"e"}'


def batch(*items: bytes) -> bytes:
    return b'{"events":[' + b",".join(items) + b"]}"


def told(item: Item | TerminalError) -> Any:
    """What became of an item, comparable."""
    if isinstance(item, Event):
        return msgspec.json.encode(item)
    error = item.error if isinstance(item, Rejection) else item
    return type(error), error.detail, error.errors


def alone(raw: bytes) -> Any:
    try:
        return told(read_event(raw, "acme", NOW))
    except TerminalError as error:
        return told(error)


_VALUES = st.sampled_from(
    ["u", "", "x" * 129, 5, None, True, [], {}, {"a": 1}, {"timestamp": "2020-01-01"}, "2020-01-01",
     {"ip": "1"}, {"a\n": "\n"}]
)  # fmt: skip
_KEYS = st.sampled_from(
    ["event_type", "user_id", "anonymous_id", "timestamp", "properties", "payload", "context",
     "session_id", "messageId", "id", "other"]
)  # fmt: skip
_ITEMS = st.dictionaries(_KEYS, _VALUES, max_size=5).map(
    lambda fields: json.dumps(
        {"event_type": "x", "user_id": "u", "event_id": "e"} | fields
    ).encode()
) | st.sampled_from([b"1", b"null", b"[]", b'"x"', b"{}"])


@settings(max_examples=300)
@given(st.lists(_ITEMS, max_size=6))
def test_batches_equal_singles(items: list[bytes]) -> None:
    """JSON, NDJSON and one by one: the same events, the same refusals in the same places."""
    expected = [alone(item) for item in items]
    assert [told(item) for item in read_batch(batch(*items), "acme", NOW)] == expected
    assert [told(item) for item in read_ndjson(b"\n".join(items), "acme", NOW)] == expected


def test_one_bad_item_spoils_only_itself() -> None:
    """A rejected item keeps its own bytes for the failed-records table."""
    found = read_batch(batch(GOOD, b'{"user_id":"u"}', GOOD), "acme", NOW)
    assert [type(item).__name__ for item in found] == ["Event", "Rejection", "Event"]
    assert isinstance(found[1], Rejection)
    assert found[1].body == b'{"user_id":"u"}'


def test_ndjson_lines_are_apart() -> None:
    """A line that is no JSON, or no UTF-8, is rejected alone; blank lines and CR are nothing."""
    raw = b"\r\n".join([GOOD, b"{", b"", b"\xff", b'{"a":"\\ud800"}', b"   ", GOOD]) + b"\n"
    found = read_ndjson(raw, "acme", NOW)
    assert [isinstance(item, Event) for item in found] == [True, False, False, False, True]
    errors = [item.error for item in found if isinstance(item, Rejection)]
    assert all(isinstance(error, MalformedError) for error in errors)


@pytest.mark.parametrize("raw", [b"", b"{", b"[", batch(GOOD)[:-1], batch(b"\xff"), batch(b"NaN")])
def test_a_batch_that_is_no_json(raw: bytes) -> None:
    """The whole of a JSON batch must be JSON."""
    with pytest.raises(MalformedError):
        read_batch(raw, "acme", NOW)


@pytest.mark.parametrize("raw", [b"{}", b"[]", b"1", b'{"events":{}}', b'{"events":null}', GOOD])
def test_a_batch_that_is_no_batch(raw: bytes) -> None:
    """A batch is an object with an array of events."""
    with pytest.raises(InvalidError):
        read_batch(raw, "acme", NOW)


def test_empty_batches_are_empty() -> None:
    """Nothing sent is nothing read."""
    assert read_batch(b'{"events":[]}', "acme", NOW) == []
    assert read_ndjson(b"\n\n", "acme", NOW) == []


def test_500_events_and_no_more() -> None:
    """The limits of the whole refuse the whole."""
    most = [GOOD] * MAX_BATCH_EVENTS
    assert len(read_batch(batch(*most), "acme", NOW)) == MAX_BATCH_EVENTS
    assert len(read_ndjson(b"\n".join(most), "acme", NOW)) == MAX_BATCH_EVENTS
    for too_many in ([*most, GOOD], [*most, b"{}"]):
        with pytest.raises(TooLargeError):
            read_batch(batch(*too_many), "acme", NOW)
        with pytest.raises(TooLargeError):
            read_ndjson(b"\n".join(too_many), "acme", NOW)


def test_5_megabytes_and_no_more() -> None:
    """White space counts: what is not read cannot be trusted to be small."""
    with pytest.raises(TooLargeError):
        read_batch(batch(GOOD) + b" " * MAX_BATCH_BYTES, "acme", NOW)
    with pytest.raises(TooLargeError):
        read_ndjson(GOOD + b"\n" * MAX_BATCH_BYTES, "acme", NOW)


def test_an_item_over_32_kb_is_rejected_alone() -> None:
    """The limit of one event holds in batches too, for that event."""
    large = b'{"event_type":"x","user_id":"u","properties":{"a":"' + b"x" * 33_000 + b'"}}'
    for found in (
        read_batch(batch(GOOD, large), "acme", NOW),
        read_ndjson(GOOD + b"\n" + large, "acme", NOW),
    ):
        assert isinstance(found[0], Event)
        assert isinstance(found[1], Rejection)
