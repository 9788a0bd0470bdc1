"""Replays on AWS: of any number of instances that replay or discard a failed record, one does."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from tallybrook.errors import ConflictError, InvalidError
from tallybrook.failed.keeping import failed_record
from tallybrook.ports.aws.clients import client
from tallybrook.ports.aws.dynamo import Item
from tallybrook.ports.aws.tables import EVENTS, physical
from tallybrook.ports.failed.aws import DynamoFailedRecords
from tallybrook.ports.log import FailedStatus, Receipt, RecordChange, Write
from tallybrook.ports.log.aws import DynamoLog
from tallybrook.ports.log.aws.replaying import Settling, replay_event
from tallybrook.ports.log.aws.rows import event_item
from tests.contracts.logs import NOW_US, Aws, delete, event, put
from tests.support.calls import KilledError, answers_lost, dying_after, meddling
from tests.support.emulator import make_tables

LATER_US = NOW_US + 1


@pytest.fixture
def backend(stack: str) -> Aws:
    make_tables(stack, Aws.TABLES)
    return Aws(stack)


@pytest.fixture
def logs(backend: Aws) -> Iterator[list[DynamoLog]]:
    """Two instances."""
    opened = [backend.open(), backend.open()]
    yield opened
    for log in opened:
        log.close()


@pytest.fixture
def store(backend: Aws) -> Iterator[DynamoFailedRecords]:
    opened = backend.failed()
    yield opened
    opened.close()


@pytest.fixture
def name(store: DynamoFailedRecords) -> str:
    """The id of an open failed record."""
    record = failed_record(InvalidError("x"), b"x", account_id="acme", source="s", now_us=NOW_US)
    store.keep(record)
    return record.failed_id


def replay(name: str, *, ids: Sequence[str] = (), changes: Sequence[RecordChange] = ()) -> Write:
    return Write([event(one) for one in ids], changes, settle={name: "replayed"})


def discard(name: str) -> Write:
    return Write(settle={name: "discarded"})


def status(store: DynamoFailedRecords, name: str) -> FailedStatus:
    found = store.get("acme", name)
    assert found is not None
    return found.status


def items(backend: Aws, table: str = EVENTS.name) -> list[Item]:
    found: list[Item] = client("dynamodb").scan(
        TableName=physical(backend.stack, table), ConsistentRead=True
    )["Items"]
    return found


def successes(logs: Sequence[DynamoLog], writes: Sequence[Write]) -> list[Receipt]:
    """Write all of these at once, at the instances in turn; every other outcome is a conflict."""

    def one(at: int) -> Receipt | None:
        try:
            return logs[at % len(logs)].write(writes[at])
        except ConflictError:
            return None

    with ThreadPoolExecutor(6) as pool:
        return [told for told in pool.map(one, range(len(writes))) if told]


@pytest.mark.parametrize("kind", ["events", "records", "discards"])
def test_one_of_many_happens(
    logs: list[DynamoLog], backend: Aws, store: DynamoFailedRecords, name: str, kind: str
) -> None:
    """Each under another id, at two instances: one is stored, the others are told of a conflict,
    and so is who discards the record meanwhile."""
    writes = {
        "events": [replay(name, ids=[f"e{n}"]) for n in range(12)],
        "records": [replay(name, changes=[put(f"r{n}")]) for n in range(12)],
        "discards": [discard(name) if n % 2 else replay(name, ids=[f"e{n}"]) for n in range(12)],
    }[kind]
    (told,) = successes(logs, writes)
    stored = len(items(backend)) + len(items(backend, "records-items"))
    assert stored == len(told.duplicate) + len(told.records)
    assert status(store, name) == ("replayed" if stored else "discarded")
    assert not successes(logs, [replay(name, ids=["late"]), discard(name)])


def test_replays_under_one_id_happen_once(
    logs: list[DynamoLog], backend: Aws, store: DynamoFailedRecords, name: str
) -> None:
    """Of an event and of a record: whoever comes second is told, also where nothing changes."""
    assert successes(logs, [replay(name, ids=["e"])] * 8) == [Receipt([False], [])]
    store.settle({name: "open"}, NOW_US)
    assert successes(logs, [replay(name, changes=[put("r")])] * 8) == [Receipt([], ["created"])]
    assert len(items(backend)) == len(items(backend, "records-items")) == 1


@pytest.mark.parametrize(
    ("before", "write", "told"),
    [
        (Write([event("e")]), {"ids": ["e"]}, Receipt([True], [])),
        (Write(records=[put("r")]), {"changes": [put("r")]}, Receipt([], ["unchanged"])),
        (Write(), {"changes": [delete("r")]}, Receipt([], ["absent"])),
        (Write(records=[put("r")]), {"changes": [put("r", 1)]}, Receipt([], ["updated"])),
        (Write(records=[put("r")]), {"changes": [delete("r")]}, Receipt([], ["deleted"])),
    ],
    ids=["duplicate", "unchanged", "absent", "updated", "deleted"],
)
@pytest.mark.parametrize("lost", [0, 1, 2])
def test_every_outcome_settles(
    logs: list[DynamoLog],
    store: DynamoFailedRecords,
    name: str,
    before: Write,
    write: dict[str, Sequence[str]],
    told: Receipt,
    lost: int,
) -> None:
    """Also what had come in meanwhile; an answer that was lost changes nothing about it."""
    logs[0].write(before)
    with answers_lost("TransactWriteItems", lost) as calls:
        assert logs[1].write(replay(name, **write)) == told  # type: ignore[arg-type]
    assert len(calls) == lost
    assert status(store, name) == "replayed"
    with pytest.raises(ConflictError):
        logs[0].write(replay(name, **write))  # type: ignore[arg-type]


@pytest.mark.parametrize("lost", [1, 3])
def test_a_lost_answer_is_no_conflict(
    logs: list[DynamoLog], backend: Aws, store: DynamoFailedRecords, name: str, lost: int
) -> None:
    """Our own transaction, sent again by the SDK, is told as what it was; so is a discard."""
    with answers_lost("TransactWriteItems", lost):
        assert logs[0].write(replay(name, ids=["e"])).duplicate == [False]
    assert (len(items(backend)), status(store, name)) == (1, "replayed")
    store.settle({name: "open"}, NOW_US)
    with answers_lost("TransactWriteItems", lost):
        logs[0].write(discard(name))
    assert status(store, name) == "discarded"


def test_our_own_event_is_no_duplicate(backend: Aws, store: DynamoFailedRecords, name: str) -> None:
    """Also where the service has forgotten the call's token: the row names its write."""
    item = event_item(event("e"), 1, "token")
    settling = Settling(store, name, "replayed", NOW_US)
    table = physical(backend.stack, EVENTS)
    for _ in range(2):
        assert replay_event(client("dynamodb"), table, item, settling) is False
    with pytest.raises(ConflictError):
        replay_event(client("dynamodb"), table, {**item, "w": {"S": "other"}}, settling)


