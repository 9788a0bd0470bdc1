"""From recorded usage to a report: a simulated day, its sums, and what follows from them."""

import math
import random
from pathlib import Path

import msgspec
import pytest

from tallybrook.costs.budget import STOPS, Override, query_alerts, standing, thresholds
from tallybrook.costs.chosen import mrr_usd, set_mrr_usd
from tallybrook.costs.invoked import of_invocation
from tallybrook.costs.keeping import tell_of_queries
from tallybrook.costs.measured import (
    Second,
    of_cold_start,
    of_failed_query,
    of_query,
    of_requests,
    of_second,
)
from tallybrook.costs.prices import prices
from tallybrook.costs.reading import UsageConsumer
from tallybrook.costs.recorder import Recorder, cost_records, day_of, usd_of
from tallybrook.costs.report import report
from tallybrook.costs.reported import Report
from tallybrook.costs.tiers import tier_of
from tallybrook.errors import StorageError, UsageError
from tallybrook.events.instants import DAY_US, parse_instant
from tallybrook.events.model import Event
from tallybrook.ports.bus.local import LocalBus
from tallybrook.ports.log import Chunk
from tallybrook.ports.state.local import SqliteState
from tallybrook.ports.telemetry import CostRecord
from tallybrook.ports.usage import FACT, SHARED, Usage
from tallybrook.ports.usage.local import SqliteUsage

DAY = "2026-03-04"
BEGIN_US = parse_instant(DAY) or 0
PRICES = prices()


def simulated_day(store: SqliteUsage, seed: int = 7) -> list[CostRecord]:
    """A day of traffic of three accounts, written down minute by minute; what was told."""
    draw = random.Random(seed)
    told: list[CostRecord] = []
    recorder = Recorder(store, told.append)
    tier = tier_of(0)
    for minute in range(0, 1440, 7):
        at_us = BEGIN_US + minute * 60_000_000
        for account in ("acme", "rival", "third"):
            n = draw.randrange(1, 40)
            seen = Second(n, n * 430, n, n, {"view", "buy"}, set(range(min(n, 4))))
            recorder.note(at_us, account, of_second(seen, tier))
            recorder.note(at_us, account, of_requests(draw.randrange(1, 9), tier))
        if draw.random() < 0.2:
            recorder.note(at_us, "acme", of_query(draw.randrange(1 << 31), PRICES))
        took_ms = draw.uniform(5, 90)
        recorder.note(at_us, SHARED, of_invocation("schedule", took_ms, 128, "arm64", init_ms=400))
        if recorder.due(at_us):
            recorder.flush(at_us)
    recorder.flush(BEGIN_US + DAY_US - 1)
    return told


def reported(rows: list[Usage], mrr: float = 0.0, today: str = DAY) -> Report:
    return report(
        rows, DAY, DAY, today, measured=False, mrr_usd=mrr, tier=tier_of(mrr), prices=PRICES
    )


def test_a_day_adds_up_to_its_records(tmp_path: Path) -> None:
    """The report of a simulated day is the sum of its cost records to the cent, and so are its
    parts by function, service, account and day."""
    store = SqliteUsage(tmp_path / "usage.db")
    told = simulated_day(store)
    found = reported(store.between(DAY, DAY))
    records_usd = math.fsum(record.estimated_usd for record in told)
    assert records_usd > 0.05
    assert found.listed_usd == pytest.approx(records_usd, abs=1e-9)
    for part in (found.by_function, found.by_service, found.by_account, found.by_day):
        assert math.fsum(share.usd for share in part) == pytest.approx(found.listed_usd, abs=1e-12)
    assert {share.name for share in found.by_account} == {"acme", "rival", "third", SHARED}
    schedule = next(one for one in found.functions if one.function == "schedule")
    assert schedule.invocations == len(range(0, 1440, 7))
    assert schedule.init_ms == 400 * schedule.invocations
    assert schedule.avg_memory_mb == 128


def test_init_is_paid_for() -> None:
    """1000 invocations of 450 ms at 128 MB on x86_64 are $0.00114; with 800 ms of INIT in a
    hundred of them $0.00130."""
    plain = [Usage(DAY, "a", f, m, q * 1000)
             for (f, m), q in of_invocation("f", 450, 128, "x86_64").items()]  # fmt: skip
    lambda_usd = math.fsum(usd_of(row, PRICES) for row in plain if row.meter.startswith("lambda"))
    assert round(lambda_usd, 5) == 0.00114
    cold = of_invocation("f", 450, 128, "x86_64", init_ms=800)[("f", "lambda.gb_s.x86_64")]
    warm = of_invocation("f", 450, 128, "x86_64")[("f", "lambda.gb_s.x86_64")]
    more_usd = 100 * (cold - warm) * PRICES.usd("lambda.gb_s.x86_64")
    assert round(lambda_usd + more_usd, 5) == 0.00130


