"""What one event sets in motion on AWS, counted step by step from the code that does it. Pure.

Collecting (``entrypoints.lambdas.http``): one request to the HTTP API and one call of a function a
batch, a line in the access log, three lines of Lambda's own, and a read of the keys' version.

Storing (``ports.log.aws.inserting``): one conditional put an event, so a write unit for each KB of
its row; and one for the row of each index it is in (``user``, ``anonymous``). Nothing here gets
cheaper by the batch. A duplicate costs the put, too.

Numbering (``ports.log.aws.sequencer``): each shard of the table's stream waits a second, or for
1000 rows, and commits them in one transaction, whose write units count double: head, marker, chunk,
and four counters (1, 5, 15 and 60 minutes) a series. Beside it: two reads before, and to tell live
pages one read a changed series and one of the connections. Lambda reads the stream for nothing.
So with little traffic each event pays for a commit of its own, and with much they share it.

Entities (``entrypoints.lambdas.entities``): the same stream is read a second time, a hundred rows a
call, and each call looks for alerts that wait. What operations then write is not in it.

The lake (``lake.consumer``, ``ports.lake.aws``): every five minutes, if there is anything new, one
file an account and day, its rows in the catalog, and the reading of the log; an eighth of that for
merging.

Keeping: a month's events for a month: rows, index rows and chunks with continuous backup, and
Parquet in the bucket.

Assumed beside the code, and open to measurement: the processor times below; that a commit touches
one minute, and the lake one account and day; that traffic is even over the day. Not in it: pages
that are open (a message each a commit), queries, records, other ways in.
"""

import math

from tallybrook.costs import functions
from tallybrook.costs.bill import Use, scaled
from tallybrook.costs.load import DAY_S, Load, distinct, some
from tallybrook.costs.prices import Arch
from tallybrook.costs.standing import DAYS, LAKE_MEMORY_MB
from tallybrook.costs.tiers import Tier

KB, GB = 1024, 2**30
BODY_STEP_BYTES = 512 * KB
LOG_BYTES_A_CALL, ACCESS_LOG_BYTES, REPLY_BYTES, REPLY_BYTES_AN_EVENT = 400, 350, 400, 70

REQUEST_CORE_MS, PUT_CORE_MS, WAIT_MS = 4.0, 0.8, 10.0
COMMIT_CORE_MS, NUMBER_CORE_MS, COMMIT_WAIT_MS = 8.0, 0.15, 25.0
READING_CORE_MS, READ_CORE_MS, READING_WAIT_MS = 2.0, 0.05, 5.0
LAKE_CORE_MS = 0.006
"""Processor time of a whole core: a request, an event stored, a commit, an event numbered, a call
for the entities, an event read for them, one written to the lake; and waiting for the database."""

ENTITIES_BATCH = 100

INIT_MS, KEPT_S, LIFE_S = 600.0, 600, 7_200
"""Starting, how long Lambda keeps what is not used, and what is used."""

ROW_EXTRA_BYTES = 170
INDEX_ROW_BYTES = 250
STORED_ROW_BYTES = 100
CHUNK_BYTES, CHUNK_BYTES_AN_EVENT = 300, 80
PARQUET_BYTES_AN_EVENT = 60
"""A row is the event's line and its keys; DynamoDB adds 100 bytes to each in storage."""

STREAM_SHARDS, SHARD_WRITES_A_S = 4, 1_000
WINDOW_EVENTS, CHUNK_LINES_BYTES = 1_000, 380_000
SIZES = 4
TRANSACTED = 2

LAKE_RUN_S = 300
LAKE_WRITES, LAKE_READS, LAKE_PUTS = 17, 12, 1.2
"""A run that finds something: lease, intent, file, pointer, and its share of a merge."""

TRACED_A_S, TRACED_SHARE = 1, 0.05