def test_a_record_that_others_change_meanwhile(
    logs: list[DynamoLog], store: DynamoFailedRecords, name: str
) -> None:
    """The replay goes on from what is there by then, and settles once."""
    logs[0].write(Write(records=[put("r")]))
    first = once(lambda: logs[1].write(Write(records=[put("r", LATER_US)])))
    with meddling("TransactWriteItems", first):
        told = logs[0].write(replay(name, changes=[put("r", LATER_US + 1)]))
    assert told.records == ["updated"]
    assert status(store, name) == "replayed"


def test_who_settled_first_keeps_a_record_as_it_is(
    logs: list[DynamoLog], backend: Aws, name: str
) -> None:
    """Between the reading of the record and its replacement somebody else replayed."""
    logs[0].write(Write(records=[put("r")]))
    first = once(lambda: logs[1].write(replay(name, changes=[put("other")])))
    with meddling("TransactWriteItems", first), pytest.raises(ConflictError):
        logs[0].write(replay(name, changes=[put("r", LATER_US)]))
    found = {
        item["record_id"]["S"]: item["instant_us"]["N"] for item in items(backend, "records-items")
    }
    assert found == {"r": str(NOW_US), "other": str(NOW_US)}


def test_a_death_leaves_all_or_nothing(
    logs: list[DynamoLog], backend: Aws, store: DynamoFailedRecords, name: str
) -> None:
    """Before the transaction the record is open and nothing stored; after it both are done; and
    between finding a duplicate and settling, the record is open for the next to settle."""
    table, settling = physical(backend.stack, EVENTS), Settling(store, name, "replayed", NOW_US)

    def die() -> None:
        raise KilledError

    def attempt(event_id: str) -> None:
        item = event_item(event(event_id), 1, f"token-{event_id}")
        with pytest.raises(KilledError):
            replay_event(client("dynamodb"), table, item, settling)

    with meddling("TransactWriteItems", die):
        attempt("before")
    assert (items(backend), status(store, name)) == ([], "open")
    logs[0].write(Write([event("there")]))
    seen: list[None] = []
    with meddling("TransactWriteItems", lambda: die() if seen else seen.append(None)):
        attempt("there")
    assert status(store, name) == "open"
    with dying_after("TransactWriteItems", 1):
        attempt("after")
    assert (len(items(backend)), status(store, name)) == (2, "replayed")
    with pytest.raises(ConflictError):
        logs[0].write(replay(name, ids=["again"]))
    assert len(items(backend)) == 2


def once(call: Callable[[], object]) -> Callable[[], None]:
    """The call, the first time only; it may lead to itself."""
    left = [call]

    def first() -> None:
        if left:
            left.pop()()

    return first
