"""A log with entries and a lake with files, made by the product's own code in this process."""

from collections.abc import Iterator
from pathlib import Path

from bench.lambdas import streams
from bench.lambdas.world import World
from tallybrook.ports.aws.tables import EVENTS, physical
from tallybrook.ports.log.aws.sequencer import Sequencer
from tallybrook.wiring import EFFECTS

_BATCH = 100


def numbered(world: World) -> Iterator[None]:
    """At every step, the next hundred collected events have become entries of the log."""
    sequencer = Sequencer(world.stack, EFFECTS, keep_failed=world.stores.failed.keep)
    table = physical(world.stack, EVENTS)
    for records in streams.records(world, table, lambda: streams.collect(world, _BATCH), _BATCH):
        sequencer.apply(records)
        yield


def fill_lake(world: World, scratch: Path, batches: int) -> None:
    """Number some batches and write the whole log to the lake."""
    # Here and not above: only functions with a lake need DuckDB in this process.
    from tallybrook.lake.consumer import LakeConsumer
    from tallybrook.ports.lake.aws import AwsLake

    steps = numbered(world)
    for _ in range(batches):
        next(steps)
    store = AwsLake(world.stack, world.bucket, scratch, lease_s=60)
    consumer = LakeConsumer(store, world.stores.failed.keep)
    reader = world.stores.reader
    while chunks := reader.chunks(consumer.topic, consumer.position(), consumer.max_entries):
        consumer.handle(chunks)
    consumer.close()
