"""The query console: run, read, cancel, and refusals that say what to do."""

import csv
import io
import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.browser import Watch, post
from tests.support import Running

pytestmark = pytest.mark.browser

COUNT = """SELECT event_type, count(*) AS n FROM events
WHERE date >= current_date - INTERVAL '7' DAY AND event_type LIKE 'asked%'
GROUP BY 1 ORDER BY 2 DESC"""


@pytest.fixture
def console(page: Page) -> Page:
    page.get_by_role("tab", name="Query").click()
    return page


def write(page: Page, sql: str) -> None:
    page.get_by_label("SQL", exact=True).fill(sql)


def test_query_shows_rows(console: Page, product: Running) -> None:
    """Ctrl+Enter runs; rows, numbers on the right, what it read and what it cost are shown."""
    post(product, "asked_often", 1200)
    post(product, "asked_once", 1)
    write(console, COUNT)
    console.keyboard.press("Control+Enter")
    rows = console.locator("#query-result tbody tr")
    expect(rows).to_have_count(2)
    expect(rows.first.locator("td")).to_have_text(["asked_often", "1,200"])
    expect(rows.first.locator("td").nth(1)).to_have_css("text-align", "right")
    for fact in ("Rows", "Time", "Scanned", "Price"):
        expect(console.locator("#query-result .facts dt", has_text=fact)).to_be_visible()


def test_completion(console: Page) -> None:
    """Tables after FROM, the columns of those that are named elsewhere, nothing inside a text; by
    keyboard, and Escape leaves what was written."""
    write(console, "")
    sql = console.get_by_label("SQL", exact=True)
    offered = console.locator(".completion").get_by_role("option")
    sql.press_sequentially("SELECT x FROM eve")
    expect(offered.locator("b")).to_have_text(["events", "assessment_events"])
    console.keyboard.press("Tab")
    expect(sql).to_have_value("SELECT x FROM events")
    sql.press_sequentially(" WHERE user_i")
    expect(offered.filter(has_text="user_id")).to_have_text("user_idcolumn, varchar")
    console.keyboard.press("Escape")
    expect(offered).to_have_count(0)
    sql.press_sequentially("d = 'ev")
    expect(offered).to_have_count(0)
    expect(sql).to_have_value("SELECT x FROM events WHERE user_id = 'ev")
    write(console, "")
    console.keyboard.press("Control+Space")
    expect(offered.first).to_be_visible()
    console.keyboard.press("ArrowDown")
    second = offered.nth(1).locator("b").inner_text()
    console.keyboard.press("Enter")
    expect(sql).to_have_value(second)


def test_result_as_a_chart(console: Page, product: Running) -> None:
    """An answer over time is drawn over time, another as a bar a row; hostile names stay text."""
    hostile = "asked <img src=x onerror=window.pwned=1>"
    post(product, hostile, 4)
    post(product, "asked_in_bars", 2)
    write(console, COUNT)
    console.keyboard.press("Control+Enter")
    expect(console.locator("#query-result tbody")).to_contain_text(hostile)
    console.get_by_role("button", name="Chart", exact=True).click()
    bars = console.locator(".bars li")
    expect(bars.filter(has_text=hostile).locator("b")).to_have_text("4")
    write(
        console, "SELECT * FROM (VALUES (DATE '2026-01-01', 2), (DATE '2026-01-02', 3)) AS t(d, n)"
    )
    console.keyboard.press("Control+Enter")
    expect(console.locator("#query-result canvas")).to_be_visible()
    console.get_by_role("button", name="Table", exact=True).click()
    expect(console.locator("#query-result tbody tr")).to_have_count(2)
    assert console.evaluate("window.pwned") is None


def test_examples_run(console: Page, product: Running) -> None:
    """Every example is accepted as it stands."""
    post(product, "page_view", 3)
    count = console.locator("#examples option").count() - 1
    assert count >= 3
    for index in range(count):
        console.locator("#examples").select_option(str(index))
        console.get_by_role("button", name="Run", exact=True).click()
        expect(console.locator("#query-result .facts")).to_be_visible()
        expect(console.locator("#query-result tbody tr").first).to_be_visible()
        console.get_by_label("SQL", exact=True).fill("")
        console.locator("#query-result").evaluate("node => node.replaceChildren()")


def test_parameters_are_bound(console: Page, product: Running) -> None:
    """A name in double braces makes a field, and its value is a value whatever it looks like."""
    post(product, "asked' OR '1'='1", 2)
    write(
        console,
        "SELECT count(*) AS n FROM events "
        "WHERE date >= current_date - INTERVAL '1' DAY AND event_type = {{wanted}}",
    )
    console.get_by_label("wanted", exact=True).fill("asked' OR '1'='1")
    console.get_by_role("button", name="Run", exact=True).click()
    expect(console.locator("#query-result td")).to_have_text("2")


