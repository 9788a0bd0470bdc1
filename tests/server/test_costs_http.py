"""What the calls about costs, budgets, runs and schedules answer."""

import csv
import io
import math
from collections.abc import Callable
from pathlib import Path

import pytest

from tallybrook.costs.reading import UsageConsumer
from tallybrook.costs.recorder import day_of
from tallybrook.costs.tiers import tier_of
from tallybrook.ports.clock import system_clock
from tallybrook.ports.usage import Usage
from tests.server.running import Account, Running, assert_problem, event


def metered(server: Running) -> None:
    """What a minute and the worker would do: calls written down, the log read."""
    context = server.context
    assert context.metering is not None
    context.metering.write_down()
    usage = context.stores.works().usage
    consumer = UsageConsumer(usage, tier_of(0))  # type: ignore[arg-type]
    while chunks := context.stores.reader.chunks("events", consumer.position()):
        consumer.handle(chunks)


def test_a_report_of_what_was_done(server: Running, account: Account) -> None:
    """Events, requests and queries are there, by function, service and day; the sums are those of
    the lines, as JSON and as CSV, and another account has none of it."""
    for n in range(3):
        account.send(*(event(f"t{k % 3}", f"u{n}") for k in range(20)))
    account.get("/series")
    reply = account.http.post(
        "/query", json={"sql": "SELECT count(*) AS n FROM events", "full_scan": True}
    )
    assert reply.status_code == 200, reply.text
    metered(server)
    found = account.get("/costs/report")
    functions = {f["function"]: f for f in found["functions"]}
    assert functions["http"]["invocations"] == 5
    assert {"http", "sequence", "entities", "lake", "store", "query"} <= functions.keys()
    assert found["measured"] is False
    usd = math.fsum(line["usd"] for line in found["lines"])
    assert found["listed_usd"] == pytest.approx(usd, abs=1e-12)
    for part in ("by_function", "by_service", "by_account", "by_day"):
        assert math.fsum(s["usd"] for s in found[part]) == pytest.approx(usd, abs=1e-12)
    assert [s["name"] for s in found["by_account"]] == [account.account_id]
    rows = list(csv.DictReader(io.StringIO(account.http.get("/costs/report?format=csv").text)))
    assert math.fsum(float(row["usd"]) for row in rows) == pytest.approx(usd, abs=1e-12)
    assert account.get("/costs/report", start="2020-01-01", end="2020-01-31")["lines"] == []
    other = server.account("somebody-else")
    assert other.get("/costs/report")["lines"] == []
    other.close()


def test_what_is_written_down_twice_is_there_once(server: Running, account: Account) -> None:
    """Calls are handed over once, and the log is read from where the rows end."""
    account.send(event())
    metered(server)
    first = account.get("/costs/report")["functions"]
    metered(server)
    second = {f["function"]: f for f in account.get("/costs/report")["functions"]}
    http = next(f for f in first if f["function"] == "http")
    # One call more: the one that read the report.
    assert second["http"]["invocations"] == http["invocations"] + 1
    assert second["sequence"] == next(f for f in first if f["function"] == "sequence")


def test_a_budget_that_is_used_up(own_server: Callable[..., Running]) -> None:
    """At 80 % it warns; at 100 % queries are refused with 402 and the way out, collecting never;
    an override lets them through until it ends."""
    with_budget = own_server("budget", sql=True, budget_usd=10.0, budget_stop="on", query_rate=0.0)
    admin = with_budget.account("default")
    usage = with_budget.context.stores.works().usage

    def spend(usd: float) -> None:
        today = day_of(system_clock())
        usage.add([Usage(today, "x", "http", "apigateway.http_request", usd * 1_000_000)])
        with_budget.context.budget = None

    spend(8.5)
    found = admin.get("/costs/budget")
    assert (found["status"], found["stopped"]) == ("warning", [])
    assert found["share"] == pytest.approx(0.85)
    spend(2.0)
    query = {"sql": "SELECT 1 AS one FROM events", "full_scan": True}
    problem = assert_problem(admin.http.post("/query", json=query), 402)
    assert "override" in problem["detail"]
    assert admin.get("/costs/budget")["stopped"] == ["exports", "queries"]
    admin.send(event())
    given = {"hours": 1, "reason": "end of month"}
    found = admin.http.post("/costs/budget/override", json=given).json()
    assert (found["stopped"], found["override_reason"]) == ([], "end of month")
    assert admin.http.post("/query", json=query).status_code == 200
    admin.http.post("/costs/budget/override", json={"hours": 0})
    assert_problem(admin.http.post("/query", json=query), 402)
    assert_problem(admin.http.post("/costs/budget/override", json={"hours": -1}), 422)
    admin.close()


def test_runs_are_asked_for_and_shown(
    account: Account, new_account: Callable[..., Account]
) -> None:
    """A range is taken in, listed, cancelled and tried again; other accounts see none of it, and
    an object is named by nobody but who runs the product."""
    given = {"kind": "range", "start": "2026-03-04", "end": "2026-03-05T00:00:00Z"}
    reply = account.http.post("/runs", json=given)
    assert reply.status_code == 202, reply.text
    run_id = reply.json()["run_id"]
    shown = account.get(f"/runs/{run_id}")
    assert [step["name"] for step in shown["steps"]] == [
        "validate", "transform", "aggregate", "store", "notify",
    ]  # fmt: skip
    assert_problem(account.http.post(f"/runs/{run_id}/retry"), 409)
    assert account.http.post(f"/runs/{run_id}/cancel").json()["status"] == "cancelled"
    assert_problem(account.http.post(f"/runs/{run_id}/cancel"), 409)
    again = account.http.post(f"/runs/{run_id}/retry").json()
    assert (again["status"], again["attempt"]) == ("queued", 2)
    assert [run["run_id"] for run in account.get("/runs")["runs"]] == [run_id]
    assert account.get("/runs", status="failed")["runs"] == []
    stranger = new_account()
    assert stranger.get("/runs")["runs"] == []
    assert_problem(stranger.http.get(f"/runs/{run_id}"), 404)
    assert_problem(account.http.post("/runs", json={"kind": "file", "key": "raw/x"}), 422)
    backwards = {**given, "end": "2026-03-01"}
    assert_problem(account.http.post("/runs", json=backwards), 422)


def test_schedules_are_listed(account: Account) -> None:
    """Each with its next time; what has no slots says who does it."""
    found = {s["name"]: s for s in account.get("/schedules")["schedules"]}
    assert found["rollup-hourly"]["every_s"] == 3600
    assert found["rollup-hourly"]["next"] > (found["rollup-hourly"]["last"] or "")
    assert found["compaction"]["next"] is None


def test_pages_of_runs(account: Account) -> None:
    """Newest first, page after page, each once."""
    for day in range(1, 6):
        account.http.post(
            "/runs",
            json={"kind": "range", "start": f"2026-03-0{day}", "end": f"2026-03-0{day + 1}"},
        ).raise_for_status()
    seen: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = account.get("/runs", limit=2, **cursor)
        seen += [run["input"]["start"][:10] for run in page["runs"]]
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert seen == [f"2026-03-0{day}" for day in (5, 4, 3, 2, 1)]


def test_usage_survives_a_stop(tmp_path: Path) -> None:
    """What was held when the server stopped is in the report of the next."""
    from tests.server.running import serving

    with serving(tmp_path) as running:
        admin = running.account("default")
        admin.get("/series")
    with serving(tmp_path) as running:
        found = Account(running.url, "default", "", admin.key).get("/costs/report")
    assert next(f for f in found["functions"] if f["function"] == "http")["invocations"] == 1
