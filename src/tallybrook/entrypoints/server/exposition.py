"""The server's numbers as Prometheus' text, read at the moment of asking."""

from collections.abc import Iterable, Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import generate_latest

from tallybrook.entrypoints.server.context import Context
from tallybrook.entrypoints.server.status import consumers_of


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


def exposition(context: Context) -> bytes:
    """The text of all metrics."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Collector(context))
    return generate_latest(registry)


def counter(name: str, text: str, value: float) -> Metric:
    """A metric family with one sample without labels."""
    return CounterMetricFamily(f"tallybrook_{name}", text, value=value)


def gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(f"tallybrook_{name}", text, value=value)


def labelled(
    name: str, text: str, labels: list[str], samples: Iterable[tuple[list[str], float]]
) -> Metric:
    """A gauge family with a sample for each set of label values."""
    family = GaugeMetricFamily(f"tallybrook_{name}", text, labels=labels)
    for values, value in samples:
        family.add_metric(values, value)
    return family