def test_the_free_tier_is_of_a_month() -> None:
    """3 000 000 requests are 2 000 000 to pay for; spread over two months 1 000 000."""

    def rows(*days: str) -> list[Usage]:
        each = 3_000_000 / len(days)
        return [Usage(day, "a", "f", "lambda.request", each) for day in days]

    assert reported(rows(DAY)).payable_usd == pytest.approx(0.40)
    assert reported(rows(DAY)).free_usd == pytest.approx(0.20)
    assert reported(rows(DAY, "2026-04-01")).payable_usd == pytest.approx(0.20)


def test_projection_and_share() -> None:
    """$1 in 4 days of March is $7.75, and 0.775 % of $1 000; with no day there is none."""
    rows = [Usage("2026-03-01", "a", "f", "apigateway.http_request", 1_000_000)]
    found = report(
        rows, "2026-03-01", "2026-03-31", "2026-03-04", measured=True, mrr_usd=1000,
        tier=tier_of(1000), prices=PRICES,
    )  # fmt: skip
    assert found.projection is not None
    assert found.projection.usd == pytest.approx(7.75)
    assert found.share_of_mrr == pytest.approx(0.00775)
    empty = reported([])
    assert (empty.projection, empty.share_of_mrr, empty.listed_usd) == (None, None, 0)
    assert empty.reason == "nothing was recorded in these days"


def test_a_query_is_charged_for_10_mb_at_least() -> None:
    """One that scans a byte costs what one that scans 10 MB does."""
    usd = [of_query(n, PRICES)["query", "athena.tib"] * PRICES.usd("athena.tib")
           for n in (1, 10 << 20, 1 << 30)]  # fmt: skip
    assert usd[0] == usd[1] == pytest.approx(0.0000477, rel=1e-3)
    assert usd[2] == pytest.approx(0.0049, rel=1e-2)


def test_advice() -> None:
    """Slow at little memory, events one by one, more idle than busy: each is said, with what it
    comes to."""
    slow = [Usage(DAY, "a", "f", meter, n) for meter, n in
            (("lambda.request", 10.0), (f"{FACT}duration_ms", 40_000.0))]  # fmt: skip
    single = [
        Usage(DAY, "a", "http", meter, 100_000.0)
        for meter in (f"{FACT}events", f"{FACT}requests", "apigateway.http_request",
                      "lambda.request")
    ]  # fmt: skip
    said = " | ".join(reported([*slow, *single]).advice)
    assert "f: 256 MB" in said
    assert "batches: 1.0 events came with a request" in said
    assert "would save $3.6" in said
    assert "idle: $" in " | ".join(reported(slow).advice)
    assert [one.what for one in reported(single).what_if][:2] == [
        "as it was", "100 events a request",
    ]  # fmt: skip


def test_what_cannot_be_written_is_held(tmp_path: Path) -> None:
    """A flush that is refused loses nothing: the next one has it."""
    store = SqliteUsage(tmp_path / "usage.db")
    recorder = Recorder(store)
    recorder.note(BEGIN_US, "a", {("f", "lambda.request"): 2})
    store.close()
    with pytest.raises(StorageError):
        recorder.flush(BEGIN_US)
    recorder.note(BEGIN_US, "a", {("f", "lambda.request"): 1})
    recorder._store = again = SqliteUsage(tmp_path / "usage.db")
    recorder.flush(BEGIN_US)
    assert [row.quantity for row in again.between(DAY, DAY)] == [3]


