"""The log on AWS with its sequencer, driven by hand, and what its tables then hold."""

import json
from collections.abc import Iterable
from typing import Any

from tallybrook.errors import StorageError
from tallybrook.events.model import Event
from tallybrook.ports.aws.clients import client
from tallybrook.ports.aws.dynamo import pages
from tallybrook.ports.aws.tables import COUNTERS, EVENTS, SERIES, physical
from tallybrook.ports.counters.aws.rows import counter_key
from tallybrook.ports.failed.aws import DynamoFailedRecords
from tallybrook.ports.log import Commit, CounterKey, Receipt, Write
from tallybrook.ports.log.aws import DynamoLog, DynamoLogReader
from tallybrook.ports.log.aws.sequencer import Sequencer
from tallybrook.wiring import EFFECTS
from tests.contracts.logs import NOW_US, Aws, clock
from tests.counters.world import brute_force
from tests.support.calls import KilledError
from tests.support.emulator import make_tables
from tests.support.streams import Batch, Pump, Shard

HOUR_US = 3_600_000_000


class World:
    """Tables of its own. ``apply`` is a process that can be killed: it starts anew after that."""

    def __init__(self, stack: str, *, shards: int = 1, batch: int = 100) -> None:
        make_tables(stack, Aws.TABLES)
        self.stack = stack
        self.log = DynamoLog(stack, clock=clock)
        self.reader = DynamoLogReader(stack)
        self.failed = DynamoFailedRecords(stack)
        self.pump = Pump(physical(stack, EVENTS), self.apply, shards=shards, batch=batch)
        self.commits: list[Commit] = []
        self.told: dict[tuple[str, str], tuple[str, int]] = {}
        self._sequencer = self.new_sequencer()

    def new_sequencer(self) -> Sequencer:
        return Sequencer(self.stack, EFFECTS, clock=clock, keep_failed=self.failed.keep)

    def apply(self, batch: Batch) -> None:
        try:
            self.commits += self._sequencer.apply(batch)
        except KilledError:
            self._sequencer = self.new_sequencer()
            raise

    def write(self, events: Iterable[Event]) -> Receipt:
        sent = list(events)
        for event in sent:
            name = (event.account_id, event.event_id)
            self.told.setdefault(name, (event.event_type, event.timestamp))
        return self.log.write(Write(sent))

    def deliver(self) -> int:
        """Run the stream to its end, trying again as often as it fails; gives how often."""
        failures = 0
        while True:
            try:
                self.pump.run()
                return failures
            except (KilledError, StorageError):
                failures += 1

    def deliver_once(self, shard: Shard, size: int) -> bool:
        """One delivery of so many records; tells whether it was acknowledged."""
        try:
            self.pump.deliver(shard, size)
        except (KilledError, StorageError):
            return False
        return True

    def entries(self) -> list[dict[str, Any]]:
        """Every line, by chunks of which each one starts where the one before ended."""
        found: list[dict[str, Any]] = []
        while chunks := self.reader.chunks("events", len(found)):
            for chunk in chunks:
                assert chunk.first_seq == len(found) + 1
                found += [json.loads(line) for line in chunk.body.split(b"\n")]
                assert chunk.last_seq == len(found)
        assert self.reader.head() == len(found)
        return found

    def counters(self) -> dict[CounterKey, int]:
        return {counter_key(item): int(item["n"]["N"]) for item in self.scan(COUNTERS.name)}

    def scan(self, table: str) -> list[dict[str, Any]]:
        name = physical(self.stack, table)
        return list(pages(client("dynamodb"), "scan", TableName=name, ConsistentRead=True))

    def check(self) -> None:
        """Everything that was told is in the log once, numbered densely, and counted; so is
        nothing else."""
        lines = self.entries()
        assert [line["seq"] for line in lines] == list(range(1, len(lines) + 1))
        names = [(line["account_id"], line["event_id"]) for line in lines]
        assert sorted(names) == sorted(self.told)
        assert self.counters() == brute_force(self.told, {})
        named = {(i["account_id"]["S"], i["series"]["S"]) for i in self.scan(SERIES.name)}
        told = {(account, f"event#{s}") for (account, _), (s, _) in self.told.items()}
        assert named >= told

    def close(self) -> None:
        self.log.close()
        self.failed.close()


def spread(count: int, prefix: str = "e", account: str = "acme") -> list[Event]:
    """Events an hour apart: each is counted in four buckets of its own, so that a transaction
    holds two dozen of them at most."""
    return [
        Event(
            0, f"{prefix}{i:03}", "view", NOW_US + i * HOUR_US, NOW_US, account, "event",
            user_id=f"u{i % 3}",
        )
        for i in range(count)
    ]  # fmt: skip
