"""What is done by the clock: the numbers that nobody else sees are told to CloudWatch.

Three metrics of a stack, as each one is paid for: ``LogHead``, ``FailedOpen`` and ``ConsumerLag``
(of the consumer that is furthest behind).
"""

from collections.abc import Mapping
from typing import Any

from tallybrook.entrypoints.lambdas import runtime
from tallybrook.entrypoints.lambdas.runtime import Opened

METRICS = frozenset({"LogHead", "FailedOpen", "ConsumerLag"})


@runtime.metered
def handler(event: Mapping[str, Any], context: object) -> dict[str, float]:
    """Measure and tell. The numbers are in the answer too, for whoever invokes it by hand."""
    found = measured(runtime.opened())
    if runtime.settings().workflow:
        found["RunsStarted"] = float(started(runtime.opened()))
    telemetry = runtime.telemetry()
    for name in METRICS & found.keys():
        telemetry.gauge(name, found[name], "Count")
    telemetry.flush()
    return found


def started(opened: Opened) -> int:
    """Start what is due by the clock, and what was asked for and never begun."""
    from tallybrook.workflows.schedules import ACCOUNT, due

    works = opened.stores.works()
    works.runs.pick_up(ACCOUNT)
    return len(due(works.state, works.runs, opened.now_us()))


def measured(opened: Opened) -> dict[str, float]:
    """The present numbers by their metric's name."""
    head = opened.log.head
    counts = opened.stores.failed.counts().items()
    found = {
        "LogHead": float(head),
        "FailedOpen": float(sum(n for (_, status), n in counts if status == "open")),
    }
    if opened.positions is not None:
        lags = [max(0, head - position) for position in opened.positions().values()]
        found["ConsumerLag"] = float(max(lags, default=0))
    return found


runtime.prepare(runtime.opened)