def test_each_event_is_counted_once(tmp_path: Path) -> None:
    """The consumer's rows and position are one commit: handed over again, nothing is added. What
    the stack would have been called for it is a whole number of calls."""
    store = SqliteUsage(tmp_path / "usage.db")
    consumer = UsageConsumer(store, tier_of(0))
    events = [Event(n, f"e{n}", "view", 0, BEGIN_US + n * 400_000, "ab"[n % 2], "arrival", "u")
              for n in range(1, 31)]  # fmt: skip
    chunks = [
        Chunk(part[0].seq, len(part), 0, b"\n".join(map(msgspec.json.encode, part)))
        for part in (events[:10], events[10:30])
    ]
    for given in (chunks[:1], chunks, chunks):
        UsageConsumer(store, tier_of(0)).handle(given if given[0].last_seq > consumer.position()
                                                else given[1:])  # fmt: skip
    counted = {row.account_id: row.quantity for row in store.between(DAY, DAY)
               if row.meter == f"{FACT}events"}  # fmt: skip
    assert counted == {"a": 15, "b": 15}
    calls = [row.quantity for row in store.between(DAY, DAY) if row.meter == "lambda.request"]
    assert calls
    assert all(quantity.is_integer() for quantity in calls)
    assert consumer.position() == 30


def test_a_cost_record_says_what_a_function_took() -> None:
    """Invocations, mean duration, memory, dollars, and dollars an invocation."""
    rows = [Usage(DAY, "a", "f", meter, n) for (_, meter), n in
            of_invocation("f", 200, 256, "arm64").items()]  # fmt: skip
    (record,) = cost_records(rows, BEGIN_US, PRICES)
    assert (record.invocations, record.avg_duration_ms, record.avg_memory_mb) == (1, 200, 256)
    assert record.cost_per_invocation == record.estimated_usd > 0
    assert of_cold_start("f", 128)["f", f"{FACT}cold_starts"] == 1


def test_budget_stops_in_order() -> None:
    """Below 80 % nothing is said, from 80 % it is told, from 100 % exports and queries stop, from
    120 % backfills; collecting is in no list. Where it is not enforced nothing stops."""

    def at(spent: float, enforced: bool = True, until: int | None = None) -> tuple[str, list[str]]:
        override = Override(until, "why") if until else None
        found = standing("2026-03", spent, None, 50.0, enforced=enforced, override=override,
                         override_until=None, now_us=100)  # fmt: skip
        return found.status, found.stopped

    assert at(39.99) == ("ok", [])
    assert at(40.0) == ("warning", [])
    assert at(50.0) == ("over", ["exports", "queries"])
    assert at(60.0) == ("over", ["exports", "queries", "backfills"])
    assert at(60.0, enforced=False) == ("over", [])
    assert at(60.0, until=101) == ("over", [])
    assert at(60.0, until=100)[1] == ["exports", "queries", "backfills"]
    assert "collecting" not in STOPS
    assert [thresholds(share) for share in (None, 0.79, 0.8, 1.0)] == [[], [], [80], [80, 100]]


def test_alerts_of_queries(tmp_path: Path) -> None:
    """A query over $0.50, and more than one in ten that fails, are told once a day each."""
    assert query_alerts(100, 0, 10) == {}
    assert query_alerts(5, 0, 5) == {}
    store = SqliteUsage(tmp_path / "usage.db")
    state = SqliteState(tmp_path / "state.db", lambda: BEGIN_US)
    bus = LocalBus(tmp_path / "bus.db")
    recorder = Recorder(store)
    recorder.note(BEGIN_US, "a", of_query(100 << 30, PRICES))
    recorder.flush(BEGIN_US)
    assert tell_of_queries(state, bus, store, BEGIN_US) == []
    recorder.note(BEGIN_US, "a", of_query(110 << 30, PRICES))
    for _ in range(20):
        recorder.note(BEGIN_US, "b", of_failed_query())
    recorder.flush(BEGIN_US)
    told = [f"queries.dear-{DAY}", f"queries.failing-{DAY}"]
    assert tell_of_queries(state, bus, store, BEGIN_US) == told
    assert tell_of_queries(state, bus, store, BEGIN_US) == []
    assert [notice.notice_id for _, notice in bus.published(0)] == told
    for opened in (store, state, bus):
        opened.close()


def test_the_tier_can_be_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For a data directory; the environment goes before it."""
    monkeypatch.delenv("CURRENT_MRR", raising=False)
    assert mrr_usd(tmp_path) == 0
    assert set_mrr_usd(tmp_path, 5000).from_mrr_usd == 5000
    assert mrr_usd(tmp_path) == 5000
    monkeypatch.setenv("CURRENT_MRR", "1200")
    assert mrr_usd(tmp_path) == 1200
    with pytest.raises(UsageError):
        set_mrr_usd(tmp_path, -1)


def test_days_are_those_of_utc() -> None:
    """An instant belongs to the day it is in, up to its last microsecond."""
    assert day_of(BEGIN_US - 1) == "2026-03-03"
    assert day_of(BEGIN_US + DAY_US - 1) == DAY
