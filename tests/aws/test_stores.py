"""The stores in DynamoDB when the service is not at its best: unprocessed keys, throttles, lost
answers, two who do the same; and what other writers of the same tables rely on."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tallybrook.accounts.keys import KeyRing
from tallybrook.counters.recount import corrections, recount
from tallybrook.errors import ConflictError, InvalidError, StorageError
from tallybrook.failed.keeping import failed_record
from tallybrook.ports.aws.clients import client
from tallybrook.ports.aws.dynamo import number, text
from tallybrook.ports.aws.tables import (
    COUNTERS,
    EVENTS,
    FAILED,
    KEYS,
    LOG,
    SERIES,
    STATE,
    physical,
    records_table,
)
from tallybrook.ports.aws.transactions import UnmetError, transact
from tallybrook.ports.counters.aws import DynamoCounters
from tallybrook.ports.counters.aws.rows import bucket_key
from tallybrook.ports.failed.aws import DynamoFailedRecords
from tallybrook.ports.keys.aws import DynamoKeys
from tallybrook.ports.log import CounterKey
from tallybrook.ports.metrics.aws import DynamoMetrics
from tallybrook.ports.state.aws import DynamoState
from tests.counters.world import NOW_US
from tests.support.calls import meddling
from tests.support.emulator import Emulator, make_tables
from tests.support.faults import FaultyServices, faulty_services, first

KEY: CounterKey = ("acme", "record", "items", 60, 0)


@pytest.fixture
def tables(stack: str) -> str:
    make_tables(stack, (COUNTERS, SERIES, LOG, FAILED, KEYS, STATE, EVENTS, records_table("items")))
    return stack


@pytest.fixture
def faulty(emulator: Emulator) -> Iterator[FaultyServices]:
    with faulty_services(emulator.endpoint) as services:
        yield services


@pytest.fixture
def dynamo(faulty: FaultyServices) -> Any:
    """A client of the product's kind, by way of the proxy; its retries do not wait long."""
    config = Config(
        retries={"mode": "standard", "total_max_attempts": 2}, read_timeout=5, connect_timeout=2
    )
    return boto3.client("dynamodb", endpoint_url=faulty.endpoint, config=config)


class Sparing:
    """A client whose batches leave most of what they are asked for, as a busy service does."""

    def __init__(self, least: int) -> None:
        self._client: Any = client("dynamodb")
        self._least = least
        self.calls = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def batch_get_item(self, RequestItems: Any) -> Any:  # noqa: N803 - the SDK's name
        self.calls += 1
        ((table, asked),) = RequestItems.items()
        now, later = asked["Keys"][: self._least], asked["Keys"][self._least :]
        if not now:
            return {"Responses": {}, "UnprocessedKeys": RequestItems}
        answer = self._client.batch_get_item(RequestItems={table: {**asked, "Keys": now}})
        left = {table: {**asked, "Keys": later}} if later else {}
        return {**answer, "UnprocessedKeys": left}


def failed(body: bytes = b"x") -> Any:
    return failed_record(
        InvalidError("no"), body, account_id="acme", source="events", now_us=NOW_US
    )


