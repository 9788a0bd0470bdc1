"""Ten times as much: time, memory, and what it costs to know that an id is new."""

import os
import time
from contextlib import closing
from pathlib import Path

import numpy as np

from bench import machine, realistic
from bench.product import product
from bench.row import Goal, Options, Row, absolute, beside
from tallybrook.events.model import Event
from tallybrook.ports.log import Write
from tallybrook.ports.log.local import SqliteLog
from tallybrook.ports.log.local.idindex import SEAL_AT, IdIndex
from tallybrook.ports.log.local.segments import SegmentSet
from tallybrook.wiring import EFFECTS

_BATCH = 500
_SELF = os.getpid()


def growth(options: Options) -> list[Row]:
    """N events and 10 N events, sent in the same way to an empty product each."""
    small = 20_000 if options.quick else 100_000
    took: dict[int, list[float]] = {small: [], 10 * small: []}
    memory: dict[int, list[float]] = {small: [], 10 * small: []}
    bodies = {count: list(realistic.batches(count)) for count in took}
    for _ in range(options.rounds):
        for count in took:
            with product(options.scratch) as running:
                realistic.load(running, realistic.batches(5_000, seed=2))
                begun = time.perf_counter()
                realistic.load(running, iter(bodies[count]))
                took[count].append(time.perf_counter() - begun)
                running.settle()
                memory[count].append(machine.memory_mb(running.everything))
    large, name = 10 * small, f"{small // 1000} 000"
    return [
        beside("10 × the events, s", took[large], "s", name, took[small], Goal(10.5, "<=", "×")),
        beside("10 × the events, memory", memory[large], "MB", name, memory[small]),
    ]


def ids(options: Options) -> list[Row]:
    """Storing new events when 1 000 000 ids are known, and when many more are.

    The segments of the index are made through its own classes from random hashes, not by sending
    that many events.
    """
    many = 5_000_000 if options.quick else 50_000_000
    few_us: list[float] = []
    many_us: list[float] = []
    grown_mb = 0.0
    for count in (1_000_000, many):
        make_segments(options.scratch / f"ids-{count}", count)
    for number in range(max(3, options.rounds)):
        few_us.append(_insert_us(options.scratch, 1_000_000, number)[0])
        took_us, grown_mb = _insert_us(options.scratch, many, number)
        many_us.append(took_us)
    name = f"{many // 10**6} 000 000"
    return [
        beside(
            f"storing an event, {name} ids known", many_us, "µs", "1 000 000 known", few_us,
            Goal(1.5, "<=", "×"), "index segments made from random hashes",
        ),
        absolute(f"memory of {name} known ids", [grown_mb], "MB"),
    ]  # fmt: skip


def make_segments(folder: Path, count: int) -> None:
    """An index that holds ``count`` ids, as sealing and merging leave it."""
    segments, chance = SegmentSet(folder, columns=2), np.random.default_rng(count)
    size = SEAL_AT * max(1, count // 1_000_000)
    for first in range(1, count + 1, size):
        last = min(first + size - 1, count)
        hashes = chance.integers(-(1 << 63), 1 << 63, last - first + 1, dtype=np.int64)
        seqs = np.arange(first, last + 1, dtype=np.int64)
        segments.add(first, last, np.stack([hashes, seqs]))


def _insert_us(scratch: Path, count: int, number: int) -> tuple[float, float]:
    """µs an event of 100 000 new events in batches, and MB that opening the index took."""
    before_mb = machine.memory_mb([_SELF])
    index = IdIndex(scratch / f"ids-{count}")
    index.close()  # waits for the filter
    grown_mb = machine.memory_mb([_SELF]) - before_mb
    path = scratch / f"log-{count}-{number}" / "log.db"
    path.parent.mkdir()
    batches = [_batch(number, first) for first in range(0, 100_000, _BATCH)]
    with closing(SqliteLog(path, EFFECTS, index=index)) as log:
        begun = time.perf_counter()
        for batch in batches:
            log.write(batch)
        took_s = time.perf_counter() - begun
    return took_s / 100_000 * 1e6, grown_mb


def _batch(number: int, first: int) -> Write:
    return Write(
        [
            Event(
                seq=0, event_id=f"id-{number}-{n}", event_type="t", timestamp=n * 1_000_000,
                ingested_at=0, account_id="default", time_source="event",
            )
            for n in range(first, first + _BATCH)
        ]
    )  # fmt: skip
