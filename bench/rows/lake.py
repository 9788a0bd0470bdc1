"""Writing the lake: rows a second, bytes a row, what merging and erasing do."""

import random
import time
from collections.abc import Iterator
from contextlib import closing

import duckdb
import msgspec

from bench.row import Goal, Options, Row, absolute, beside
from tallybrook.lake.chores import perform
from tallybrook.lake.consumer import LakeConsumer
from tallybrook.lake.tasks import Task
from tallybrook.ports.lake import DataFile
from tallybrook.ports.lake.local import LocalLake
from tallybrook.ports.log import Chunk

FLUSH = 10_000
USERS = 5_000
START_US = 1_772_323_200_000_000
_SHORT = "SELECT event_type, count(DISTINCT user_id) FROM read_parquet({files}) GROUP BY 1"


def lake_writing(options: Options) -> list[Row]:
    """Events of some 250 bytes, flushed by 10 000 as from a busy log, one in a hundred a cost."""
    rows = 100_000 if options.quick else 1_000_000
    with closing(LakeConsumer(LocalLake(options.scratch, grace_s=0), print)) as lake:
        took = [_flush(lake, chunk) for chunk in _chunks(rows)]
        flushed, small = _files(lake), _scan(lake)
        perform(lake.writer, Task(op="compact"))
        files, merged = _files(lake), _scan(lake)
        began = time.perf_counter()
        task = Task(op="erase", account_id="default", names=["user-7"], up_to=rows)
        perform(lake.writer, task)
        erased_s = time.perf_counter() - began
    note = f"{rows} events, {len(files)} files"
    rate = absolute("lake, rows written a second", [FLUSH / s for s in took], "/s", note=note)
    size, before = _bytes_a_row(files), _bytes_a_row(flushed)
    unmerged = "as written"
    return [
        absolute("lake, bytes an event once merged", [size], "B", Goal(60, "<=", " B"), note),
        beside("bytes an event once merged", [size], "B", unmerged, [before], Goal(1, "<=", "×")),
        rate,
        beside("files once merged", [len(files)], "files", unmerged, [len(flushed)]),
        beside("short query on merged files", merged, "ms", unmerged, small, Goal(1, "<=", "×")),
        absolute("erasing a user from the lake", [erased_s * 1e3], "ms", note=note),
    ]  # fmt: skip


def _files(lake: LakeConsumer) -> list[DataFile]:
    return lake.writer.store.snapshot("default").of("events")


def _bytes_a_row(files: list[DataFile]) -> float:
    return sum(file.bytes for file in files) / sum(file.rows for file in files)


def _flush(lake: LakeConsumer, chunk: Chunk) -> float:
    began = time.perf_counter()
    lake.handle([chunk])
    return time.perf_counter() - began


def _scan(lake: LakeConsumer) -> list[float]:
    """Milliseconds of a short query over the live files, the first not counted."""
    store, took = lake.writer.store, list[float]()
    files = store.locate(store.snapshot("default").of("events"))
    with duckdb.connect() as engine:
        for _ in range(6):
            began = time.perf_counter()
            engine.execute(_SHORT.format(files=files)).fetchall()
            took.append((time.perf_counter() - began) * 1e3)
    return took[1:]


def _chunks(rows: int) -> Iterator[Chunk]:
    rng = random.Random(7)
    for first in range(1, rows + 1, FLUSH):
        lines = [_line(seq, rng) for seq in range(first, first + FLUSH)]
        yield Chunk(first, FLUSH, START_US, b"\n".join(lines) + b"\n")


def _line(seq: int, rng: random.Random) -> bytes:
    cost = seq % 100 == 0
    properties = {"function": "ocean", "invocations": 9, "estimated_cost": 0.1} if cost else {
        "carrier": rng.choice(("UA", "AA", "DL")), "flight": rng.randrange(2000),
        "delay": rng.randrange(120), "platform": "desktop",
    }  # fmt: skip
    event = {
        "seq": seq, "event_id": f"01K{rng.getrandbits(115):023X}",
        "event_type": "cost_metrics" if cost else rng.choice(("view", "click", "cart", "buy")),
        "timestamp": START_US + seq * 1_000, "ingested_at": START_US + seq * 1_000 + 900,
        "account_id": "default", "time_source": "event", "user_id": f"user-{rng.randrange(USERS)}",
        "session_id": f"sess-{seq // 9}", "properties": properties,
    }  # fmt: skip
    return msgspec.json.encode(event)