def test_unprocessed_keys_are_asked_again(tables: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sums and pages are whole, however little the service gives at once; one that gives nothing
    is told as something to try later."""
    monkeypatch.setattr("tallybrook.ports.aws.dynamo.back_off", lambda _: None)
    plain = DynamoCounters(tables)
    plain.correct({("acme", "event", f"s{n}", 1, 0): n + 1 for n in range(40)}, NOW_US)
    sparing = Sparing(9)
    counters = DynamoCounters(tables, dynamo=sparing)
    assert counters.sums("acme", 1, 0, 60) == plain.sums("acme", 1, 0, 60)
    assert len(counters.sums("acme", 1, 0, 60)) == 40
    assert sparing.calls == 10
    store = DynamoFailedRecords(tables, dynamo=sparing)
    records = [failed() for _ in range(20)]
    store.keep_all(records)
    assert store.page("acme", None, 20, None) == records[::-1]
    with pytest.raises(StorageError):
        DynamoFailedRecords(tables, dynamo=Sparing(0)).page("acme", None, 1, None)


def refused(call: Callable[[], object]) -> str:
    """What the call says of being refused for now."""
    with pytest.raises(StorageError) as caught:
        call()
    return caught.value.detail


def test_throttles_are_told_as_such(tables: str, faulty: FaultyServices, dynamo: Any) -> None:
    """Every call of every store says: later; and is right afterwards."""
    counters, failures = (
        DynamoCounters(tables, dynamo=dynamo),
        DynamoFailedRecords(tables, dynamo=dynamo),
    )
    keys, state = DynamoKeys(tables, dynamo=dynamo), DynamoState(tables, dynamo=dynamo)
    calls: list[Callable[[], object]] = [
        lambda: counters.rows("acme", "record", "items", 60, 0, 60),
        lambda: counters.names("acme"),
        lambda: counters.correct({KEY: 1}, NOW_US),
        lambda: list(counters.everything(None)),
        lambda: list(counters.instants()),
        lambda: failures.keep(failed()),
        lambda: failures.page("acme", None, 9, None),
        lambda: failures.settle({"x": "replayed"}, NOW_US),
        failures.counts,
        lambda: KeyRing(keys).create("acme"),
        lambda: keys.by_digest("x"),
        keys.version,
        keys.stored,
        lambda: state.put("p", "k", b""),
        lambda: state.get("p", "k"),
        lambda: state.query("p"),
    ]
    verdict = "ProvisionedThroughputExceededException"
    with faulty.failing(lambda _operation, _body: verdict):
        with ThreadPoolExecutor(len(calls)) as pool:
            told = list(pool.map(refused, calls))
        assert all(verdict in detail for detail in told)
    for call in calls:
        call()
    assert dict(counters.everything(None)) == {KEY: 1}


@pytest.mark.parametrize("verdict", ["drop", "lose", "ThrottlingException"])
def test_one_bad_answer_is_not_noticed(
    tables: str, faulty: FaultyServices, dynamo: Any, verdict: str
) -> None:
    """Also where the service had done what was asked and the answer was lost: it is not done
    twice, and not mistaken for somebody else's doing."""
    counters = DynamoCounters(tables, dynamo=dynamo)
    with faulty.failing(first(1, verdict, "TransactWriteItems")):
        counters.correct({KEY: 5}, NOW_US)
    assert dict(counters.everything(None)) == {KEY: 5}
    keys = KeyRing(DynamoKeys(tables, dynamo=dynamo))
    with faulty.failing(first(1, verdict, "TransactWriteItems")):
        made, _ = keys.create("acme")
    with faulty.failing(first(1, verdict, "TransactWriteItems")):
        rotated, presented = keys.rotate(made.key_id)
    assert keys.check(presented) == rotated
    state = DynamoState(tables, dynamo=dynamo)
    with faulty.failing(first(1, verdict, "PutItem")):
        version = state.put("p", "k", b"1", expect=0)
    with faulty.failing(first(1, verdict, "PutItem")):
        state.put("p", "k", b"2", expect=version)
    with faulty.failing(first(1, verdict, "DeleteItem")):
        state.delete("p", "k")
    assert state.get("p", "k") is None
    failures, record = DynamoFailedRecords(tables, dynamo=dynamo), failed()
    failures.keep(record)
    with faulty.failing(first(1, verdict, "TransactWriteItems")):
        failures.settle({record.failed_id: "replayed"}, NOW_US, only_open=True)
    assert failures.counts() == {("acme", "replayed"): 1}


def recounted(stack: str, count: int, version: int, key: CounterKey = KEY) -> bool:
    """What the function on a record table's stream writes; whether nothing newer was there."""
    try:
        update: dict[str, Any] = {
            "TableName": physical(stack, COUNTERS),
            "Key": bucket_key(key),
            "UpdateExpression": "SET #n = :n, #v = :v, created_at = :now, updated_at = :now",
            "ConditionExpression": "attribute_not_exists(#v) OR #v < :v",
            "ExpressionAttributeNames": {"#n": "n", "#v": "version"},
            "ExpressionAttributeValues": {
                ":n": number(count), ":v": number(version), ":now": number(NOW_US),
            },
        }  # fmt: skip
        transact(client("dynamodb"), [{"Update": update}], "recount")
    except UnmetError:
        return False
    return True


def record(stack: str, name: str, instant_us: int) -> None:
    item = {"pk": text("acme#0"), "record_id": text(name), "instant_us": number(instant_us)}
    client("dynamodb").put_item(TableName=physical(stack, records_table("items")), Item=item)


def counts(counters: DynamoCounters) -> dict[CounterKey, int]:
    return {key: n for key, n in counters.everything(None) if n}


def test_a_correction_does_not_stop_the_next_recount(tables: str) -> None:
    """A bucket that was corrected is written by the next recount of its hour as before, and not
    by an older one."""
    counters = DynamoCounters(tables, ["items"])
    recounted(tables, 7, 3)
    counters.correct({KEY: -6}, NOW_US)
    assert counts(counters) == {KEY: 1}
    assert not recounted(tables, 9, 3)
    assert counts(counters) == {KEY: 1}
    assert recounted(tables, 2, 4)
    assert counts(counters) == {KEY: 2}


def test_a_recount_waits_for_a_correction(tables: str) -> None:
    """A bucket that a transaction holds just now is written when that has ended: the SDK itself
    does not send such a call again."""
    left = [ClientError({"Error": {"Code": "TransactionConflictException"}}, "UpdateItem")] * 3

    def hold() -> None:
        if left:
            raise left.pop()

    with meddling("UpdateItem", hold):
        done = DynamoMetrics(tables).write("acme", "items", {(60, 0): 4, (1, 0): 4}, 1, NOW_US)
    assert (done.written, done.superseded, left) == (2, 0, [])
    assert done.changes == {("acme", "record", "items", 1, 0): 4}
    assert counts(DynamoCounters(tables, ["items"])) == {KEY: 4, (*KEY[:3], 1, 0): 4}


def test_nothing_is_added_to_what_was_recounted_meanwhile(tables: str) -> None:
    """Buckets that the stream's function has written since they were read are right already, and
    stay so; the others of the same correction are corrected."""
    counters = DynamoCounters(tables, ["items"])
    for name in ("a", "b"):
        record(tables, name, 0)
    record(tables, "late", 3_600_000_000)
    recounted(tables, 5, 1)
    found = corrections(recount(counters))
    assert found[KEY] == -3
    recounted(tables, 2, 2)
    fresh: CounterKey = ("acme", "record", "items", 60, 3600)
    recounted(tables, 1, 2, fresh)
    counters.correct(found, NOW_US)
    assert recount(counters).differences == []
    counters.correct(corrections(recount(counters)), NOW_US)
    assert {key[3]: n for key, n in counts(counters).items() if key[4] == 0} == {
        1: 2, 5: 2, 15: 2, 60: 2,
    }  # fmt: skip


def test_a_replay_in_one_transaction_happens_once(tables: str) -> None:
    """The event and the settling of its failed record, both or neither: of many who replay the
    same record, each under another id, one has stored its event."""
    store, kept = DynamoFailedRecords(tables), failed()
    store.keep(kept)

    def replay(n: int) -> bool:
        event = {"TableName": physical(tables, EVENTS), "Item": {"pk": text(f"acme#{n}")}}
        settle = store.settling(kept.failed_id, "replayed", NOW_US)
        try:
            transact(client("dynamodb"), [{"Put": event}, settle], "replay")
        except ConflictError:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(replay, range(12))) == 1
    events = client("dynamodb").scan(TableName=physical(tables, EVENTS))["Items"]
    assert len(events) == 1
    with pytest.raises(ConflictError):
        store.settle({kept.failed_id: "discarded"}, NOW_US, only_open=True)


@pytest.mark.parametrize("port", ["counters", "failed", "keys", "state"])
def test_importing_a_store_is_light(port: str) -> None:
    """A function that serves requests does not load what only a recount needs."""
    heavy = ("numpy", "duckdb", "sqlite3")
    code = (
        f"import sys, tallybrook.ports.{port}.aws; "
        f"print([name for name in {heavy!r} if name in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
