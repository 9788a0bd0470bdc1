"""Failed records and runs on the page: seen, corrected, replayed; and what it all costs."""

import re
from contextlib import closing
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tallybrook.costs.keeping import day_of
from tallybrook.ports.clock import system_clock
from tallybrook.ports.usage import Usage
from tallybrook.ports.usage.local import SqliteUsage
from tests.e2e.browser import Watch, fail, post
from tests.support import Running, wait_for

pytestmark = pytest.mark.browser


def choose(page: Page, failed_id: str) -> None:
    page.get_by_role("tab", name="Failed").click()
    page.locator(f"[data-failed-id='{failed_id}']").click()


def test_edit_and_replay(page: Page, watch: Watch, product: Running) -> None:
    """A record is refused again while it is wrong, and counts once it is corrected."""
    watch.refusals.add(422)
    failed_id = fail(product, event_type="mended", user_id="u", timestamp="yesterday")
    choose(page, failed_id)
    body = page.get_by_label("Body")
    expect(body).to_have_value(
        '{\n  "event_type": "mended",\n  "user_id": "u",\n  "timestamp": "yesterday"\n}'
    )
    page.get_by_role("button", name="Replay", exact=True).click()
    expect(page.locator("#failed-detail .error")).to_contain_text("Still refused")
    body.fill('{"event_type": "mended", "user_id": "u"}')
    page.get_by_role("button", name="Replay with edits").click()
    expect(page.locator("#failed-detail .success")).to_contain_text("Accepted")
    expect(page.locator(f"[data-failed-id='{failed_id}']")).to_have_count(0)
    page.get_by_role("tab", name="Live").click()
    expect(page.locator("#buckets")).to_contain_text("mended")
    assert product.client.get(f"/failed/{failed_id}").json()["status"] == "replayed"


def test_new_ones_come_by_themselves(page: Page, product: Running) -> None:
    """A record that fails while the page is open is counted in the head and listed."""
    page.get_by_role("tab", name="Failed").click()
    failed_id = fail(product, event_type="", user_id="u")
    expect(page.locator(f"[data-failed-id='{failed_id}']")).to_be_visible()
    expect(page.locator("#failed-badge")).to_be_visible()


def test_discard_asks_once_more(page: Page, product: Running) -> None:
    """One press changes nothing; the second discards, and the record stays on file."""
    failed_id = fail(product, event_type="dropped", timestamp="never", user_id="u")
    choose(page, failed_id)
    page.get_by_role("button", name="Discard").click()
    assert product.client.get(f"/failed/{failed_id}").json()["status"] == "open"
    page.get_by_role("button", name="Really discard?").click()
    expect(page.locator("#failed-detail .success")).to_contain_text("stays on file")
    assert product.client.get(f"/failed/{failed_id}").json()["status"] == "discarded"


def test_layout_keeps_every_token(page: Page) -> None:
    """Laid-out JSON is the same text: large numbers, repeated keys and escapes survive."""
    laid_out = page.evaluate(
        """async () => (await import("/assets/js/json.js")).layOut(
          '{"n":12345678901234567890,"n":1e400,"s":"a\\\\"{,}:","e":[],"o":{},"l":[1, 2]}')"""
    )
    assert laid_out.replace("\n", "").replace("  ", "") == (
        '{"n": 12345678901234567890,"n": 1e400,"s": "a\\"{,}:","e": [],"o": {},"l": [1,2]}'
    )


HOSTILE = "uploads/<img src=x onerror=window.pwned=1>.csv"


def test_runs_and_schedules(page: Page, watch: Watch, product: Running) -> None:
    """A run that fails says at which step and why, whatever its file is called, and is started
    again with a press; what is done by the clock has its next time."""
    asked = product.client.post("/runs", json={"kind": "file", "key": HOSTILE})
    assert asked.status_code == 202, asked.text
    page.get_by_role("tab", name="Runs").click()
    hourly = page.get_by_role("row").filter(has_text="Rollup hourly")
    expect(hourly.locator("td").nth(0)).to_have_text("hour")
    expect(hourly.locator("td").nth(2).locator("time")).to_be_visible()
    run = page.locator(".runs > li").filter(has_text=f"File {HOSTILE}")
    expect(run.locator(".run-head .tag")).to_have_text("failed", timeout=60_000)
    expect(run.locator(".steps li").first).to_contain_text("✗ validate")
    expect(run.locator(".error")).to_contain_text("is not there")
    run.get_by_role("button", name="Retry").focus()
    page.keyboard.press("Enter")
    expect(run.locator(".run-head")).to_contain_text("attempt 2")
    page.locator("#runs-status").select_option("cancelled")
    expect(page.locator("#runs-list")).to_contain_text("No runs")
    assert page.evaluate("window.pwned") is None


