"""The product on both backends, driven step by step on one held clock, and what it then holds."""

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any
from unittest.mock import patch

import msgspec
import pytest

from tallybrook.entrypoints.lambdas import recount, runtime
from tallybrook.errors import ConflictError
from tallybrook.events.model import Event
from tallybrook.ports.aws.tables import EVENTS, TABLES, physical, records_table
from tallybrook.ports.events import Position
from tallybrook.ports.log import CounterKey, FailedRecord, Write
from tallybrook.ports.log.aws.sequencer import Sequencer
from tallybrook.settings import Settings
from tallybrook.wiring import EFFECTS, Product, open_product
from tests.counters.world import us
from tests.support.emulator import make_tables, new_stack
from tests.support.streams import Batch, Handle, Pump

NOW_US = us("2024-01-01T00:20:30.5Z")
"""Early enough in a year that the previous hour, which a recount counts too, is in another."""

ACCOUNTS = ("acme", "rival")
USERS = ("u", "v", "u#v")
TYPES = ("items", "tasks")
SHARDS = 2
_PAGE = 7


def clock() -> int:
    return NOW_US


class Redelivering:
    """A table's stream whose batches come more than once: after a failure from the same record
    on, and after a lost checkpoint from an earlier one, each time with another end."""

    def __init__(self, table: str, handle: Handle, shards: int = 1) -> None:
        self.pump = Pump(table, handle, shards=shards)
        self._handle = handle
        self._past: list[Batch] = [[] for _ in range(shards)]
        self._checkpoints = [[0] for _ in range(shards)]

    def deliver(self, number: int, size: int, before: Sequence[tuple[int, int]]) -> None:
        """Acknowledge ``size`` records of a shard. Before that deliver for each (back, length)
        so many records from a checkpoint so far back, without an acknowledgement."""
        while self.pump.read():
            pass
        number %= len(self._past)
        shard, past, checkpoints = (
            self.pump.shards[number], self._past[number], self._checkpoints[number],
        )  # fmt: skip
        known = [*past, *shard.waiting]
        for back, length in before:
            start = checkpoints[max(0, len(checkpoints) - 1 - back)]
            if batch := known[start : start + length]:
                self._handle(batch)
        if self.pump.deliver(shard, size):
            past += known[len(past) : len(past) + size]
            checkpoints.append(len(past))

    def deliver_all(self) -> None:
        for number in range(len(self._past)):
            self.deliver(number, 1000, ())


class Both:
    """The same writes to the embedded backend and to the one on AWS."""

    def __init__(self, folder: str, stack: str) -> None:
        make_tables(stack, (*TABLES, *map(records_table, TYPES)))
        self.folder = folder
        self.settings = Settings(backend="aws", stack=stack)
        self.local = open_product(Settings(data=folder), clock, sql=False)
        self.aws = open_product(self.settings, clock, sql=False)
        keep = self.aws.stores.failed.keep
        sequencer = Sequencer(stack, EFFECTS, clock=clock, keep_failed=keep)
        self.streams = [Redelivering(physical(stack, EVENTS), sequencer.apply, SHARDS)]
        for name in TYPES:
            table = physical(stack, records_table(name))
            self.streams.append(Redelivering(table, _recounting(table)))

    def write(self, write: Write) -> None:
        """The answers are the same. The one promised difference: what settles open failed records
        in one step (``ports.log``) is refused on AWS where they are not open, and stores nothing.
        """
        refused = _in_one_step(write) and not self._open(write)
        with pytest.raises(ConflictError) if refused else nullcontext():
            told = self.aws.log.write(write)
        if not refused:
            assert told == self.local.log.write(write)
            assert (len(told.duplicate), len(told.records)) == (
                len(write.events), len(write.records),
            )  # fmt: skip

    def deliver_all(self) -> None:
        for stream in self.streams:
            stream.deliver_all()

    def check(self) -> None:
        """Everything that can be asked for has the same answer."""
        for ask in (stored_counters, totals, log_lines, histories, failed_records):
            assert ask(self.aws) == ask(self.local), ask.__name__

    def close(self) -> None:
        for product in (self.local, self.aws):
            product.log.close()
            product.stores.close()
        if self.local.shelves:
            self.local.shelves.close()

    def _open(self, write: Write) -> bool:
        found = failed_records(self.local)
        return all(name in found and found[name].status == "open" for name in write.settle)