def test_refusal_shows_its_fix(console: Page, watch: Watch) -> None:
    """A query without a date filter is refused with the reason and what to write instead."""
    watch.refusals.add(400)
    write(console, "SELECT count(*) FROM events")
    console.get_by_role("button", name="Run", exact=True).click()
    refusal = console.locator("#query-result [role=alert]")
    expect(refusal).to_contain_text("Query refused")
    expect(refusal).to_contain_text("partitioned by date")
    expect(refusal).to_contain_text("WHERE date >=")


def test_price_before_running(console: Page) -> None:
    """A dry run tells bytes and dollars and runs nothing."""
    write(console, COUNT)
    console.get_by_role("button", name="Price").click()
    expect(console.locator("#query-result")).to_contain_text("It would scan about")
    expect(console.locator("#query-result table")).to_have_count(0)


def test_cancel(console: Page) -> None:
    """A query that takes long can be given up, and the next one runs."""
    held = []
    console.route("**/query", lambda route: held.append(route))
    write(console, COUNT)
    console.get_by_role("button", name="Run", exact=True).click()
    console.get_by_role("button", name="Cancel").click()
    expect(console.locator("#query-status")).to_have_text("Cancelled.")
    expect(console.get_by_role("button", name="Run", exact=True)).to_be_enabled()
    console.unroute("**/query")


def test_history_with_its_cost(console: Page, product: Running) -> None:
    """A query that ran is listed with what it cost, whoever asked it, and can be picked again."""
    asked = COUNT + "\n-- kept"
    answer = product.client.post("/query", json={"sql": asked})
    assert answer.status_code == 200, answer.text
    write(console, COUNT)
    console.get_by_role("button", name="Run", exact=True).click()
    kept = console.locator("#history li").filter(has_text="-- kept").first
    expect(kept.locator(".took")).to_contain_text("$0.0000")
    kept.get_by_role("button").click()
    expect(console.get_by_label("SQL", exact=True)).to_have_value(asked)


def test_saved_query(console: Page, product: Running) -> None:
    """A saved query is put into the console with its parameters, their types and defaults; run as
    it is, the history has its name."""
    post(product, "saved_one", 3, user_id="traveller")
    console.locator("[data-query-id=user_journey]").click()
    expect(console.get_by_label("SQL", exact=True)).to_have_value(re.compile("date_diff"))
    expect(console.get_by_label("days", exact=True)).to_have_value("30")
    expect(console.get_by_label("Type of days")).to_have_value("number")
    console.get_by_label("user", exact=True).fill("traveller")
    console.get_by_role("button", name="Run", exact=True).click()
    expect(console.locator("#query-result tbody tr")).to_have_count(3)
    expect(console.locator("#history li").first).to_contain_text("user_journey")


def test_export(console: Page, product: Running) -> None:
    """Each button saves the whole answer in its format, more than the page shows; hostile text
    arrives as it is."""
    hostile = '=1+1 <img src=x> "quoted",\nnext'
    post(product, "exported", 3, user_id=hostile)
    write(console, "SELECT user_id FROM events WHERE date >= current_date - INTERVAL '1' DAY "
          "AND event_type = 'exported'")  # fmt: skip
    console.keyboard.press("Control+Enter")
    buttons = console.get_by_role("group", name="Export").get_by_role("button")
    expect(buttons).to_have_text(["CSV", "Excel", "JSON", "NDJSON", "Parquet"])
    saved: dict[str, bytes] = {}
    for button in buttons.all():
        with console.expect_download() as download:
            button.click()
        kind = download.value.suggested_filename.rpartition(".")[2]
        saved[kind] = Path(download.value.path()).read_bytes()
    assert [row["user_id"] for row in csv.DictReader(io.StringIO(saved["csv"].decode()))] == [
        hostile
    ] * 3
    assert json.loads(saved["json"])["rows"] == [[hostile]] * 3
    assert [json.loads(line)["user_id"] for line in saved["ndjson"].splitlines()] == [hostile] * 3
    assert (saved["parquet"][:4], saved["xlsx"][:2]) == (b"PAR1", b"PK")


def test_truncated_is_said(console: Page, product: Running) -> None:
    """A result that was cut says so."""
    post(product, "asked_many", 1100)
    write(
        console,
        "SELECT event_id FROM events WHERE date >= current_date - INTERVAL '1' DAY "
        "AND event_type = 'asked_many'",
    )
    console.get_by_role("button", name="Run", exact=True).click()
    expect(console.locator("#query-result .notice")).to_contain_text("first 1,000 rows")
    expect(console.locator("#query-result .hints")).to_contain_text("LIMIT")
