"""docs/reference/metrics.md from the collector behind GET /metrics."""

import tempfile
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, cast

from prometheus_client.core import Metric

from tallybrook.entrypoints.server.exposition import Collector
from tallybrook.entrypoints.server.telemetry import Telemetry
from tallybrook.ports.clock import system_clock
from tallybrook.settings import Settings
from tallybrook.wiring import open_product
from tools.pages.markdown import code, table

INTRO = """# Metrics

`GET /metrics` answers in Prometheus' text format and needs no key. Counters start at 0 with the
server process; gauges are read at the moment of asking. Times are in seconds.

"""


def families() -> Iterator[Metric]:
    """What a new, empty product exports."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(data=folder)
        product = open_product(settings, sql=False)
        context = SimpleNamespace(
            settings=settings, log=product.log, stores=product.stores, telemetry=Telemetry(),
            clock=system_clock, positions=None,
        )  # fmt: skip
        try:
            yield from list(Collector(cast("Any", context)).collect())
        finally:
            product.stores.close()
            product.log.close()


def row(family: Metric) -> tuple[object, ...]:
    name = f"{family.name}_total" if family.type == "counter" else family.name
    labels = ", ".join(code(label) for label in getattr(family, "_labelnames", ()))
    return code(name), family.type, labels, family.documentation


def page() -> str:
    return INTRO + table(["name", "type", "labels", "meaning"], map(row, families()))
