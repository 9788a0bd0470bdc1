"""The server's own numbers: plain integers on the hot path, Prometheus text when asked."""

from collections.abc import Iterable

from msgspec import Struct
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric


class Telemetry(Struct):
    """Totals since the process started."""

    accepted: int = 0
    duplicate: int = 0
    rejected: int = 0
    throttled: int = 0
    queries: int = 0
    queries_refused: int = 0
    live_clients: int = 0
    live_dropped: int = 0


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
