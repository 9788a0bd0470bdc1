"""The sequencer of the AWS log: dense numbers, each event once, whatever happens to a delivery."""

import json
import random
import threading
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from botocore.exceptions import ClientError

from tallybrook.ports.aws.clients import client
from tallybrook.ports.aws.dynamo import MAX_ITEM_BYTES, text
from tallybrook.ports.aws.tables import EVENTS, LOG, physical
from tallybrook.ports.log.aws.sequencer import Sequencer
from tests.contracts.logs import event
from tests.log.sequencing import World, spread
from tests.support.calls import answers_lost, dying_after, meddling, throttle


@pytest.fixture
def world(stack: str) -> Iterator[World]:
    made = World(stack)
    yield made
    made.close()


@pytest.mark.parametrize("killed", [1, 2, 3, 4])
def test_killed_before_it_could_answer(world: World, killed: int) -> None:
    """The transaction is done and the delivery is not acknowledged: when it comes again, it is
    numbered and counted once. The first delivery makes three, the second one."""
    world.write(spread(80))
    world.pump.batch = 60
    with dying_after("TransactWriteItems", killed):
        assert world.deliver() == 1
    world.check()


@pytest.mark.parametrize("again", [1, 7, 30, 60, 200])
def test_a_shorter_or_longer_delivery_after_a_kill(world: World, again: int) -> None:
    """The first delivery was of 70 records and died after its second transaction; those that
    follow end elsewhere, in the middle of what is committed too."""
    world.write(spread(80))
    world.pump.read()
    (shard,) = world.pump.shards
    with dying_after("TransactWriteItems", 2):
        assert not world.deliver_once(shard, 70)
    committed = world.reader.head()
    assert 30 < committed < 60
    world.pump.batch = again
    assert world.deliver() == 0
    world.check()
    hours = [key[4] for commit in world.commits for key in commit.counts if key[3] == 60]
    assert len(hours) == len(set(hours)) == 80 - committed


def test_a_crash_before_the_transaction(world: World) -> None:
    """Nothing was committed, nothing is missing afterwards."""
    world.write(spread(60))
    with dying_after("BatchWriteItem", 1):
        assert world.deliver() == 1
    world.check()


def test_a_lost_answer(world: World) -> None:
    """The SDK sends the transaction again, whose first answer was lost: it is committed once."""
    world.write(spread(60))
    with answers_lost("TransactWriteItems", 2) as lost:
        assert world.deliver() == 0
    assert len(lost) == 2
    world.check()


@pytest.mark.parametrize("operation", ["TransactWriteItems", "GetItem", "BatchWriteItem"])
def test_throttles(world: World, operation: str) -> None:
    """A call that is refused fails the delivery, which comes again until it goes through."""
    world.write(spread(110))
    chance, refused = random.Random(3), []

    def some() -> None:
        if chance.random() < 0.25:
            refused.append(operation)
            raise throttle(operation)

    with meddling(operation, some):
        failures = world.deliver()
    assert failures == len(refused) > 0
    world.check()


def test_conflicts(world: World) -> None:
    """A transaction that met another one is tried again, without failing the delivery."""
    world.write(spread(60))
    chance = random.Random(3)
    reasons = [{"Code": "TransactionConflict"}, {"Code": "None"}]
    answer = {"Error": {"Code": "TransactionCanceledException"}, "CancellationReasons": reasons}

    def some() -> None:
        if chance.random() < 0.5:
            raise ClientError(answer, "TransactWriteItems")  # type: ignore[arg-type]

    with meddling("TransactWriteItems", some):
        assert world.deliver() == 0
    world.check()


def test_shards_at_once(stack: str) -> None:
    """Sequencers of four shards on threads of their own: they meet at the head, and the numbers
    are dense, each event has one and is counted once."""
    world = World(stack, shards=4)
    world.write(spread(60))
    world.write(event(f"same{i}") for i in range(40))
    while world.pump.read():
        pass
    threads = [
        threading.Thread(target=_run, args=(world.new_sequencer(), list(shard.waiting)))
        for shard in world.pump.shards
    ]
    _run_all(threads)
    world.check()
    world.close()


def test_the_same_delivery_twice_at_once(world: World) -> None:
    """A function that was given up and goes on beside its successor: the same records, ending
    elsewhere, are committed by one of them."""
    world.write(spread(100))
    world.pump.read()
    waiting = list(world.pump.shards[0].waiting)
    for upto in (60, 100):
        batches = (waiting[:upto], waiting[: upto - 37], waiting[:upto])
        _run_all([threading.Thread(target=_run, args=(world.new_sequencer(), b)) for b in batches])
        assert world.reader.head() == upto
    world.check()


def _run(sequencer: Sequencer, batch: list[dict[str, Any]]) -> None:
    for upto in (40, len(batch)):
        sequencer.apply(batch[:upto])


def _run_all(threads: list[threading.Thread]) -> None:
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_what_is_no_event_is_kept(world: World) -> None:
    """A row that somebody else put there becomes one failed record, however often it is
    delivered; those around it are numbered."""
    world.write(spread(3))
    rows: list[dict[str, Any]] = [
        {"pk": text("acme#odd")},
        {"pk": text("acme#odd2"), "line": text("{}"), "at": text("0#1#odd2")},
        {"pk": text("odd3"), "line": text('{"event_id":'), "at": text("0")},
        {"pk": text("acme#odd4"), "line": {"N": "4"}, "at": text("0#1#odd4")},
    ]
    for row in rows:
        client("dynamodb").put_item(TableName=physical(world.stack, EVENTS), Item=row)
    world.write(spread(3, "f"))
    with dying_after("TransactWriteItems", 1):
        assert world.deliver() == 1
    world.check()
    kept = world.failed.page("acme", "open", 9, None)
    assert {record.source for record in kept} == {"sequence"}
    assert len(kept) == 3
    assert len(world.failed.page("default", "open", 9, None)) == 1
    assert any(commit.failed for commit in world.commits)


def test_rows_that_change_or_go_are_no_news(world: World) -> None:
    """An event is numbered when it comes, and never again."""
    world.write(spread(3))
    table, dynamo = physical(world.stack, EVENTS), client("dynamodb")
    key = {"pk": text("acme#e001")}
    dynamo.update_item(
        TableName=table, Key=key, UpdateExpression="SET x = :x",
        ExpressionAttributeValues={":x": text("x")},
    )  # fmt: skip
    dynamo.delete_item(TableName=table, Key=key)
    world.deliver()
    world.check()


def test_events_that_do_not_shrink(world: World) -> None:
    """Large events that cannot be compressed go into chunks that an item can hold."""
    noise = random.Random(7)
    large = [
        event(f"l{i}", properties=_raw({"p": noise.randbytes(90_000).hex()})) for i in range(6)
    ]
    world.write(large)
    world.deliver()
    world.check()
    chunks = [item for item in world.scan(LOG.name) if item["pk"]["S"] == "events"]
    assert len(chunks) > 1
    assert all(len(item["body"]["B"]) < MAX_ITEM_BYTES for item in chunks)


def _raw(value: Any) -> Any:
    return msgspec.Raw(json.dumps(value).encode())


def test_an_old_delivery_costs_little(world: World) -> None:
    """A delivery that was committed changes nothing, and gives no commit to tell anybody of."""
    world.write(spread(100))
    world.pump.read()
    batch = list(world.pump.shards[0].waiting)
    assert len(world.new_sequencer().apply(batch)) == 5
    before = world.scan(LOG.name)
    assert world.new_sequencer().apply(batch) == []
    assert world.scan(LOG.name) == before
    world.check()
