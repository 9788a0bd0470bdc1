"""Answering a plan from the stored buckets."""

from bisect import bisect_right

from tallybrook.analytics.periods import BASE_MINUTES
from tallybrook.analytics.plan import Plan
from tallybrook.counters.buckets import cover
from tallybrook.ports.counters import Counters
from tallybrook.ports.log import Kind


def counted(counters: Counters, account_id: str, kind: Kind, plan: Plan) -> list[int]:
    """The value of each period, in order; zeros where nothing was counted."""
    values = [0] * len(plan.starts)
    series = plan.event_type or ""
    with counters.at_once():
        for span in cover(plan.start_us, plan.end_us, BASE_MINUTES[plan.group_by]):
            for row in counters.rows(
                account_id, kind, series, span.minutes, span.start_s, span.end_s
            ):
                values[bisect_right(plan.starts, row.start_s * 1_000_000) - 1] += row.count
    return values
