"""What each invocation took, by account: added up in the execution environment, and written down
after its first invocation and then once a minute.

What an environment held when Lambda gave it up is lost: a minute of one environment at most, and
nothing where invocations are more than a minute apart.
"""

import os
import platform
import sys
import time
from collections.abc import Mapping

from tallybrook.costs.invoked import of_invocation
from tallybrook.costs.recorder import Recorder
from tallybrook.entrypoints.lambdas import runtime
from tallybrook.errors import TallybrookError
from tallybrook.ports.aws import metering
from tallybrook.ports.telemetry import CostRecord, cost_line
from tallybrook.ports.usage import SHARED
from tallybrook.wiring.usage import open_usage

_ARCH = "arm64" if platform.machine() in ("aarch64", "arm64") else "x86_64"


class Meter:
    """Of one execution environment."""

    def __init__(self) -> None:
        self._recorder = Recorder(open_usage(runtime.settings()), _tell)
        self._calls: dict[tuple[str, str], float] = {}
        self._function = ""
        metering.listen(self._called)

    def invoked(
        self, function: str, begun_s: float, init_ms: float, calls: Mapping[str, int]
    ) -> None:
        """An invocation has ended. ``calls`` are those of each account, where it served any: its
        time is divided among them."""
        took_ms = (time.perf_counter() - begun_s) * 1000
        self._function = function
        memory_mb = int(os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"))
        amounts = of_invocation(function, took_ms, memory_mb, _ARCH, init_ms=init_ms)
        for meter, quantity in self._taken():
            amounts[function, meter] = amounts.get((function, meter), 0.0) + quantity
        if calls or function in ("http", "query"):
            amounts[function, "fact.requests"] = 1
            amounts[function, "apigateway.http_request"] = 1
        now_us = time.time_ns() // 1000
        shares = calls or {SHARED: 1}
        whole = sum(shares.values())
        for account_id, part in shares.items():
            scaled = {key: quantity * part / whole for key, quantity in amounts.items()}
            self._recorder.note(now_us, account_id, scaled)
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


def _tell(record: CostRecord) -> None:
    sys.stdout.write(cost_line(record).decode() + "\n")
