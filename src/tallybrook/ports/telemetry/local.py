"""Telemetry of the embedded product: JSON lines on stderr, and totals in the process."""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

import msgspec
from msgspec import Struct

from tallybrook.events.instants import format_instant
from tallybrook.ports.clock import Clock, system_clock
from tallybrook.ports.telemetry import Annotation, CostRecord, OnCost, Unit, cost_line
from tallybrook.ports.telemetry.buffer import Buffer, Merge, Told, added, listed, replaced

SeriesKey = tuple[str, tuple[tuple[str, str], ...]]
"""Name and sorted dimensions."""


class Total(Struct):
    """All values of a metric since the process started; ``last`` is what a gauge shows."""

    unit: Unit
    count: int = 0
    sum: float = 0.0
    last: float = 0.0


class LocalTelemetry:
    """``ports.telemetry.Telemetry`` of one process.

    A flush writes one line a set of dimensions. Spans are written when ``spans`` is set.
    """

    def __init__(
        self,
        stream: TextIO | None = None,
        *,
        clock: Clock = system_clock,
        on_cost: OnCost | None = None,
        spans: bool = False,
    ) -> None:
        self._stream, self._clock, self._on_cost, self._spans = stream, clock, on_cost, spans
        self._lock = threading.Lock()
        self._totals: dict[SeriesKey, Total] = {}
        self._buffer = Buffer(self._told)

    def count(self, name: str, value: int = 1, **dimensions: str) -> None:
        self._tell(added, name, value, "Count", dimensions)

    def duration(self, name: str, ms: float, **dimensions: str) -> None:
        self._tell(listed, name, ms, "Milliseconds", dimensions)

    def gauge(self, name: str, value: float, unit: Unit = "None", **dimensions: str) -> None:
        self._tell(replaced, name, value, unit, dimensions)

    def cost(self, record: CostRecord) -> None:
        self._line(cost_line(record))
        if self._on_cost is not None:
            self._on_cost(record)

    @contextmanager
    def span(self, name: str, **annotations: Annotation) -> Iterator[None]:
        begun_s = time.perf_counter()
        try:
            yield
        finally:
            if self._spans:
                ms = round((time.perf_counter() - begun_s) * 1000, 3)
                said = {"at": self._now(), "event": "span", "name": name, "ms": ms}
                self._line(msgspec.json.encode({**said, **annotations}))

    def flush(self) -> None:
        self._buffer.flush()

    def totals(self) -> dict[SeriesKey, Total]:
        """A copy of what was told since the process started, flushed or not."""
        with self._lock:
            return {key: msgspec.structs.replace(one) for key, one in self._totals.items()}

    def _tell(
        self, merge: Merge, name: str, value: float, unit: Unit, dimensions: dict[str, str]
    ) -> None:
        self._buffer.tell(merge, name, value, unit, dimensions)
        with self._lock:
            total = self._totals.setdefault((name, tuple(sorted(dimensions.items()))), Total(unit))
            total.count += 1
            total.sum += value
            total.last = value

    def _told(self, told: Told) -> None:
        said = {"at": self._now(), "event": "metrics", "dimensions": told.dimensions}
        metrics = {
            name: {
                "unit": metric.unit,
                "values": len(metric.values),
                "sum": sum(metric.values),
                "min": min(metric.values),
                "max": max(metric.values),
            }
            for name, metric in told.metrics.items()
        }
        self._line(msgspec.json.encode({**said, "metrics": metrics}))

    def _line(self, line: bytes) -> None:
        """One write a line, so that lines of several threads and processes stay whole."""
        stream = self._stream or sys.stderr
        stream.write(line.decode() + "\n")
        stream.flush()

    def _now(self) -> str:
        return format_instant(self._clock())
