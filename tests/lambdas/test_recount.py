"""The recount that the streams of records tables set off (SPEC 2), as a function runs it."""

import json
import logging
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tallybrook.entrypoints.lambdas import recount, runtime
from tallybrook.errors import StorageError
from tallybrook.events.instants import HOUR_US, format_instant
from tallybrook.ports.aws.tables import physical, records_table
from tallybrook.ports.clock import system_clock
from tallybrook.ports.log import CounterKey, RecordChange, Write
from tests.contracts.recorded import READER, body_of
from tests.counters.world import brute_force
from tests.graphql.serving import Served, serving_graphql
from tests.lambdas.samples import Sample, samples
from tests.lambdas.stack import Stack
from tests.support.streams import Pump

FOREIGN = "arn:aws:dynamodb:us-east-1:123456789012:table/Item-abc123-main/stream/2024"


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    recount.backends.cache_clear()
    yield
    recount.backends.cache_clear()


def put(record_id: str, at: int | None, account: str = "acme") -> RecordChange:
    return READER.put(account, "items", record_id, body_of(at))


def delete(record_id: str, account: str = "acme") -> RecordChange:
    return READER.delete(account, "items", record_id)


def write(*changes: RecordChange) -> None:
    runtime.opened().log.write(Write(records=list(changes)))


def pump(stack: Stack, failed: list[str] | None = None, **options: Any) -> Pump:
    """The stream of items into the handler, as an event source with partial failures does it."""
    table = physical(stack.name, records_table("items"))
    arn = f"arn:aws:dynamodb:us-east-1:000000000000:table/{table}/stream/2024"

    def handle(batch: list[dict[str, Any]]) -> None:
        event = {"Records": [{**record, "eventSourceARN": arn} for record in batch]}
        answer = recount.handler(event, None)
        tokens = [item["itemIdentifier"] for item in answer["batchItemFailures"]]
        if failed is not None:
            failed.extend(tokens)
        if tokens:
            raise StorageError("to be delivered again")

    return Pump(table, handle, **options)


def stored(account: str = "acme") -> dict[CounterKey, int]:
    """Every bucket that is not zero, as the product reads it."""
    counters = runtime.opened().stores.counters
    found: dict[CounterKey, int] = {}
    for minutes in (1, 5, 15, 60):
        for row in counters.rows(account, "record", "items", minutes, 0, 1 << 40):
            if row.count:
                found[account, "record", "items", minutes, row.start_s] = row.count
    return found


def test_from_a_write_to_its_counter(here: Stack) -> None:
    """A record that is written, moved and deleted is counted where it is, and nowhere after."""
    stream, now = pump(here, shards=1), system_clock()
    write(put("a", now), put("b", now - 30 * HOUR_US), put("c", None))
    stream.run()
    truth: dict[tuple[str, str, str], int | None] = {
        ("acme", "items", "a"): now,
        ("acme", "items", "b"): now - 30 * HOUR_US,
    }
    assert stored() == brute_force({}, truth)
    write(put("a", now - 50 * HOUR_US), delete("b"))
    stream.run()
    truth = {("acme", "items", "a"): now - 50 * HOUR_US}
    assert stored() == brute_force({}, truth)
    counters = runtime.opened().stores.counters
    assert ("record", "items") in counters.names("acme")
    hour = now // HOUR_US * 3600
    assert len(counters.rows("acme", "record", "items", 1, hour, hour + 3600)) == 60


