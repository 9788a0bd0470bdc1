"""A day's usage as events of the lake."""

import math

import msgspec
import pytest

from tallybrook.costs.invoked import DURATION_MS, MEMORY_MB
from tallybrook.costs.prices import prices
from tallybrook.costs.recorder import usd_of
from tallybrook.costs.telling import cost_events
from tallybrook.lake.shapes import cost_row
from tallybrook.ports.usage import SHARED, Usage

DAY = "2026-03-04"
NOON_US = 1_772_712_000_000_000
ROWS = [
    Usage(DAY, "acme", "http", "lambda.request", 40.0),
    Usage(DAY, "acme", "http", DURATION_MS, 1_000.0),
    Usage(DAY, "acme", "http", MEMORY_MB, 40 * 96.0),
    Usage(DAY, "acme", "http", "apigateway.http_request", 40.0),
    Usage(DAY, SHARED, "schedule", "lambda.request", 24.0),
]


def test_their_dollars_are_those_of_the_rows() -> None:
    """Each of them is a row of cost_tracking, and nothing is lost or told twice."""
    told = [cost_row(event) for event in cost_events(ROWS, DAY, prices(), NOON_US)]
    assert math.fsum(row["estimated_cost_usd"] for row in told) == pytest.approx(
        math.fsum(usd_of(row, prices()) for row in ROWS), rel=1e-12
    )
    assert sum(row["invocations"] for row in told) == 64
    assert {row["date"] for row in told} == {DAY}
    (http,) = (row for row in told if row["avg_duration_ms"] is not None)
    assert (http["function"], http["avg_duration_ms"], http["avg_memory_mb"]) == ("http", 25, 96)


def test_the_same_day_again_is_the_same_events() -> None:
    """What no account caused alone belongs to the first; later, the ids do not change."""
    first, again = (cost_events(ROWS, DAY, prices(), at) for at in (NOON_US, NOON_US + 60))
    assert [event.event_id for event in first] == [event.event_id for event in again]
    assert len({event.event_id for event in first}) == len(first) == 3
    assert [event.account_id for event in first] == ["default", "acme", "acme"]
    assert msgspec.json.decode(bytes(first[0].properties))["function"] == "schedule"
