"""From what was seen to be done to the meters that the same would have turned on AWS. Pure.

Where Tallybrook runs embedded there is no bill to read, so each thing that it counts (a request, an
event, a query) is priced by what the stack does with one, step by step as in ``journey``. What the
log commits is reckoned a second and account at a time, as if the account were alone: a stack whose
accounts share their commits costs less.
"""

import math
from zlib import crc32

from msgspec import Struct

from tallybrook.costs import functions, journey
from tallybrook.costs.budget import QUERY_ALERT_USD
from tallybrook.costs.invoked import (
    BYTES,
    COLD_STARTS,
    DEAR_QUERIES,
    DURATION_MS,
    EVENTS,
    FAILED_QUERIES,
    INIT_MS,
    QUERIES,
    REQUESTS,
    SCANNED_BYTES,
    Amounts,
)
from tallybrook.costs.load import distinct
from tallybrook.costs.prices import Arch, Prices
from tallybrook.costs.queries import TIB, charged_bytes
from tallybrook.costs.standing import LAKE_MEMORY_MB
from tallybrook.costs.tiers import Tier

ARCH: Arch = "arm64"


class Second(Struct):
    """Events of an account that arrived in one second: their lines' bytes, how many rows of
    indexes they make, how many write units their rows take, their types, and which shards of the
    stream they are in: each shard is committed by itself."""

    events: int = 0
    line_bytes: int = 0
    ids: int = 0
    row_units: int = 0
    series: set[str] = set()
    shards: set[int] = set()


def shard_of(account_id: str, event_id: str) -> int:
    """The shard of a row. DynamoDB spreads rows by a hash of its own; any other spreads alike."""
    return crc32(f"{account_id}#{event_id}".encode()) % journey.STREAM_SHARDS


def row_units(line_bytes: int) -> int:
    """Write units of the row of one event."""
    return math.ceil((line_bytes + journey.ROW_EXTRA_BYTES) / journey.KB)


def of_second(seen: Second, tier: Tier) -> Amounts:
    """What the events of a second turn: storing, numbering, reading for entities, the lake and
    a month of keeping, which is charged when they come."""
    n, kb, gb = seen.events, journey.KB, journey.GB
    commits = max(1, len(seen.shards))
    each = n / commits
    series = distinct(len(seen.series), each)
    marker, chunk = (
        math.ceil((100 + 16 * each) / kb),
        math.ceil((journey.CHUNK_BYTES + journey.CHUNK_BYTES_AN_EVENT * each) / kb),
    )
    units = journey.TRANSACTED * (1 + marker + chunk + journey.SIZES * series)
    http_mb, number_mb = tier.memory_of("http"), tier.memory_of("sequence")
    entities_mb = tier.memory_of("entities")
    store_s = functions.duration_ms(journey.PUT_CORE_MS * n, 0, http_mb) / 1000
    commit_ms = functions.duration_ms(
        journey.COMMIT_CORE_MS + journey.NUMBER_CORE_MS * each, journey.COMMIT_WAIT_MS, number_mb
    )
    read_ms = functions.duration_ms(
        journey.READING_CORE_MS + journey.READ_CORE_MS * each, journey.READING_WAIT_MS, entities_mb
    )
    lake_ms = functions.duration_ms(journey.LAKE_CORE_MS * n, 0, LAKE_MEMORY_MB)
    extra = journey.ROW_EXTRA_BYTES + journey.STORED_ROW_BYTES
    rows_gb = (seen.line_bytes + n * extra) / gb
    index_gb = seen.ids * (journey.INDEX_ROW_BYTES + journey.STORED_ROW_BYTES) / gb
    chunks_gb = (journey.CHUNK_BYTES * commits + journey.CHUNK_BYTES_AN_EVENT * n) / gb
    return {
        ("http", EVENTS): n,
        ("http", BYTES): seen.line_bytes,
        ("http", "dynamodb.write_unit"): seen.row_units + seen.ids,
        ("http", _gb_s()): store_s * http_mb / 1024,
        ("sequence", "lambda.request"): commits,
        ("sequence", _gb_s()): commits * commit_ms / 1000 * number_mb / 1024,
        ("sequence", DURATION_MS): commits * commit_ms,
        ("sequence", "dynamodb.write_unit"): commits * units,
        ("sequence", "dynamodb.read_unit"): commits * (2.5 + series),
        ("sequence", "cloudwatch.log_gb"): commits * journey.LOG_BYTES_A_CALL / gb,
        ("entities", "lambda.request"): commits,
        ("entities", _gb_s()): commits * read_ms / 1000 * entities_mb / 1024,
        ("entities", DURATION_MS): commits * read_ms,
        ("entities", "dynamodb.read_unit"): commits,
        ("lake", _gb_s()): lake_ms / 1000 * LAKE_MEMORY_MB / 1024,
        ("store", "dynamodb.storage"): rows_gb + index_gb + chunks_gb,
        ("store", "dynamodb.backup"): rows_gb + chunks_gb,
        ("store", "s3.storage"): n * journey.PARQUET_BYTES_AN_EVENT / gb,
    }


def of_requests(requests: int, tier: Tier) -> Amounts:
    """What calling the HTTP API so often turns, without what the calls then store."""
    memory_mb = tier.memory_of("http")
    each_ms = functions.duration_ms(journey.REQUEST_CORE_MS, journey.WAIT_MS, memory_mb)
    logged = journey.ACCESS_LOG_BYTES + journey.LOG_BYTES_A_CALL
    return {
        ("http", REQUESTS): requests,
        ("http", DURATION_MS): requests * each_ms,
        ("http", "apigateway.http_request"): requests,
        ("http", "lambda.request"): requests,
        ("http", _gb_s()): requests * each_ms / 1000 * memory_mb / 1024,
        ("http", "dynamodb.read_unit"): requests,
        ("http", "cloudwatch.log_gb"): requests * logged / journey.GB,
        ("http", "transfer.out_gb"): requests * journey.REPLY_BYTES / journey.GB,
    }


def of_cold_start(function: str, memory_mb: int) -> Amounts:
    """A start of a function after nobody had called it for longer than it is kept."""
    return {
        (function, COLD_STARTS): 1,
        (function, INIT_MS): journey.INIT_MS,
        (function, _gb_s()): journey.INIT_MS / 1000 * memory_mb / 1024,
    }


def of_query(scanned_bytes: int, prices: Prices) -> Amounts:
    """A query of the lake, at Athena's price: whole megabytes, and 10 MB at least."""
    charged_tib = charged_bytes(scanned_bytes, prices) / TIB
    return {
        ("query", QUERIES): 1,
        ("query", SCANNED_BYTES): scanned_bytes,
        ("query", "athena.tib"): charged_tib,
        ("query", DEAR_QUERIES): charged_tib * prices.usd("athena.tib") > QUERY_ALERT_USD,
    }


def of_failed_query() -> Amounts:
    """A query that was begun and came to nothing."""
    return {("query", QUERIES): 1, ("query", FAILED_QUERIES): 1}


def _gb_s() -> str:
    return f"lambda.gb_s.{ARCH}"
