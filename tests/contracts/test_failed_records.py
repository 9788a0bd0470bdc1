"""What stored failed records promise, whatever keeps them: the words of ``ports.failed``."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tallybrook.errors import ConflictError, InvalidError
from tallybrook.failed.keeping import KEPT_BYTES, failed_record, original_bytes
from tallybrook.ports.aws.tables import FAILED
from tallybrook.ports.failed import FailedRecords
from tallybrook.ports.failed.aws import DynamoFailedRecords
from tallybrook.ports.failed.local import SqliteFailedRecords
from tallybrook.ports.log import FailedRecord
from tallybrook.ports.log.local import SqliteLog
from tallybrook.wiring import EFFECTS
from tests.counters.world import NOW_US
from tests.support.emulator import make_tables

Open = Callable[[], FailedRecords]


@pytest.fixture(params=["local", "aws"])
def open_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Open]:
    """Open the same store once more, as another process would."""
    opened: list[SqliteFailedRecords | DynamoFailedRecords] = []
    path = tmp_path / "log.db"
    if request.param == "local":
        SqliteLog(path, EFFECTS).close()  # which makes the file
    else:
        stack = request.getfixturevalue("stack")
        make_tables(stack, (FAILED,))

    def open_() -> FailedRecords:
        local = request.param == "local"
        opened.append(SqliteFailedRecords(path) if local else DynamoFailedRecords(stack))
        return opened[-1]

    yield open_
    for store in opened:
        store.close()


@pytest.fixture
def store(open_store: Open) -> FailedRecords:
    return open_store()


def failed(body: bytes, account: str = "acme", **fields: Any) -> FailedRecord:
    error = InvalidError.of("/event_type", "is required")
    made = failed_record(error, body, account_id=account, source="events/batch", now_us=NOW_US)
    return msgspec.structs.replace(made, **fields)


def kept(store: FailedRecords, count: int, account: str = "acme") -> list[FailedRecord]:
    """So many, the oldest first."""
    records = [failed(b"%d" % n, account) for n in range(count)]
    for record in records:
        store.keep(record)
    return records


@pytest.mark.parametrize("body", [b"", b"{", "é😀\x00".encode(), b"\xff\xfe"])
def test_a_record_is_kept_whole(store: FailedRecords, open_store: Open, body: bytes) -> None:
    """Every field, for everybody at once."""
    record = failed(body, tries=3, detail="", first_at=-5)
    store.keep(record)
    found = open_store().get("acme", record.failed_id)
    assert found == record
    assert original_bytes(found) == body


def test_the_largest_are_kept(store: FailedRecords) -> None:
    """All the bytes that are kept of a failure, in the form that takes most room."""
    record = failed(b"\xff" * (KEPT_BYTES + 1), detail="é" * 8_192)
    store.keep(record)
    assert store.get("acme", record.failed_id) == record


def test_accounts_are_apart(store: FailedRecords) -> None:
    """By id, in lists and in counts; what is not there is None."""
    (record,) = kept(store, 1)
    kept(store, 2, "rival")
    assert store.get("rival", record.failed_id) is None
    assert store.get("acme", "none") is None
    assert store.page("acme", None, 9, None) == [record]
    assert store.page("nobody", None, 9, None) == []
    assert store.counts() == {("acme", "open"): 1, ("rival", "open"): 2}


def test_pages_are_newest_first(store: FailedRecords) -> None:
    """By id, each once, of the status asked for; ``before`` need not be there."""
    records = kept(store, 9)
    store.settle({records[2].failed_id: "discarded", records[5].failed_id: "replayed"}, NOW_US)
    for status, expected in (
        ("open", "8764310"), ("discarded", "2"), ("replayed", "5"), (None, "876543210"),
    ):  # fmt: skip
        seen: list[FailedRecord] = []
        before = None
        while page := store.page("acme", status, 2, before):  # type: ignore[arg-type]
            seen += page
            before = page[-1].failed_id
        assert "".join(record.body for record in seen) == expected
        assert all(record.status == status for record in seen if status)
    absent = records[4].failed_id + "!"
    assert [record.body for record in store.page("acme", None, 2, absent)] == ["4", "3"]
    assert store.page("acme", None, 0, None) == []


def test_many_large_ones_are_listed_whole(store: FailedRecords) -> None:
    """More than one answer of any service holds."""
    for n in range(70):
        store.keep(failed(b"x" * KEPT_BYTES if n % 10 else b"small"))
    found = store.page("acme", "open", 70, None)
    assert [len(r.body) for r in found].count(KEPT_BYTES) == 63
    ids = [record.failed_id for record in found]
    assert ids == sorted(ids, reverse=True)
    assert len(set(ids)) == 70


def test_keeping_twice_keeps_once(store: FailedRecords) -> None:
    """The second counts another try; what the first said, and what became of it, stays."""
    first = failed(b"x", tries=2)
    store.keep(first)
    store.settle({first.failed_id: "discarded"}, NOW_US + 1)
    again = msgspec.structs.replace(
        first, reason="other", detail="other", body="other", first_at=1, last_at=NOW_US + 9
    )
    store.keep(again)
    expected = msgspec.structs.replace(first, tries=3, status="discarded", last_at=NOW_US + 9)
    assert store.get("acme", first.failed_id) == expected
    assert store.page("acme", None, 9, None) == [expected]
    assert store.counts() == {("acme", "discarded"): 1}


def test_keeping_at_once_counts_every_try(store: FailedRecords, open_store: Open) -> None:
    """Of several who keep the same failure none is lost, and it is kept once."""
    stores = [store, open_store()]
    record = failed(b"x")
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda n: stores[n % 2].keep(record), range(20)))
    (found,) = store.page("acme", None, 9, None)
    assert found.tries == 20


def test_settling(store: FailedRecords) -> None:
    """By id alone, with the time it happened; from any status to any; unknown ids are no error
    and leave nothing behind."""
    one, two = kept(store, 2)
    store.settle({one.failed_id: "replayed", "none": "replayed"}, NOW_US + 5)
    expected = msgspec.structs.replace(one, status="replayed", last_at=NOW_US + 5)
    assert store.get("acme", one.failed_id) == expected
    assert store.get("acme", two.failed_id) == two
    store.settle({one.failed_id: "open"}, NOW_US + 6)
    assert store.counts() == {("acme", "open"): 2}
    store.settle({}, NOW_US)


def test_settling_only_what_is_open(store: FailedRecords) -> None:
    """All of them or none."""
    records = kept(store, 3)
    ids = [record.failed_id for record in records]
    store.settle({ids[0]: "replayed"}, NOW_US, only_open=True)
    for names in ([ids[0]], [ids[1], ids[0]], [ids[1], "none"]):
        with pytest.raises(ConflictError):
            store.settle(dict.fromkeys(names, "discarded"), NOW_US, only_open=True)
    assert store.counts() == {("acme", "open"): 2, ("acme", "replayed"): 1}
    store.settle(dict.fromkeys(ids[1:], "discarded"), NOW_US, only_open=True)
    assert store.counts() == {("acme", "discarded"): 2, ("acme", "replayed"): 1}
    with pytest.raises(InvalidError):
        store.settle({f"{n}": "replayed" for n in range(101)}, NOW_US, only_open=True)
    store.settle({}, NOW_US, only_open=True)


def test_one_of_many_settles(store: FailedRecords, open_store: Open) -> None:
    """Of those who settle an open record at the same moment one succeeds, the others are told."""
    stores = [store, open_store()]
    (record,) = kept(store, 1)

    def settle(n: int) -> bool:
        try:
            changes = {record.failed_id: "replayed" if n % 3 else "discarded"}
            stores[n % 2].settle(changes, NOW_US, only_open=True)  # type: ignore[arg-type]
        except ConflictError:
            return False
        return True

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(settle, range(24))) == 1