def test_costs(page: Page, product: Running) -> None:
    """The parts of the chart and of the tables add up to the report's sum, beside the budget with
    its mark at 80 %."""
    post(product, "priced", 2000)
    report: dict[str, Any] = {}

    def priced() -> bool:
        report.update(product.client.get("/costs/report").json())
        return any(part["name"] == "store" for part in report["by_function"])

    wait_for(priced, 30, "the cost of storing")
    page.get_by_role("tab", name="Costs").click()
    panel = page.locator("#panel-costs")
    expect(panel.get_by_role("meter")).to_have_attribute(
        "aria-valuetext", re.compile("at \\$40.00")
    )
    expect(panel.locator("canvas")).to_be_visible()
    expect(panel.locator(".legend")).to_contain_text("store")
    named = {part["name"] for part in report["by_function"]}
    expect(panel.get_by_role("region", name="Functions").locator("tbody th")).to_have_count(
        len(named)
    )
    panel.get_by_text("Show as a table").click()
    days = panel.get_by_role("region", name="Cost by day").locator("tbody tr")
    expect(days).to_have_count(30)
    expect(days.first.locator("td").first).to_have_text(re.compile(r"^\$0\.\d+$"))
    panel.get_by_label("By", exact=True).select_option("service")
    expect(panel.locator(".legend")).to_contain_text("DynamoDB")


def spend(product: Running, usd: float) -> None:
    calls = usd * 1_000_000  # a dollar a million
    with closing(SqliteUsage(product.data / "usage.db")) as usage:
        usage.add([Usage(day_of(system_clock()), "x", "http", "apigateway.http_request", calls)])
    # The server adds the budget up once a minute, and at once after an override or its end.
    product.client.post("/costs/budget/override", json={"hours": 0}).raise_for_status()


def test_warned_stopped_overridden(page: Page, watch: Watch, product: Running) -> None:
    """From 80 % on the page says what will stop, at 100 % what has; an override takes a reason and
    a second press, lets queries run, is shown with its end, and can be ended."""
    watch.refusals.add(402)
    spend(product, 42.5)
    page.get_by_role("tab", name="Costs").click()
    costs = page.locator("#panel-costs")
    expect(costs.locator(".budget-head")).to_contain_text("over 80 %")
    expect(costs).to_contain_text("Exports and queries stop at 100 %, backfills at 120 %.")

    spend(product, 10)
    page.get_by_role("tab", name="Query").click()
    budget = page.locator("#query-budget")
    expect(budget.get_by_role("alert")).to_contain_text("month ends: exports and queries.")
    expect(page.locator("#query-price")).to_contain_text("Would be refused: the budget")
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.locator("#query-result [role=alert]")).to_contain_text("Budget used up")

    budget.get_by_role("button", name="Override…").click()
    dialog = page.get_by_role("dialog", name="Override the stop")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    assert product.client.get("/costs/budget").json()["stopped"] == ["exports", "queries"]

    budget.get_by_role("button", name="Override…").click()
    dialog.get_by_role("button", name="Override", exact=True).click()
    expect(dialog).to_be_visible()  # without a reason nothing happens
    dialog.get_by_label("For").select_option("8 hours")
    dialog.get_by_label("Reason").fill("<b>month end</b>")
    dialog.get_by_role("button", name="Override", exact=True).click()
    expect(budget).to_contain_text("(<b>month end</b>): exports and queries go on")
    expect(page.locator("#query-price")).to_contain_text("It would scan")
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.locator("#query-result .facts")).to_be_visible()

    budget.get_by_role("button", name="End the override").click()
    expect(budget.get_by_role("alert")).to_contain_text("Stopped until the month ends")
