"""Failed records: kept whole, replayed once (SPEC 0.3)."""

import json
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallybrook.errors import ConflictError, InvalidError, MalformedError, TerminalError
from tallybrook.failed.keeping import failed_record, original_bytes
from tallybrook.failed.replay import plan_replay
from tallybrook.ports.failed.local import SqliteFailedRecords
from tallybrook.ports.log import FailedRecord, FailedStatus, Write
from tallybrook.ports.log.local import SqliteLog
from tallybrook.records.reading import RecordReader
from tallybrook.wiring import EFFECTS

NOW = 1_705_675_043_000_000
READER = RecordReader()
FIXED = b'{"event_type":"x","user_id":"u"}'


def failed(body: bytes, source: str = "events/batch", account: str = "acme") -> FailedRecord:
    error = InvalidError.of("/event_type", "is required")
    return failed_record(error, body, account_id=account, source=source, now_us=NOW)


@given(st.binary())
def test_the_original_bytes_are_kept(body: bytes) -> None:
    """Whatever the bytes were, they come back; text stays readable."""
    record = failed(body)
    assert original_bytes(msgspec.convert(msgspec.to_builtins(record), FailedRecord)) == body
    assert (record.reason, record.detail) == ("invalid", "/event_type: is required")


def test_a_replay_is_named_by_its_failure() -> None:
    """An event without an id is replayed under the failed record's, so twice is a duplicate."""
    record = failed(FIXED)
    planned = plan_replay(record, None, READER, NOW)
    assert planned.event_id == record.failed_id
    assert planned.write.settle == {record.failed_id: "replayed"}
    assert plan_replay(record, None, READER, NOW + 5).event_id == planned.event_id


def test_a_replay_keeps_the_address_only_where_collecting_does() -> None:
    """``context.ip`` comes in by this door as it does by the front one."""
    body = b'{"event_type":"x","user_id":"u","context":{"ip":"192.0.2.1"}}'
    for keep_ip in (False, True):
        (event,) = plan_replay(failed(body), None, READER, NOW, keep_ip=keep_ip).write.events
        assert (b"192.0.2.1" in bytes(event.context)) is keep_ip


@pytest.mark.parametrize("name", ["event_id", "messageId", "id"])
def test_an_event_that_names_itself_keeps_its_name(name: str) -> None:
    """So that the client's own retry of it is a duplicate; null is no name."""
    named = json.dumps({"event_type": "x", "user_id": "u", name: "mine"}).encode()
    assert plan_replay(failed(b"{"), named, READER, NOW).event_id == "mine"
    record = failed(b"{")
    unnamed = json.dumps({"event_type": "x", "user_id": "u", name: None}).encode()
    assert plan_replay(record, unnamed, READER, NOW).event_id == record.failed_id


def test_an_operation_keeps_its_identity() -> None:
    """What an operation tells is its identity, replayed or not."""
    body = b'{"event_type":"ib_call_logged","payload":{"call_id":"c"}}'
    one, other = (plan_replay(failed(body, "ingest"), None, READER, NOW) for _ in range(2))
    assert one.event_id == other.event_id


def test_a_record_goes_back_to_its_table() -> None:
    """A failed row of a batch is read as that batch would have read it."""
    record = failed(b'{"op":"burn","id":"a"}', "records/items")
    with pytest.raises(InvalidError):
        plan_replay(record, None, READER, NOW)
    planned = plan_replay(record, b'{"id":"a","createdAt":"2024-01-02"}', READER, NOW)
    (change,) = planned.write.records
    assert (change.record_type, change.record_id, change.op) == ("items", "a", "put")
    assert planned.event_id is None


@pytest.mark.parametrize("edited", [b"{", b"{}", b"[]", b"\xff", b'{"id":"a"},{"id":"b"}'])
@pytest.mark.parametrize("source", ["events/batch", "records/items"])
def test_what_is_still_wrong_is_refused(edited: bytes, source: str) -> None:
    """With its own reason; nothing is planned."""
    with pytest.raises(TerminalError):
        plan_replay(failed(b"{", source), edited, READER, NOW)


@pytest.mark.parametrize("status", ["replayed", "discarded"])
def test_only_open_ones_are_replayed(status: FailedStatus) -> None:
    """Twice is a conflict."""
    record = failed(FIXED)
    record.status = status
    with pytest.raises(ConflictError):
        plan_replay(record, None, READER, NOW)


@pytest.mark.parametrize("edited", [b"", b"{", b"[" * 9_000, b"nul"])
def test_malformed_edits_are_malformed(edited: bytes) -> None:
    """An edit is read like any body."""
    with pytest.raises((MalformedError, InvalidError)):
        plan_replay(failed(b"{"), edited, READER, NOW)


@pytest.fixture
def log(tmp_path: Path) -> Iterator[SqliteLog]:
    opened = SqliteLog(tmp_path / "log.db", EFFECTS)
    yield opened
    opened.close()


@pytest.fixture
def store(log: SqliteLog, tmp_path: Path) -> Iterator[SqliteFailedRecords]:
    opened = SqliteFailedRecords(tmp_path / "log.db")
    yield opened
    opened.close()


def test_pages_are_newest_first(log: SqliteLog, store: SqliteFailedRecords) -> None:
    """By id, each once, of the status asked for and of the account alone."""
    records = [failed(b"%d" % i) for i in range(7)]
    log.write(Write(failed=[*records, failed(b"r", account="rival")]))
    log.write(Write(settle={records[2].failed_id: "discarded"}))
    seen: list[str] = []
    before = None
    while page := store.page("acme", "open", 2, before):
        seen += [record.body for record in page]
        before = page[-1].failed_id
    assert seen == ["6", "5", "4", "3", "1", "0"]
    assert [r.body for r in store.page("acme", "discarded", 9, None)] == ["2"]
    assert len(store.page("acme", None, 9, None)) == 7
    assert store.get("rival", records[0].failed_id) is None
    assert store.counts() == {
        ("acme", "open"): 6, ("acme", "discarded"): 1, ("rival", "open"): 1,
    }  # fmt: skip


def test_keeping_twice_keeps_once(log: SqliteLog, store: SqliteFailedRecords) -> None:
    """A failure kept again counts another try, from inside the log and from outside of it."""
    record = failed(b"x")
    log.write(Write(failed=[record]))
    log.write(Write(failed=[record, record]))
    store.keep(record)
    found = store.get("acme", record.failed_id)
    assert found is not None
    assert found.tries == 4
    assert len(store.page("acme", None, 9, None)) == 1


def test_a_replay_is_one_write(log: SqliteLog, store: SqliteFailedRecords) -> None:
    """The event and the status change together; planning after it is a conflict."""
    record = failed(FIXED)
    log.write(Write(failed=[record]))
    log.write(plan_replay(record, None, READER, NOW).write)
    settled = store.get("acme", record.failed_id)
    assert settled is not None
    assert settled.status == "replayed"
    assert log.find("acme", record.failed_id) is not None
    with pytest.raises(ConflictError):
        plan_replay(settled, None, READER, NOW)
