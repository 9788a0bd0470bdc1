"""Usage added up in this process and written down once a minute.

What was noted since the last ``flush`` is lost with the process: a minute at most.
"""

import threading
from collections.abc import Callable, Mapping

from tallybrook.costs.invoked import DURATION_MS, MEMORY_MB
from tallybrook.costs.prices import Prices, prices
from tallybrook.events.instants import format_instant
from tallybrook.ports.telemetry import CostRecord
from tallybrook.ports.usage import FACT, Usage, UsageStore

EVERY_US = 60_000_000

_Key = tuple[str, str, str, str]


class Recorder:
    """Safe for threads."""

    def __init__(self, store: UsageStore, tell: Callable[[CostRecord], None] | None = None) -> None:
        self._store, self._tell = store, tell
        self._lock = threading.Lock()
        self._held: dict[_Key, float] = {}
        self._flushed_at: int | None = None

    def note(self, at_us: int, account_id: str, amounts: Mapping[tuple[str, str], float]) -> None:
        """Add what was used, by (function, meter), to what is held."""
        day = day_of(at_us)
        with self._lock:
            for (function, meter), quantity in amounts.items():
                key = (day, account_id, function, meter)
                self._held[key] = self._held.get(key, 0.0) + quantity

    def due(self, now_us: int) -> bool:
        """Whether the last flush is a minute ago, or there was none."""
        return self._flushed_at is None or now_us - self._flushed_at >= EVERY_US

    def flush(self, now_us: int) -> None:
        """Write down what is held, and tell of the costs of each function and account.
        Raises ``StorageError``, and holds what it held, for the next time."""
        with self._lock:
            held, self._held = self._held, {}
        self._flushed_at = now_us
        if not held:
            return
        rows = [Usage(*key, quantity) for key, quantity in sorted(held.items())]
        try:
            self._store.add(rows)
        except BaseException:
            with self._lock:
                for key, quantity in held.items():
                    self._held[key] = self._held.get(key, 0.0) + quantity
            raise
        if self._tell is not None:
            for record in cost_records(rows, now_us, prices()):
                self._tell(record)


def cost_records(rows: list[Usage], now_us: int, known: Prices) -> list[CostRecord]:
    """A ``COST_METRICS`` record a function and account; ``service`` is the dearest of it."""
    found: dict[tuple[str, str], list[Usage]] = {}
    for row in rows:
        found.setdefault((row.account_id, row.function), []).append(row)
    return [
        _record(account_id, function, parts, now_us, known)
        for (account_id, function), parts in found.items()
    ]


def usd_of(row: Usage, known: Prices) -> float:
    """List price of a row; facts cost nothing. ``KeyError`` for a meter nobody knows."""
    return 0.0 if row.meter.startswith(FACT) else row.quantity * known.usd(row.meter)


def day_of(at_us: int) -> str:
    """The UTC day of an instant."""
    return format_instant(at_us)[:10]


def _record(
    account_id: str, function: str, rows: list[Usage], now_us: int, known: Prices
) -> CostRecord:
    of = {row.meter: row.quantity for row in rows}
    calls = of.get("lambda.request", 0.0)
    priced = [row for row in rows if not row.meter.startswith(FACT)]
    dearest = max(priced, key=lambda row: usd_of(row, known), default=None)
    return CostRecord(
        at=now_us,
        function=function,
        service=known.meters[dearest.meter].service if dearest else "",
        account_id=account_id,
        invocations=round(calls),
        avg_duration_ms=of.get(DURATION_MS, 0.0) / calls if calls else 0.0,
        avg_memory_mb=of.get(MEMORY_MB, 0.0) / calls if calls else 0.0,
        estimated_usd=sum(usd_of(row, known) for row in priced),
    )
