"""What was told and not yet written, by set of dimensions."""

import threading
from collections.abc import Callable, Mapping

from msgspec import Struct

from tallybrook.ports.telemetry import MAX_NAMES, MAX_VALUES, Unit, check_metric

Merge = Callable[[list[float], float], list[float]]


class Metric(Struct):
    """The values of one name; a count and a gauge have one."""

    unit: Unit
    values: list[float]


class Told(Struct):
    """All metrics of one set of dimensions."""

    dimensions: dict[str, str]
    metrics: dict[str, Metric]


def added(values: list[float], value: float) -> list[float]:
    """A count: what there was and the new."""
    return [sum(values) + value]


def replaced(_: list[float], value: float) -> list[float]:
    """A gauge: the new alone."""
    return [value]


def listed(values: list[float], value: float) -> list[float]:
    """Durations: every one."""
    return [*values, value]


class Buffer:
    """Collects, and hands what is full or flushed to ``write``, one at a time. Safe for threads."""

    def __init__(self, write: Callable[[Told], None]) -> None:
        self._write = write
        self._lock = threading.Lock()
        self._held: dict[frozenset[tuple[str, str]], Told] = {}

    def tell(
        self, merge: Merge, name: str, value: float, unit: Unit, dimensions: Mapping[str, str]
    ) -> None:
        """Keep a value until the next flush."""
        check_metric(name, dimensions)
        key = frozenset(dimensions.items())
        with self._lock:
            told = self._held.setdefault(key, Told(dict(dimensions), {}))
            metric = told.metrics.setdefault(name, Metric(unit, []))
            metric.values = merge(metric.values, float(value))
            if len(metric.values) == MAX_VALUES or len(told.metrics) == MAX_NAMES:
                self._write(self._held.pop(key))

    def flush(self) -> None:
        with self._lock:
            held, self._held = self._held, {}
            for told in held.values():
                self._write(told)
