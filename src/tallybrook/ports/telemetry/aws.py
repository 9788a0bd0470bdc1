"""Telemetry of a function: the embedded metric format (EMF) on stdout, and X-Ray.

CloudWatch makes metrics of EMF lines by itself: no call, no permission, no waiting. Powertools
writes them; it and the X-Ray SDK are loaded when there is something to write, because either costs
a cold start about 0.1 s. An invocation that X-Ray did not sample makes no spans.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tallybrook.ports.telemetry import Annotation, CostRecord, OnCost, Unit, cost_line
from tallybrook.ports.telemetry.buffer import Buffer, Told, added, listed, replaced

NAMESPACE = "Tallybrook"


class EmfTelemetry:
    """``ports.telemetry.Telemetry`` of one function; ``dimensions`` are those of every metric."""

    def __init__(
        self, dimensions: dict[str, str] | None = None, *, on_cost: OnCost | None = None
    ) -> None:
        self._dimensions = dict(dimensions or {})
        self._on_cost = on_cost
        self._buffer = Buffer(_emit)
        self._tracer: Any = None

    def count(self, name: str, value: int = 1, **dimensions: str) -> None:
        self._buffer.tell(added, name, value, "Count", self._dimensions | dimensions)

    def duration(self, name: str, ms: float, **dimensions: str) -> None:
        self._buffer.tell(listed, name, ms, "Milliseconds", self._dimensions | dimensions)

    def gauge(self, name: str, value: float, unit: Unit = "None", **dimensions: str) -> None:
        self._buffer.tell(replaced, name, value, unit, self._dimensions | dimensions)

    def cost(self, record: CostRecord) -> None:
        sys.stdout.write(cost_line(record).decode() + "\n")
        sys.stdout.flush()
        if self._on_cost is not None:
            self._on_cost(record)

    @contextmanager
    def span(self, name: str, **annotations: Annotation) -> Iterator[None]:
        if not is_sampled():
            yield
            return
        with self._recorder().in_subsegment(name=name) as part:
            for key, value in annotations.items():
                part.put_annotation(key, value)
            yield

    def flush(self) -> None:
        self._buffer.flush()
        sys.stdout.flush()

    def _recorder(self) -> Any:
        if self._tracer is None:
            from aws_lambda_powertools import Tracer

            # Patching every library it knows loads them; the spans are ours.
            self._tracer = Tracer(service="tallybrook", auto_patch=False)
        return self._tracer.provider


def is_sampled() -> bool:
    """Whether this invocation is traced. The runtime sets the variable anew for each."""
    return "Sampled=1" in os.environ.get("_X_AMZN_TRACE_ID", "")


def _emit(told: Told) -> None:
    """One line, or two where a metric has a hundred values: then it writes by itself."""
    from aws_lambda_powertools.metrics.provider.cloudwatch_emf.cloudwatch import (
        AmazonCloudWatchEMFProvider,
    )

    sink = AmazonCloudWatchEMFProvider(namespace=NAMESPACE)
    # Not ``service`` of the provider, which it takes from the environment as a further dimension.
    sink.service = ""
    for name, dimension in told.dimensions.items():
        sink.add_dimension(name, dimension)
    for name, metric in told.metrics.items():
        for value in metric.values:
            sink.add_metric(name, metric.unit, value)
    if sink.metric_set:
        sink.flush_metrics()
