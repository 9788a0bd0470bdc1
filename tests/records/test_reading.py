"""Records: which instant counts, what is refused, batches (SPEC 2)."""

import json
from typing import Any

import pytest

from tallybrook.errors import (
    InvalidError,
    MalformedError,
    TallybrookError,
    TerminalError,
    TooLargeError,
)
from tallybrook.events.instants import MAX_US, MIN_US, parse_instant
from tallybrook.ports.log import RecordChange
from tallybrook.records.reading import RecordReader, RejectedRecord, parse_types

READER = RecordReader(parse_types("visits:seenAt|createdAt,plain"))


def put(record_type: str = "items", **fields: Any) -> RecordChange:
    return READER.put("acme", record_type, "r1", json.dumps(fields).encode())


def batch(*items: Any) -> list[RecordChange | RejectedRecord]:
    return READER.batch("acme", "items", json.dumps({"records": items}).encode())


@pytest.mark.parametrize(
    ("fields", "instant"),
    [
        ({"createdAt": "2024-01-02", "updatedAt": "2024-01-03"}, "2024-01-02"),
        ({"createdAt": "", "updatedAt": "2024-01-03"}, "2024-01-03"),
        ({"createdAt": None, "updatedAt": "2024-01-03"}, "2024-01-03"),
        ({"updatedAt": "2024-01-03T01:00:00+01:00"}, "2024-01-03"),
    ],
)
def test_created_goes_before_updated(fields: dict[str, Any], instant: str) -> None:
    """``createdAt`` if non-empty, else ``updatedAt``."""
    change = put(**fields)
    assert (change.instant_us, change.skipped) == (parse_instant(instant), None)


def test_the_fields_are_configurable() -> None:
    """A declared type names its own fields, in order; without any it has the usual ones."""
    change = put("visits", createdAt="2024-01-02", seenAt="2024-01-05", updatedAt="2024-01-09")
    assert change.instant_us == parse_instant("2024-01-05")
    assert put("plain", updatedAt="2024-01-09").instant_us == parse_instant("2024-01-09")


@pytest.mark.parametrize("text", ["", "items,1x", "a b", "é", "x" * 65, ":createdAt"])
def test_type_names(text: str) -> None:
    """A type name is a letter, then letters, digits, ``_`` and ``-``; else it is refused."""
    if text:
        with pytest.raises(InvalidError):
            parse_types(text)
    else:
        assert set(parse_types(text)) == {"items", "scoreResults", "tasks", "evaluations"}


@pytest.mark.parametrize("fields", [{}, {"createdAt": ""}, {"createdAt": None, "updatedAt": ""}])
def test_no_time_is_not_now(fields: dict[str, Any]) -> None:
    """Missing: skipped, with that reason; not counted at the time of arrival."""
    change = put(**fields)
    assert (change.instant_us, change.skipped) == (None, "no_timestamp")


@pytest.mark.parametrize("stamp", ["soon", "2024-13-01", 1705675043, 0, False, [], {}, " "])
def test_unreadable_time_is_not_the_other_field(stamp: Any) -> None:
    """Unreadable: skipped as such, also where the second field could be read."""
    change = put(createdAt=stamp, updatedAt="2024-01-03")
    assert (change.instant_us, change.skipped) == (None, "invalid_timestamp")


def test_years_1_and_9999() -> None:
    """The ends of the calendar abort nothing."""
    found = batch(
        {"id": "a", "createdAt": "0001-01-01T00:00:00Z"},
        {"id": "b", "createdAt": "9999-12-31T23:59:59.999999Z"},
    )
    assert [change.instant_us for change in found if isinstance(change, RecordChange)] == [
        MIN_US,
        MAX_US,
    ]


def test_batches_in_order_bad_ones_in_their_place() -> None:
    """One bad record never stops its batch."""
    found = batch(
        {"op": "put", "id": "a", "createdAt": "2024-01-02", "n": 0}, {"id": "b"},
        {"op": "delete", "id": "c"}, {"op": "burn", "id": "d"}, {"op": "put"}, 5, None, [],
        {"id": ""}, {"id": 7}, {"id": "x" * 129}, {"id": "e", "accountId": "acme"},
        {"id": "f", "accountId": "rival"}, {"op": None, "id": "g"},
    )  # fmt: skip
    kinds = [f.op if isinstance(f, RecordChange) else "bad" for f in found]
    assert kinds == [
        "put", "put", "delete", "bad", "bad", "bad", "bad", "bad", "bad", "bad", "bad", "put",
        "bad", "put",
    ]  # fmt: skip
    assert isinstance(found[0], RecordChange)
    assert json.loads(found[0].body) == {"createdAt": "2024-01-02", "n": 0}
    assert isinstance(found[3], RejectedRecord)
    assert json.loads(found[3].body) == {"op": "burn", "id": "d"}


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"", MalformedError), (b"{", MalformedError), (b'{"a":"\\ud800"}', MalformedError),
        (b"[" * 50_000, TooLargeError), (b"\xff", MalformedError), (b"[]", InvalidError),
        (b"1", InvalidError), (b"null", InvalidError), (b'{"accountId":"rival"}', InvalidError),
        (b'{"accountId":5}', InvalidError), (b'{"a":"' + b"x" * 33_000 + b'"}', TooLargeError),
        (b'{"a":' * 65 + b"1" + b"}" * 65, InvalidError),
        # How deep the decoder goes before it gives up differs between versions of Python.
        (b'{"a":' * 3_000 + b"1" + b"}" * 3_000, TerminalError),
    ],
)  # fmt: skip
def test_refused_records(body: bytes, error: type[TallybrookError]) -> None:
    """Malformed, too large, too deep, of another account: refused with the kind of the fault."""
    with pytest.raises(error):
        READER.put("acme", "items", "r1", body)


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"", MalformedError), (b"{}", InvalidError), (b"[]", InvalidError),
        (b'{"records":{}}', InvalidError), (b'{"records":null}', InvalidError),
        (b'{"records":[' + b"{}," * 500 + b"{}]}", TooLargeError),
    ],
)  # fmt: skip
def test_refused_batches(body: bytes, error: type[TallybrookError]) -> None:
    """What is wrong with the batch itself refuses all of it."""
    with pytest.raises(error):
        READER.batch("acme", "items", body)


@pytest.mark.parametrize(("record_type", "record_id"), [("nope", "r"), ("items", "x" * 129)])
def test_refused_names(record_type: str, record_id: str) -> None:
    """The type is declared and the id a short text, on every call."""
    for call in (
        lambda: READER.put("acme", record_type, record_id, b"{}"),
        lambda: READER.delete("acme", record_type, record_id),
    ):
        with pytest.raises(InvalidError):
            call()
