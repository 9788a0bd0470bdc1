"""The steps of a run over a time range: every bucket in it counted again from what is stored.

The recount is made where it is applied, in the step that stores, so that one that is done again
after a crash finds nothing left to correct.
"""

from typing import Any

from tallybrook.counters.recount import Recount, corrections, recount
from tallybrook.errors import InvalidError
from tallybrook.events.instants import DAY_US, HOUR_US, parse_instant
from tallybrook.ports.counters import Scope
from tallybrook.workflows.advancing import SUCCEEDED, Work, notice
from tallybrook.workflows.runs import Run

MAX_DAYS = 400


def validate(run: Run, work: Work) -> dict[str, Any]:
    """The range is one that can be counted: whole hours, not too many."""
    start_us, end_us = _hours(run)
    if end_us - start_us > MAX_DAYS * DAY_US:
        raise InvalidError.of("/start", f"is more than {MAX_DAYS} days before end")
    return {"hours": (end_us - start_us) // HOUR_US}


def transform(run: Run, work: Work) -> dict[str, Any]:
    """Which series of the account there are to count."""
    return {"series": len(work.counters.names(run.account_id))}


def aggregate(run: Run, work: Work) -> dict[str, Any]:
    """How many buckets are not what a count from scratch gives. Changes nothing."""
    found = recount(work.counters, scope=_scope(run))
    return {"counted": _counted(found), "differences": len(corrections(found))}


def store(run: Run, work: Work) -> dict[str, Any]:
    """Count again and correct what differs by then."""
    changes = corrections(recount(work.counters, scope=_scope(run)))
    if changes:
        work.counters.correct(changes, work.clock())
    return {"corrected": len(changes)}


def notify(run: Run, work: Work) -> dict[str, Any]:
    """The buckets agree now, and those who wait are told."""
    found = run.output("store") | {"counted": run.output("aggregate")["counted"]}
    data = {"run_id": run.run_id, "kind": run.kind, **run.input, **found}
    work.bus.publish([notice(run, SUCCEEDED, data, work.clock())])
    return {"told": SUCCEEDED}


def _hours(run: Run) -> tuple[int, int]:
    """The whole hours that the range touches."""
    start_us, end_us = (parse_instant(run.input[name]) for name in ("start", "end"))
    if start_us is None or end_us is None:
        raise InvalidError.of("/start", "and end have to be instants")
    return start_us // HOUR_US * HOUR_US, -(-end_us // HOUR_US) * HOUR_US


def _scope(run: Run) -> Scope:
    return Scope(run.account_id, *_hours(run))


def _counted(found: Recount) -> int:
    return sum(tally.counted for tally in found.tallies.values())
