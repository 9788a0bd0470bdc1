"""One event, from bytes to what is stored (SPEC 1, table of the event)."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallybrook.errors import InvalidError, MalformedError, TooLargeError
from tallybrook.events.instants import MAX_US, MIN_US
from tallybrook.events.model import MAX_EVENT_BYTES, Event
from tallybrook.events.reading import read_event

NOW = 1_705_675_043_000_000


def body(**fields: Any) -> bytes:
    return json.dumps({"event_type": "page_view", "user_id": "u1"} | fields).encode()


def read(raw: bytes | None = None, **fields: Any) -> Event:
    return read_event(body(**fields) if raw is None else raw, "acme", NOW)


def kept(raw: Any) -> Any:
    return None if raw is msgspec.UNSET else json.loads(bytes(raw))


def pointers(raw: bytes) -> set[str]:
    with pytest.raises(InvalidError) as caught:
        read_event(raw, "acme", NOW)
    assert all(fault.detail for fault in caught.value.errors)
    return {fault.pointer for fault in caught.value.errors}


def test_the_least_event() -> None:
    """A type and a user are enough: arrival is the time, and says so; the id is made here."""
    event = read()
    assert (event.event_type, event.user_id, event.account_id) == ("page_view", "u1", "acme")
    assert (event.timestamp, event.ingested_at, event.time_source) == (NOW, NOW, "arrival")
    assert len(event.event_id) == 26
    assert event.properties is msgspec.UNSET
    assert event.context is msgspec.UNSET
    assert event.anonymous_id is None
    assert event.session_id is None


def test_every_field_is_kept() -> None:
    """What was sent is what is stored."""
    event = read(
        event_id="e1", timestamp="2024-01-19T14:37:23Z", anonymous_id="a1", session_id="s1",
        properties={"n": 0, "b": False, "t": "", "z": None}, context={"library": {"name": "x"}},
    )  # fmt: skip
    assert (event.event_id, event.timestamp, event.time_source) == ("e1", NOW, "event")
    assert (event.anonymous_id, event.session_id) == ("a1", "s1")
    assert kept(event.properties) == {"n": 0, "b": False, "t": "", "z": None}
    assert kept(event.context) == {"library": {"name": "x"}}


@pytest.mark.parametrize(
    ("ids", "expected"),
    [
        ({"event_id": "e", "messageId": "m", "id": "i"}, "e"),
        ({"messageId": "m", "id": "i"}, "m"),
        ({"id": "i"}, "i"),
        ({"event_id": None, "messageId": None, "id": "i"}, "i"),
        ({"event_id": "0"}, "0"),
    ],
)
def test_identity_precedence(ids: dict[str, Any], expected: str) -> None:
    """``event_id``, else ``messageId``, else CloudEvents' ``id``."""
    assert read(**ids).event_id == expected


def test_made_ids_differ() -> None:
    """Two events without an id are two events."""
    assert read().event_id != read().event_id


def test_anonymous_is_enough_and_nobody_is_not() -> None:
    """A product event needs ``user_id`` or ``anonymous_id``."""
    event = read(b'{"event_type":"x","anonymous_id":"a"}')
    assert (event.user_id, event.anonymous_id) == (None, "a")
    assert pointers(b'{"event_type":"x"}') == {"/user_id"}
    assert pointers(b'{"event_type":"x","user_id":null}') == {"/user_id"}


def test_payload_is_an_alias() -> None:
    """``payload`` is read as ``properties``; both at once is a fault; null is absent."""
    assert kept(read(payload={"a": 1}).properties) == {"a": 1}
    assert pointers(body(payload={}, properties={})) == {"/payload"}
    assert read(payload=None).properties is msgspec.UNSET
    assert read(properties=None).properties is msgspec.UNSET


@pytest.mark.parametrize("key", ["timestamp", "\\u0074imestamp", "timestam\\u0070"])
def test_time_of_the_payload(key: str) -> None:
    """Without a time of its own an event has that of ``payload.timestamp``, however written."""
    raw = b'{"event_type":"x","user_id":"u","payload":{"%b":"2020-01-01"}}' % key.encode()
    event = read(raw)
    assert (event.timestamp, event.time_source) == (1_577_836_800_000_000, "payload")


def test_event_time_goes_before_payload_time() -> None:
    """``timestamp``, else ``payload.timestamp``, else arrival; ``properties`` name no time."""
    stamped = {"timestamp": "2020-01-01"}
    assert read(timestamp="2024-01-19T14:37:23Z", payload=stamped).time_source == "event"
    assert read(timestamp=None, payload=stamped).time_source == "payload"
    assert read(payload={"timestamp": None}).time_source == "arrival"
    assert read(properties=stamped).time_source == "arrival"
    assert read(payload={"deeper": stamped}).time_source == "arrival"


