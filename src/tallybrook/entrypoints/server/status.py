"""Is it alive, can it write, how far behind are its readers."""

import sqlite3
import time
from collections.abc import Iterator

from msgspec import Struct
from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric
from prometheus_client.exposition import generate_latest
from starlette.responses import Response

from tallybrook.entrypoints.server.context import Call, Context
from tallybrook.entrypoints.server.problems import json_response
from tallybrook.entrypoints.server.telemetry import counter, gauge, labelled
from tallybrook.entrypoints.worker.standing import Standings, read_standings
from tallybrook.errors import StorageError
from tallybrook.events.instants import parse_instant

_STALE_S = 15.0


class Health(Struct):
    status: str


class ConsumerState(Struct):
    """One consumer: ``lag`` in entries it has not taken in, ``lag_s`` the age of the oldest."""

    name: str
    position: int
    lag: int
    lag_s: float
    status: str
    last_error: str | None


class Consumers(Struct):
    head_seq: int
    consumers: list[ConsumerState]


class Writer(Struct):
    """``pending`` items wait for the next commit; ``lag_ms`` is how long the oldest has."""

    ok: bool
    pending: int
    lag_ms: float


class Ready(Struct):
    status: str
    writer: Writer
    head_seq: int
    consumers: list[ConsumerState]


async def health(_call: Call) -> Response:
    return json_response(Health("ok"))


async def consumers(call: Call) -> Response:
    return json_response(await call.context.read(consumers_of, call.context))


async def ready(call: Call) -> Response:
    context = call.context
    found = await context.read(consumers_of, context)
    ok = await context.read(_writable, context)
    writer = Writer(ok, context.log.pending, context.log.lag_ms())
    status = "ready" if ok else "not ready"
    return json_response(Ready(status, writer, found.head_seq, found.consumers), 200 if ok else 503)


def _writable(context: Context) -> bool:
    """Whether the disk takes a write now: the log's own answer to the last one, tried anew."""
    if not context.log.failing:
        return True
    try:
        context.log.probe()
    except (StorageError, sqlite3.Error):
        return False
    return True


def consumers_of(context: Context) -> Consumers:
    """Where every consumer stands against the log's head."""
    head = context.log.head
    found = read_standings(context.settings.data_path)
    if found is None:
        return Consumers(head, [])
    age_s = time.time() - (parse_instant(found.updated_at) or 0) / 1e6
    return Consumers(head, list(_states(context, found, head, stale=age_s > _STALE_S)))


def _states(
    context: Context, found: Standings, head: int, *, stale: bool
) -> Iterator[ConsumerState]:
    for standing in found.consumers:
        seen = max(standing.seen, standing.position)
        lag = max(0, head - seen)
        status = "stopped" if stale else standing.status
        lag_s = _age_s(context, seen + 1) if lag else 0.0
        yield ConsumerState(
            standing.name, standing.position, lag, lag_s, status, standing.last_error
        )


def _age_s(context: Context, seq: int) -> float:
    chunk = context.stores.reader.chunk_of(seq)
    return max(0.0, (context.clock() - chunk.ingested_at) / 1e6) if chunk else 0.0


class Collector:
    """All metrics of the server, read at the moment of asking."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def collect(self) -> Iterator[Metric]:
        seen, log = self._context.telemetry, self._context.log
        yield counter("events_accepted", "Events stored", seen.accepted)
        yield counter("events_duplicate", "Events that were stored before", seen.duplicate)
        yield counter("events_rejected", "Items of batches that were rejected", seen.rejected)
        yield counter("requests_throttled", "Requests answered 429", seen.throttled)
        yield counter("queries", "SQL statements received", seen.queries)
        yield counter("queries_refused", "SQL statements refused or failed", seen.queries_refused)
        yield gauge("live_clients", "Live connections open", seen.live_clients)
        yield counter("live_dropped", "Live clients dropped for being slow", seen.live_dropped)
        yield counter("commits", "Group commits", log.stats.commits)
        yield counter("commit_seconds", "Time spent committing", log.stats.commit_s)
        yield gauge("commit_slowest_seconds", "The slowest commit so far", log.stats.slowest_s)
        yield counter("commit_failures", "Writes the disk refused", log.stats.failures)
        yield gauge("writer_pending", "Items waiting for the writer", log.pending)
        yield gauge("log_head", "Highest sequence number of the log", log.head)
        yield from self._consumers()
        yield from self._failed()

    def _consumers(self) -> Iterator[Metric]:
        states = consumers_of(self._context).consumers
        behind = [([state.name], float(state.lag)) for state in states]
        age = [([state.name], state.lag_s) for state in states]
        yield labelled("consumer_lag", "Entries not taken in yet", ["consumer"], behind)
        yield labelled("consumer_lag_seconds", "Age of the oldest of them", ["consumer"], age)

    def _failed(self) -> Iterator[Metric]:
        totals: dict[str, int] = {}
        for (_, status), count in self._context.stores.failed.counts().items():
            totals[status] = totals.get(status, 0) + count
        samples = [([status], float(count)) for status, count in sorted(totals.items())]
        yield labelled("failed_records", "Failed records by status", ["status"], samples)


async def metrics(call: Call) -> Response:
    context = call.context
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Collector(context))
    text = await context.read(generate_latest, registry)
    return Response(text, media_type="text/plain; version=0.0.4")