@contextmanager
def both() -> Iterator[Both]:
    """With nothing stored yet, and the functions of the stack in this process."""
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        made = Both(folder, new_stack())
        opened = runtime.Opened(made.settings, clock, made.aws.log, made.aws.stores)
        recount.backends.cache_clear()
        with (
            patch.object(runtime, "settings", lambda: made.settings),
            patch.object(runtime, "opened", lambda: opened),
        ):
            yield made
        recount.backends.cache_clear()
        made.close()


def stored_counters(product: Product) -> dict[CounterKey, int]:
    """Every bucket that is not zero."""
    return {key: count for key, count in product.stores.counters.everything(None) if count}


def totals(product: Product) -> set[tuple[Any, ...]]:
    """All-time counts and spans of every series that has any."""
    return {
        (account, *msgspec.structs.astuple(total))
        for account in ACCOUNTS
        for total in product.stores.counters.series(account)
        if total.count
    }


def log_lines(product: Product) -> dict[tuple[str, str], Event]:
    """Every event of the log as a line has it, but for its number. It is there once, numbered in
    rising order, and found by its id as the very same."""
    found: dict[tuple[str, str], Event] = {}
    reader, last_seq = product.stores.reader, 0
    while chunks := reader.chunks("events", last_seq, 16):
        for line in (line for chunk in chunks for line in chunk.body.split(b"\n")):
            event = msgspec.json.decode(line, type=Event)
            assert event.seq > last_seq
            last_seq = event.seq
            name = event.account_id, event.event_id
            assert name not in found
            found[name] = _unnumbered(event)
            by_id = product.stores.events.get(*name)
            assert by_id is not None
            assert _unnumbered(by_id) == found[name]
    return found


def histories(product: Product) -> dict[tuple[str, str], list[str]]:
    """The ids of each user's events, page by page, newest first."""
    found: dict[tuple[str, str], list[str]] = {}
    for account in ACCOUNTS:
        for user in USERS:
            before, events = None, list[Event]()
            while page := product.stores.events.of_user(account, user, _PAGE, before):
                events += page
                before = Position(page[-1].timestamp, page[-1].seq)
            times = [event.timestamp for event in events]
            assert times == sorted(times, reverse=True)
            found[account, user] = [event.event_id for event in events]
    return found


def failed_records(product: Product) -> dict[str, FailedRecord]:
    """All failed records by id, whole: with status, tries and times."""
    store = product.stores.failed
    pages = [store.page(account, None, 1000, None) for account in ACCOUNTS]
    found = [record for page in pages for record in page]
    assert all(store.get(record.account_id, record.failed_id) == record for record in found)
    return {record.failed_id: record for record in found}


def _in_one_step(write: Write) -> bool:
    """Whether ``ports.log`` says of a write that it settles all of its failed records or fails."""
    items = len(write.events) + len(write.records)
    replay = items == 1 and len(write.settle) == 1
    return bool(write.settle) and not write.failed and (items == 0 or replay)


def _recounting(table: str) -> Handle:
    """The function on a records table's stream."""
    arn = f"arn:aws:dynamodb:us-east-1:000000000000:table/{table}/stream/2024"

    def handle(batch: Batch) -> None:
        event = {"Records": [{**record, "eventSourceARN": arn} for record in batch]}
        assert recount.handler(event, None) == {"batchItemFailures": []}

    return handle


def _unnumbered(event: Event) -> Event:
    return msgspec.structs.replace(event, seq=0)