@pytest.mark.parametrize(
    "stamp", [1705675043, 1705675043.5, "1705675043", "", "soon", True, [], {}]
)
def test_unreadable_time_is_never_the_clock(stamp: Any) -> None:
    """A time that cannot be read is a fault, wherever it stood; a bare number above all."""
    assert pointers(body(timestamp=stamp)) == {"/timestamp"}
    assert pointers(body(payload={"timestamp": stamp})) == {"/payload/timestamp"}


def test_year_1_and_year_9999() -> None:
    """The ends of the calendar are times like any other."""
    assert read(timestamp="0001-01-01T00:00:00Z").timestamp == MIN_US
    assert read(timestamp="9999-12-31T23:59:59.999999Z").timestamp == MAX_US


def test_unknown_keys_are_kept() -> None:
    """Keys that we have no field for are under ``context.extra``, whatever the context was."""
    assert kept(read(page="/a", n=0).context) == {"extra": {"page": "/a", "n": 0}}
    assert kept(read(page=None, context=None).context) == {"extra": {"page": None}}
    both = read(page="/a", context={"library": "x", "extra": 1})
    assert kept(both.context) == {"library": "x", "extra": {"page": "/a"}}
    assert pointers(body(page="/a", context=[1])) == {"/context"}


@pytest.mark.parametrize("key", [b"ip", rb"\u0069p", rb"i\u0070", rb"\u0069\u0070"])
def test_ip_is_dropped_at_the_door(key: bytes) -> None:
    """``context.ip`` is not stored, however the key is written; the rest of the context is."""
    raw = b'{"event_type":"x","user_id":"u","context":{"%b":"192.0.2.7","zip":1,"a":"\\u00e9"}}'
    event = read(raw % key)
    assert b"192.0.2.7" not in msgspec.json.encode(event)
    assert kept(event.context) == {"zip": 1, "a": "é"}


def test_ip_is_kept_where_asked() -> None:
    """``keep_ip`` keeps it."""
    event = read_event(body(context={"ip": "192.0.2.7"}), "acme", NOW, keep_ip=True)
    assert kept(event.context) == {"ip": "192.0.2.7"}


@pytest.mark.parametrize(
    "name", ["event_type", "event_id", "user_id", "anonymous_id", "session_id", "messageId", "id"]
)
@pytest.mark.parametrize("value", ["", "x" * 129, 7, 0, False, [], {}])
def test_texts_have_1_to_128_characters(name: str, value: Any) -> None:
    """Ids and types are text of 1 to 128 characters; the fault names the field."""
    assert pointers(body(**{name: value})) == {f"/{name}"}


def test_128_characters_are_characters() -> None:
    """The limit counts characters, not bytes."""
    assert read(user_id="€" * 128).user_id == "€" * 128


def test_all_faults_at_once() -> None:
    """One answer names every field that is wrong."""
    raw = b'{"event_id":"","user_id":5,"timestamp":3}'
    assert pointers(raw) == {"/event_type", "/event_id", "/user_id", "/timestamp"}
    raw = body(timestamp="never", properties=[], context="x")
    assert pointers(raw) == {"/timestamp", "/properties", "/context"}


@pytest.mark.parametrize("value", [0, 1.5, "x", [], True, False])
def test_objects_are_objects(value: Any) -> None:
    """``properties``, ``payload`` and ``context`` are JSON objects."""
    assert pointers(body(properties=value)) == {"/properties"}
    assert pointers(body(payload=value)) <= {"/properties", "/payload"}
    assert pointers(body(context=value)) == {"/context"}


@pytest.mark.parametrize("value", [b"[]", b'"x"', b"1", b"null", b"true", b"[{}]"])
def test_only_an_object_is_an_event(value: bytes) -> None:
    """Another JSON value is well-formed and no event."""
    assert pointers(value) == {""}


@pytest.mark.parametrize(
    "raw",
    [
        b"", b" ", b"{", b"}", b"{}{}", b'{"event_type":"x","user_id":"u"', b"\xef\xbb\xbf{}",
        b'{"event_type":"\xff","user_id":"u"}', b'{"event_type":"x","user_id":"u","a":"\xff"}',
        b'{"event_type":"\\ud800","user_id":"u"}', b'{"event_type":"x","user_id":"u","a":NaN}',
        b'{"event_type":"x","user_id":"u","properties":{"a":"\\udc00"}}',
        b'{"event_type":"x","user_id":"u","properties":{"a":Infinity}}',
        b'{"event_type":"x","user_id":"u","properties":{"a":01}}',
        b'{"event_type":"x","user_id":"u",}', b"{'event_type':'x'}", b'{"event_type":"x\x00"}',
        '{"event_type":"x"}'.encode("utf-16"),
    ],
)  # fmt: skip
def test_malformed_is_told_from_invalid(raw: bytes) -> None:
    """What is not JSON in UTF-8 is malformed, however deep the fault is hidden."""
    with pytest.raises(MalformedError):
        read(raw)


