"""What a load costs: quantities follow from the code, and cheaper shapes are cheaper."""

import math
from itertools import pairwise

import pytest
from msgspec.structs import replace

from tallybrook.costs.advice import advice
from tallybrook.costs.forecast import BATCHES, DAILY_EVENTS, month, per_million, table
from tallybrook.costs.journey import (
    commits_per_day,
    events_a_commit,
    writes_a_commit,
    writes_an_event,
)
from tallybrook.costs.load import Load
from tallybrook.costs.planning import changes, plan
from tallybrook.costs.prices import prices
from tallybrook.costs.tiers import tier_of, tiers
from tallybrook.counters.delta import event_deltas
from tallybrook.errors import UsageError
from tallybrook.events.reading import read_event
from tallybrook.ports.log import Chunk
from tallybrook.ports.log.aws.rows import event_item
from tallybrook.ports.log.aws.transaction import commit_actions

P = prices()
LOWEST = tiers()[0]
BODY = b'{"event_id":"e","event_type":"page_view","user_id":"u","anonymous_id":"a"}'


def test_a_commit_of_one_event_is_what_the_sequencer_writes() -> None:
    """Each action of its transaction is two write units."""
    event = read_event(BODY, "acme", 1_700_000_000_000_000)
    chunk = Chunk(1, 1, 1_700_000_000_000_000, b"{}")
    actions = commit_actions("stack", 0, chunk, [b"m"], event_deltas([event]))
    assert writes_a_commit(Load(events_per_day=1)) == pytest.approx(2 * len(actions), abs=1e-3)


def test_an_event_is_a_row_and_a_row_an_index() -> None:
    """One write unit each where the row has at most a KB; more for larger events."""
    row = event_item(read_event(BODY, "acme", 1_700_000_000_000_000), 1, "w")
    indexes = len({"user", "anonymous"} & row.keys())
    assert writes_an_event(Load(events_per_day=1, ids=indexes)) == 1 + 2
    assert writes_an_event(Load(events_per_day=1, ids=0, event_bytes=3_000)) == 4


def test_events_share_commits_where_there_are_many() -> None:
    """Hardly any share one at a thousand a day; at most 1000 do."""
    few, many = Load(events_per_day=1_000), Load(events_per_day=1e10)
    assert events_a_commit(few) == pytest.approx(1, abs=0.01)
    assert commits_per_day(Load(events_per_day=0)) == events_a_commit(Load(events_per_day=0)) == 0
    assert 400 < events_a_commit(many) <= 1_000
    assert events_a_commit(Load(events_per_day=1e10, event_bytes=100_000)) <= 3


@pytest.mark.parametrize("events", DAILY_EVENTS)
def test_larger_batches_and_longer_waits_never_cost_more(events: float) -> None:
    """The two choices that somebody has without changing what is stored."""
    single = Load(events_per_day=events)
    for loads in (
        [replace(single, batch=batch) for batch in (1, 10, 100, 500)],
        [replace(single, window_s=window) for window in (1, 10, 60, 300)],
    ):
        costs = [month(load, LOWEST, "arm64", P).listed_usd for load in loads]
        assert all(after <= before for before, after in pairwise(costs))


def test_more_events_cost_more_a_month_and_less_a_million() -> None:
    """What stands is shared, and so are commits."""
    for batch in BATCHES:
        rows = [row for row in table(LOWEST, "arm64", P) if row.batch == batch]
        months = [row.month_usd for row in rows]
        millions = [row.per_million_usd or 0 for row in rows]
        assert months == sorted(months)
        assert millions == sorted(millions, reverse=True)
        for row in rows:
            assert math.fsum(row.per_million_by_service.values()) == pytest.approx(
                row.per_million_usd
            )


def test_without_events_only_what_stands_is_paid() -> None:
    """And a million events have no price then."""
    found = per_million(Load(events_per_day=0), LOWEST, "arm64", P)
    assert found.month_usd == pytest.approx(found.standing_usd)
    assert found.per_million_usd is None


def test_advice_saves_what_it_says() -> None:
    """Each line was tried on the same model; who does it already is not told to."""
    load = Load(events_per_day=1_000_000)
    lines = advice(load, LOWEST, "arm64", P)
    saved = month(load, LOWEST, "arm64", P).listed_usd
    saved -= month(replace(load, batch=100), LOWEST, "arm64", P).listed_usd
    assert f"${saved:,.2f}" in lines[0]
    assert len(advice(load, LOWEST, "x86_64", P)) == 3
    shaped = replace(load, events_per_day=1_000, batch=100, window_s=10)
    assert advice(shaped, LOWEST, "arm64", P) == []


def test_a_plan_names_what_differs_in_settings_and_dollars() -> None:
    """The stream from $5 000, its shard and its metrics; sums of everything."""
    found = plan(LOWEST, tier_of(5_000), None, "arm64", P)
    assert {change.setting for change in found.changes} >= {"kinesis", "xray", "memory_mb"}
    dollars = {part.what: part.more_usd for part in found.dollars}
    assert dollars["Kinesis shard"] == pytest.approx(730 * 0.015)
    assert math.fsum(dollars.values()) == pytest.approx(found.then_usd - found.now_usd, abs=0.01)
    with_load = plan(LOWEST, tier_of(5_000), Load(events_per_day=20_000), "arm64", P)
    assert "Traces" in {part.what for part in with_load.dollars}


def test_a_plan_for_the_present_tier_is_empty() -> None:
    """Nothing changes between $5 000 and $9 999."""
    assert changes(tier_of(5_000), tier_of(9_999)) == []
    assert plan(tier_of(0), tier_of(999.99), None, "arm64", P).dollars == []


def test_the_bounds_are_inclusive_in_dollars_too() -> None:
    """The stream begins at $5 000 exactly."""
    for mrr_usd, shard in ((4_999.99, False), (5_000, True)):
        bill = month(Load(events_per_day=0), tier_of(mrr_usd), "arm64", P)
        assert any(line.what == "Kinesis shard" for line in bill.lines) == shard


@pytest.mark.parametrize(
    "bad",
    [{"events_per_day": -1}, {"events_per_day": math.nan}, {"batch": 0}, {"batch": 501},
     {"event_bytes": 0}, {"ids": 3}, {"ids": -1}, {"series": 0}, {"window_s": 301},
     {"window_s": math.inf}],
)  # fmt: skip
def test_a_load_that_cannot_be_is_refused(bad: dict) -> None:
    """Before anything is reckoned."""
    with pytest.raises(UsageError):
        Load(**({"events_per_day": 1} | bad))


def test_memory_and_processor_are_checked() -> None:
    """Those that Lambda has."""
    with pytest.raises(UsageError, match="memory_mb"):
        month(Load(events_per_day=1), LOWEST, "arm64", P, 64)
    with pytest.raises(UsageError, match="arch"):
        month(Load(events_per_day=1), LOWEST, "sparc", P)  # type: ignore[arg-type]
