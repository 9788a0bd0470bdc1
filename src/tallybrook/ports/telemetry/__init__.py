"""Telemetry: counts, durations and gauges; what work cost; where time went.

Guarantees of every backend
---------------------------
* **Never in the way.** No call waits for a network or raises because of what it was told to tell
  (a wrong name is a programming error and raises ``ValueError``).
* **At most once, best effort.** What was told since the last ``flush`` is lost with the process.
  Entry points flush at the end of an invocation, or every minute.
* **Sums.** Counts of one name and one set of dimensions add up between two flushes; of a gauge the
  last value counts; of durations every one, up to 100 a flush, then they are flushed early.
* **Order.** None between names.
* **Absence.** A flush with nothing to tell writes nothing. A count of 0 is told: it is a value.
* **Limits.** 28 dimensions with 1 to 1024 characters each; 100 names a set of dimensions, above
  which it is flushed early. Every set of values is a time series that costs money on AWS: no ids.
"""

import re
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Literal, Protocol

import msgspec
from msgspec import Struct

Unit = Literal["Count", "Milliseconds", "Bytes", "Seconds", "Percent", "None"]
Annotation = str | int | float | bool

MAX_DIMENSIONS = 28
MAX_DIMENSION_CHARS = 1024
MAX_VALUES = 100
MAX_NAMES = 100
COST_METRICS = "COST_METRICS"
"""What the line of a cost record is found by."""

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.]{0,127}", re.ASCII)


class CostRecord(Struct, frozen=True, kw_only=True):
    """What one function's work on behalf of one account took, from measurements.

    ``at`` is in microseconds. ``cost_per_invocation`` (US dollars) is None without invocations.
    """

    at: int
    function: str
    service: str
    account_id: str
    invocations: int
    avg_duration_ms: float
    avg_memory_mb: float
    estimated_usd: float = msgspec.field(name="estimated_cost")

    @property
    def cost_per_invocation(self) -> float | None:
        return self.estimated_usd / self.invocations if self.invocations else None


OnCost = Callable[[CostRecord], None]
"""Who keeps cost records, beside the line that is written."""


class Telemetry(Protocol):
    """Safe for threads."""

    def count(self, name: str, value: int = 1, **dimensions: str) -> None:
        """So many more of something."""

    def duration(self, name: str, ms: float, **dimensions: str) -> None:
        """How long something took, in milliseconds."""

    def gauge(self, name: str, value: float, unit: Unit = "None", **dimensions: str) -> None:
        """How much of something there is now."""

    def cost(self, record: CostRecord) -> None:
        """Write a cost record, at once, as a JSON line whose ``event`` is ``COST_METRICS``."""

    def span(self, name: str, **annotations: Annotation) -> AbstractContextManager[None]:
        """Time what the block does, as a part of the trace this process is in, if it is in one."""

    def flush(self) -> None:
        """Write what was told since the last flush."""


def cost_line(record: CostRecord) -> bytes:
    """The JSON of a cost record: ``event`` to find it by, its fields, ``cost_per_invocation``."""
    fields = msgspec.to_builtins(record)
    said = {"event": COST_METRICS, **fields, "cost_per_invocation": record.cost_per_invocation}
    return msgspec.json.encode(said)


def check_metric(name: str, dimensions: Mapping[str, str]) -> None:
    """``ValueError`` for what CloudWatch would drop in silence."""
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no name of a metric")
    if name in dimensions:
        raise ValueError(f"{name!r} is no name beside a dimension of the same name")
    if len(dimensions) > MAX_DIMENSIONS:
        raise ValueError(f"{name}: more than {MAX_DIMENSIONS} dimensions")
    for dimension, value in dimensions.items():
        good = value.isascii() and value.isprintable() and value.strip()
        if not (_NAME.fullmatch(dimension) and good and len(value) <= MAX_DIMENSION_CHARS):
            raise ValueError(f"{name}: {dimension}={value!r} is no dimension")
