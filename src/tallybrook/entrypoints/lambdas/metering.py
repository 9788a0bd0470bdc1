"""What each invocation took, by account: added up in the execution environment, and written down
after its first invocation and then once a minute.

What an environment held when Lambda gave it up is lost: a minute of one environment at most, and
nothing where invocations are more than a minute apart.
"""

import os
import platform
import resource
import sys
import time
from collections.abc import Mapping

from tallybrook.costs.invoked import BYTES, EVENTS, REQUESTS, merge, of_invocation
from tallybrook.costs.recorder import Recorder
from tallybrook.entrypoints.lambdas import runtime
from tallybrook.errors import TallybrookError
from tallybrook.ports.aws import metering
from tallybrook.ports.telemetry import CostRecord, cost_line
from tallybrook.ports.usage import SHARED
from tallybrook.wiring.usage import open_usage

_ARCH = "arm64" if platform.machine() in ("aarch64", "arm64") else "x86_64"

WEB = frozenset({"http", "query"})
"""Functions that the HTTP API calls: an invocation is a request."""


class Meter:
    """Of one execution environment."""

    def __init__(self) -> None:
        self._recorder = Recorder(open_usage(runtime.settings()), _tell)
        self._calls: dict[tuple[str, str], float] = {}
        metering.listen(self._called)

    def invoked(
        self, function: str, begun_s: float, init_ms: float, calls: Mapping[str, int],
        events: Mapping[str, tuple[int, int]],
    ) -> None:  # fmt: skip
        """An invocation has ended. ``calls`` are those of each account, where it served any, and
        ``events`` are how many, and how many bytes, of each account it added to the log: what it
        took is divided among them by their number."""
        took_ms = (time.perf_counter() - begun_s) * 1000
        amounts = of_invocation(
            function, took_ms, _memory_mb(), _ARCH, init_ms=init_ms, peak_mb=_peak_mb(function)
        )
        merge(amounts, {(function, meter): quantity for meter, quantity in self._taken()})
        if calls or function in WEB:
            merge(amounts, {(function, REQUESTS): 1, (function, "apigateway.http_request"): 1})
        now_us = time.time_ns() // 1000
        for account_id, part in _parts(calls, events).items():
            scaled = {key: quantity * part for key, quantity in amounts.items()}
            self._recorder.note(now_us, account_id, scaled)
        for account_id, (count, size) in events.items():
            taken = {(function, EVENTS): float(count), (function, BYTES): float(size)}
            self._recorder.note(now_us, account_id, taken)
        if self._recorder.due(now_us):
            self._flush(now_us)

    def _called(self, meter: str, quantity: float) -> None:
        key = ("", meter)
        self._calls[key] = self._calls.get(key, 0.0) + quantity

    def _taken(self) -> list[tuple[str, float]]:
        calls, self._calls = self._calls, {}
        return [(meter, quantity) for (_, meter), quantity in calls.items()]

    def _flush(self, now_us: int) -> None:
        try:
            self._recorder.flush(now_us)
        except TallybrookError as error:
            runtime.log.warning("usage: %s; it is written down later", error.detail)


def _parts(calls: Mapping[str, int], events: Mapping[str, tuple[int, int]]) -> dict[str, float]:
    """Which part of an invocation belongs to which account."""
    counts = dict(calls) or {account: count for account, (count, _) in events.items()}
    whole = sum(counts.values())
    return {account: n / whole for account, n in counts.items()} if whole else {SHARED: 1.0}


def _memory_mb() -> int:
    return int(os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"))


def _peak_mb(function: str) -> float | None:
    """The most that this process held; None where most is held by a child that lives on."""
    if function == "query":
        return None
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _tell(record: CostRecord) -> None:
    sys.stdout.write(cost_line(record).decode() + "\n")