def test_nul_and_every_plane_are_text() -> None:
    """NUL, quotes, line feeds, and characters of every plane survive."""
    text = 'a\0"\\\n\r\u2028é€😀'
    event = read(event_id=text, user_id=text, properties={text: text})
    assert (event.event_id, event.user_id) == (text, text)
    assert kept(event.properties) == {text: text}


def test_last_of_doubled_keys_counts() -> None:
    """Of a key given twice the last one counts, as everywhere in JSON practice."""
    assert read(b'{"event_type":"a","event_type":"b","user_id":"u"}').event_type == "b"


def test_size_limit() -> None:
    """An event is at most 32 KB."""
    room = MAX_EVENT_BYTES - len(body(properties={"a": ""}))
    assert read(properties={"a": "x" * room})
    with pytest.raises(TooLargeError):
        read(properties={"a": "x" * (room + 1)})


@pytest.mark.parametrize("opener", ["[", '{"a":'])
@pytest.mark.parametrize("field", ["properties", "context", "unknown"])
def test_depth_limit(opener: str, field: str) -> None:
    """64 levels are kept, 65 are refused with the reason, and thousands do no harm."""
    closer = {"[": "]", '{"a":': "}"}[opener]

    def nested(levels: int) -> bytes:
        inner = levels - 1 if field != "unknown" else levels - 2
        value = opener * inner + "1" + closer * inner
        value = '{"a":' + value + "}" if field != "unknown" else value
        return f'{{"event_type":"x","user_id":"u","{field}":{value}}}'.encode()

    assert read(nested(64))
    assert pointers(nested(66))
    with pytest.raises((MalformedError, InvalidError)):
        read(nested(3_000))


def test_braces_in_texts_are_no_levels() -> None:
    """Brackets inside of texts, escaped quotes before them included, do not nest."""
    value = {"a": "[" * 100 + '\\"' + "{" * 100}
    assert kept(read(properties=value).properties) == value


@pytest.mark.parametrize("number", ["1e999", "-1e999", "1" * 4_000, "0." + "1" * 4_000, "1e-999"])
def test_numbers_are_kept_as_written(number: str) -> None:
    """A number that no float holds is kept digit for digit."""
    raw = f'{{"event_type":"x","user_id":"u","properties":{{"n":{number}}}}}'.encode()
    assert bytes(read(raw).properties) == f'{{"n":{number}}}'.encode()


def test_a_stored_event_is_one_line() -> None:
    """White space of the sender never breaks the line that the event is in the log."""
    pretty = json.dumps(
        {"event_type": "x", "user_id": "u", "properties": {"a": [1, {"b": "\n"}]},
         "context": {"c": {}}, "unknown": {"d": [1, 2]}},
        indent=2,
    ).replace("\n", "\r\n")  # fmt: skip
    event = read(pretty.encode())
    assert b"\n" not in msgspec.json.encode(event)
    assert kept(event.properties) == {"a": [1, {"b": "\n"}]}
    assert kept(event.context) == {"c": {}, "extra": {"unknown": {"d": [1, 2]}}}


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@given(
    st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), _JSON, max_size=5),
    st.sampled_from([None, 0, 2]),
    st.booleans(),
)
def test_properties_come_back_as_sent(
    properties: dict[str, Any], indent: int | None, escaped: bool
) -> None:
    """Any JSON object is kept with the same value, as part of a line that decodes again."""
    raw = json.dumps(
        {"event_type": "x", "user_id": "u", "properties": properties},
        indent=indent, ensure_ascii=escaped,
    ).encode()  # fmt: skip
    line = msgspec.json.encode(read(raw))
    assert b"\n" not in line
    assert json.loads(line)["properties"] == properties


@given(st.binary(max_size=60) | st.text(max_size=60).map(lambda t: t.encode("utf-8", "replace")))
def test_no_bytes_do_more_than_be_refused(raw: bytes) -> None:
    """Whatever comes in ends as an event or as one of our own errors."""
    for candidate in (raw, b'{"event_type":"x","user_id":"u","properties":{"a":' + raw + b"}}"):
        try:
            line = msgspec.json.encode(read(candidate))
        except (InvalidError, MalformedError):
            continue
        assert b"\n" not in line
        json.loads(line)