def test_random_changes_and_deliveries(here: Stack) -> None:
    """Any order of changes, any split into batches, over several shards, all delivered twice:
    the counters are those of counting from scratch."""
    dice = random.Random(11)
    streams = [pump(here, batch=size, shards=2) for size in (5, 9)]
    truth: dict[tuple[str, str, str], int | None] = {}
    base = system_clock() // HOUR_US * HOUR_US
    for stream in streams:
        for _ in range(6):
            account, name = dice.choice(["acme", "acme", "rival"]), str(dice.randint(0, 4))
            if dice.random() < 0.25:
                write(delete(name, account))
                truth.pop((account, "items", name), None)
            else:
                at = dice.choice([None, base - dice.randint(-1, 2) * HOUR_US // 2, base + 1])
                write(put(name, at, account))
                truth[account, "items", name] = at
        stream.run()
    for stream in streams:
        stream.run()
    assert stored() | stored("rival") == brute_force({}, truth)


def test_a_recount_that_fails(here: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its changes are reported by sequence number, nothing of it is written, and the delivery
    after it brings the numbers; the other account's are there at once."""
    failed: list[str] = []
    stream, now = pump(here, failed, shards=1), system_clock()
    write(put("a", now), put("b", now, "rival"))
    source, sink = recount.backends("own")

    class Broken:
        def read(self, account: str, *args: Any) -> Any:
            if account == "acme":
                raise StorageError("on purpose")
            return source.read(account, *args)

    with monkeypatch.context() as patch:
        patch.setattr(recount, "backends", lambda _origin: (Broken(), sink))
        with pytest.raises(StorageError, match="again"):
            stream.run()
    assert len(failed) == 1
    assert (stored(), len(stored("rival"))) == ({}, 4)
    stream.run()
    assert len(stored()) == 4


def test_the_log_of_a_recount(here: Stack, caplog: pytest.LogCaptureFixture) -> None:
    """One short block with 154 buckets; what has no time is named."""
    stream = pump(here)
    write(put("a", system_clock()), put("timeless", None))
    with caplog.at_level(logging.INFO, "tallybrook.lambda"):
        stream.run()
    text = caplog.text
    assert "skipped_no_timestamp: timeless" in text
    assert "154 buckets written" in text
    assert "✓ SUCCESS" in text


def test_live_updates(here: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who watches is told by how much a minute changed, once."""
    told: list[tuple[str, Any]] = []

    class Sockets:
        def push(self, account_id: str, _topic: str, message: bytes) -> None:
            told.append((account_id, json.loads(message)))

    monkeypatch.setenv("TALLYBROOK_SOCKETS_URL", "http://127.0.0.1:9")
    runtime.forget()
    monkeypatch.setattr(runtime, "sockets", Sockets)
    streams, now = [pump(here, shards=1), pump(here, shards=1)], system_clock()
    write(put("a", now), put("b", now))
    for stream in streams:
        stream.run()
    changes = [change for _, message in told for change in message["data"]["changes"]]
    assert {account for account, _ in told} == {"acme"}
    assert sum(change["delta"] for change in changes) == 2
    assert (changes[-1]["series"], changes[-1]["kind"], changes[-1]["count"]) == (
        "items", "record", 2,
    )  # fmt: skip


@pytest.mark.parametrize("sample", samples("aws:dynamodb"), ids=lambda sample: sample.name)
def test_samples_of_other_tables(here: Stack, sample: Sample) -> None:
    """What is no change of a record is kept as a failed record, once, and acknowledged."""
    event = sample.read()
    for _ in range(2):
        assert recount.handler(event, None) == {"batchItemFailures": []}
    assert len(here.failed()) == len(event["Records"])


def test_a_tumbling_window_without_records(here: Stack) -> None:
    """Nothing to do; the state is handed on."""
    event = {"window": {"start": "a", "end": "b"}, "state": {"n": 1}, "Records": []}
    assert recount.handler(event, None) == {"batchItemFailures": [], "state": {"n": 1}}


def image(record_id: str, at: int | None, **fields: Any) -> dict[str, Any]:
    stamp = {"NULL": True} if at is None else {"S": format_instant(at)}
    return {"id": {"S": record_id}, "accountId": {"S": "acme"}, "createdAt": stamp, **fields}


def foreign(*images: tuple[dict[str, Any] | None, dict[str, Any] | None]) -> dict[str, Any]:
    """A batch of an Amplify table's stream."""
    return {
        "Records": [
            {
                "eventID": str(i),
                "eventName": "MODIFY",
                "eventSourceARN": FOREIGN,
                "dynamodb": {
                    "SequenceNumber": str(100 + i),
                    **({"OldImage": old} if old else {}),
                    **({"NewImage": new} if new else {}),
                },
            }
            for i, (old, new) in enumerate(images)
        ]
    }


@pytest.fixture
def api(here: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    """Somebody else's API, which the function is pointed to."""
    with serving_graphql(tmp_path, counted_here=False) as served:
        monkeypatch.setenv("PLEXUS_API_URL", served.url)
        monkeypatch.setenv("PLEXUS_API_KEY", served.key())
        yield served


def test_a_foreign_table(api: Served) -> None:
    """Read over its API, counted, and written there as AggregatedMetrics; a move as well."""
    now = system_clock()
    old, new = now - 30 * HOUR_US, now - 29 * HOUR_US
    api.ports.log.write(Write(records=[put("a", new), put("b", now)]))
    event = foreign((image("a", old), image("a", new)), (None, image("b", now)))
    assert recount.handler(event, None) == {"batchItemFailures": []}
    truth: dict[tuple[str, str, str], int | None] = {
        ("acme", "items", "a"): new,
        ("acme", "items", "b"): now,
    }
    sink = api.ports.sink
    found: dict[CounterKey, int] = {}
    for minutes in (1, 5, 15, 60):
        rows = sink.stored("acme", "items", minutes, 0, 1 << 40)
        assert len(rows) == 4 * 60 // minutes  # the touched hours and the last two, zeros too
        for row in rows:
            if row.count:
                found["acme", "record", "items", minutes, row.start_s] = row.count
    assert found == brute_force({}, truth)


def test_a_foreign_api_that_refuses(api: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """All its changes are reported, in their order."""
    monkeypatch.setenv("PLEXUS_API_KEY", "tb_nobody_knows")
    event = foreign((None, image("a", 0)), (image("b", 0), None))
    answer = recount.handler(event, None)
    names = [item["itemIdentifier"] for item in answer["batchItemFailures"]]
    assert names == ["100", "101"]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda record: record["dynamodb"].pop("NewImage"),
        lambda record: record["dynamodb"]["NewImage"].pop("accountId"),
        lambda record: record["dynamodb"]["NewImage"].update(accountId={"S": "a#b"}),
        lambda record: record["dynamodb"]["NewImage"].update(id={"N": "7"}),
        lambda record: record.update(eventSourceARN="arn:aws:dynamodb:r:1:table/Other-x/stream/y"),
        lambda record: record.update(dynamodb="?"),
    ],
)
def test_an_image_that_cannot_be_read(api: Served, spoil: Callable[[Any], object]) -> None:
    """It is kept as a failed record; the others of its batch are counted."""
    now = system_clock()
    api.ports.log.write(Write(records=[put("good", now)]))
    event = foreign((None, image("bad", now)), (None, image("good", now)))
    spoil(event["Records"][0])
    assert recount.handler(event, None) == {"batchItemFailures": []}
    assert len(Stack(runtime.settings().stack).failed()) == 1
    assert sum(m.count for m in api.ports.sink.stored("acme", "items", 60, 0, 1 << 40)) == 1