def uses_of(load: Load, tier: Tier, arch: Arch, memory_mb: int | None = None) -> list[Use]:
    """A month of the load, in the stack of a tier. ``memory_mb`` is that of the functions that
    collect and number; without it the tier's."""
    collects = memory_mb or tier.memory_of("http")
    numbers = memory_mb or tier.memory_of("sequence")
    calls = load.requests_per_day + commits_per_day(load) + second_readings_per_day(load)
    day = [
        *_collecting(load, arch, collects),
        *_storing(load),
        *_numbering(load, arch, numbers),
        *_entities(load, arch, tier.memory_of("entities")),
        *_lake(load, arch),
        Use("Logs of functions", "cloudwatch.log_gb", calls * LOG_BYTES_A_CALL / GB),
        *(_traces(load) if tier.xray else []),
    ]
    return [*scaled(day, DAYS), *_keeping(load)]


def commits_per_day(load: Load) -> float:
    """How often a shard's rows are committed: when a window that began with a row has passed.

    A request's rows are spread over the shards. More rows than a commit holds make more commits.
    """
    if not load.events_per_day:
        return 0.0
    shards = _shards(load)
    touching = load.requests_per_day / DAY_S * (distinct(shards, load.batch) / shards)
    windows = shards / (load.window_s + 1 / touching) * DAY_S
    line_bytes = load.event_bytes + 30
    most = max(1, min(WINDOW_EVENTS, CHUNK_LINES_BYTES // line_bytes))
    return max(windows, load.events_per_day / most)


def second_readings_per_day(load: Load) -> float:
    """How often the function of the entities is called: as the one that commits, but with fewer
    rows at once."""
    return max(commits_per_day(load), load.events_per_day / ENTITIES_BATCH)


def events_a_commit(load: Load) -> float:
    commits = commits_per_day(load)
    return load.events_per_day / commits if commits else 0.0


def writes_an_event(load: Load) -> float:
    """Write units that storing takes: the row, and the rows of the indexes."""
    return math.ceil((load.event_bytes + ROW_EXTRA_BYTES) / KB) + load.ids


def writes_a_commit(load: Load) -> float:
    """Write units of one transaction: head, marker, chunk and counters, doubled."""
    events = events_a_commit(load)
    marker = math.ceil((100 + 16 * events) / KB)
    chunk = math.ceil((CHUNK_BYTES + CHUNK_BYTES_AN_EVENT * events) / KB)
    return TRANSACTED * (1 + marker + chunk + SIZES * distinct(load.series, events))


def _shards(load: Load) -> int:
    busy = load.events_per_day / DAY_S * writes_an_event(load)
    return max(STREAM_SHARDS, math.ceil(busy / SHARD_WRITES_A_S))


def _collecting(load: Load, arch: Arch, memory_mb: int) -> list[Use]:
    requests, batch = load.requests_per_day, load.batch
    body_steps = math.ceil(batch * load.event_bytes / BODY_STEP_BYTES)
    each_ms = functions.duration_ms(REQUEST_CORE_MS + PUT_CORE_MS * batch, WAIT_MS, memory_mb)
    gb_s = functions.gb_seconds(requests, each_ms, memory_mb, INIT_MS, _cold_starts(requests))
    reply_bytes = REPLY_BYTES + REPLY_BYTES_AN_EVENT * batch
    return [
        Use("HTTP API", "apigateway.http_request", requests * body_steps),
        Use("Access log", "cloudwatch.log_gb", requests * ACCESS_LOG_BYTES / GB),
        *functions.uses("Collecting", requests, gb_s, arch),
        Use("Replies", "transfer.out_gb", requests * reply_bytes / GB),
        Use("Looking for keys", "dynamodb.read_unit", requests),
    ]


def _storing(load: Load) -> list[Use]:
    rows = math.ceil((load.event_bytes + ROW_EXTRA_BYTES) / KB) * load.events_per_day
    return [
        Use("Rows of events", "dynamodb.write_unit", rows),
        Use("Rows of indexes", "dynamodb.write_unit", load.ids * load.events_per_day),
    ]


def _numbering(load: Load, arch: Arch, memory_mb: int) -> list[Use]:
    commits, events = commits_per_day(load), events_a_commit(load)
    core_ms = COMMIT_CORE_MS + NUMBER_CORE_MS * events
    each_ms = functions.duration_ms(core_ms, COMMIT_WAIT_MS, memory_mb)
    gb_s = functions.gb_seconds(commits, each_ms, memory_mb, INIT_MS, _cold_starts(commits))
    reads = 2 + distinct(load.series, events) + 0.5
    return [
        Use("Commits of the log", "dynamodb.write_unit", commits * writes_a_commit(load)),
        Use("Reads of a commit", "dynamodb.read_unit", commits * reads),
        *functions.uses("Numbering", commits, gb_s, arch),
    ]


def _entities(load: Load, arch: Arch, memory_mb: int) -> list[Use]:
    calls = second_readings_per_day(load)
    events = load.events_per_day / calls if calls else 0.0
    each_ms = functions.duration_ms(
        READING_CORE_MS + READ_CORE_MS * events, READING_WAIT_MS, memory_mb
    )
    gb_s = functions.gb_seconds(calls, each_ms, memory_mb, INIT_MS, _cold_starts(calls))
    return [
        *functions.uses("Reading for entities", calls, gb_s, arch),
        Use("Looking for alerts", "dynamodb.read_unit", calls),
    ]


def _lake(load: Load, arch: Arch) -> list[Use]:
    busy_runs = DAY_S / LAKE_RUN_S * some(load.requests_per_day / DAY_S, LAKE_RUN_S)
    core_ms = LAKE_CORE_MS * load.events_per_day
    gb_s = functions.gb_seconds(
        1, functions.duration_ms(core_ms, 0, LAKE_MEMORY_MB), LAKE_MEMORY_MB
    )
    log_bytes = CHUNK_BYTES * commits_per_day(load) + CHUNK_BYTES_AN_EVENT * load.events_per_day
    reads = LAKE_READS * busy_runs + log_bytes / (4 * KB)
    return [
        Use("Catalog of the lake", "dynamodb.write_unit", LAKE_WRITES * busy_runs),
        Use("Reads of the lake's writer", "dynamodb.read_unit", reads),
        Use("Files of the lake", "s3.put", LAKE_PUTS * busy_runs),
        Use("Writing the lake: time", f"lambda.gb_s.{arch}", gb_s),
    ]


def _traces(load: Load) -> list[Use]:
    found = 0.0
    for calls in (load.requests_per_day, commits_per_day(load)):
        first = min(calls, TRACED_A_S * DAY_S)
        found += first + TRACED_SHARE * (calls - first)
    return [Use("Traces", "xray.trace", found)]


def _keeping(load: Load) -> list[Use]:
    events = load.events_per_day * DAYS
    row = load.event_bytes + ROW_EXTRA_BYTES + STORED_ROW_BYTES
    indexes = load.ids * (INDEX_ROW_BYTES + STORED_ROW_BYTES)
    chunks = CHUNK_BYTES * commits_per_day(load) * DAYS + CHUNK_BYTES_AN_EVENT * events
    kept_gb = (events * (row + indexes) + chunks) / GB
    backup_gb = (events * row + chunks) / GB
    return [
        Use("Events kept a month", "dynamodb.storage", kept_gb),
        Use("Continuous backup", "dynamodb.backup", backup_gb),
        Use("Lake kept a month", "s3.storage", events * PARQUET_BYTES_AN_EVENT / GB),
    ]


def _cold_starts(calls: float) -> float:
    """Of calls a day: those that come when the last instance was given up, and the first of each
    new one."""
    return min(calls, calls * math.exp(-calls / DAY_S * KEPT_S) + DAY_S / LIFE_S * some(calls, 1))
