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
ENDLESS = """SELECT count(*) AS endless FROM UNNEST(sequence(1, 1000000)) AS a(x)
CROSS JOIN UNNEST(sequence(1, 1000000)) AS b(y) WHERE x + y = 7 -- ENDLESS"""


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
        console, "SELECT * FROM (VALUES ('a', 'one', 5, -7), ('b', 'two', 6, 8)) AS t(p, q, r, s)"
    )
    console.keyboard.press("Control+Enter")
    expect(bars.locator(".name")).to_have_text(["a", "b"])
    console.get_by_label("Across").select_option("q")
    console.get_by_label("Up", exact=True).select_option("s")
    expect(bars.locator(".name")).to_have_text(["one", "two"])
    expect(bars.locator("b")).to_have_text(["-7", "8"])
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


def test_price_before_running(console: Page, watch: Watch) -> None:
    """What is put into the console has its price before anybody asks, what would be refused its
    reason; the Price button runs nothing; afterwards the estimate stands beside what it was."""
    watch.refusals.add(400)
    price = console.locator("#query-price")
    console.locator("#examples").select_option("0")
    expect(price).to_contain_text("It would scan about")
    write(console, "SELECT nothing FROM events WHERE date = current_date")
    expect(price).to_be_empty()
    console.locator("#examples").focus()
    expect(price).to_contain_text("Would be refused: There is no column 'nothing'")
    write(console, COUNT)
    console.get_by_role("button", name="Price").click()
    expect(console.locator("#query-result")).to_contain_text("It would scan about")
    expect(console.locator("#query-result table")).to_have_count(0)
    console.keyboard.press("Control+Enter")
    console.get_by_role("button", name="Run", exact=True).click()
    expect(console.locator("#query-result .facts")).to_contain_text("(estimated $0.000048)")
    expect(console.locator("#history")).not_to_contain_text("nothing")


def test_cancel(console: Page, product: Running) -> None:
    """A query that takes long is stopped and is in the history as cancelled; the focus goes to
    Cancel and back to Run."""
    write(console, ENDLESS)
    run = console.get_by_role("button", name="Run", exact=True)
    run.focus()
    console.keyboard.press("Enter")
    cancel = console.get_by_role("button", name="Cancel")
    expect(cancel).to_be_focused()
    expect(console.locator("#query-price")).to_contain_text("It would scan")
    cancel.click()
    expect(console.locator("#query-status")).to_have_text("Cancelled.")
    expect(run).to_be_focused()
    expect(console.locator("#history li").first).to_contain_text("ENDLESS")
    expect(console.locator("#history li").first).to_contain_text("cancelled")


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


def test_pages_of_a_result(console: Page) -> None:
    """More than 1,000 rows are read page by page, there and back, by keyboard; an export has all
    of them whatever page is shown."""
    write(console, "SELECT x FROM UNNEST(sequence(1, 2500)) AS t(x)")
    console.keyboard.press("Control+Enter")
    pages = console.get_by_role("navigation", name="Pages of the result")
    expect(pages).to_contain_text("rows 1–1,000 of 2,500")
    cells = console.locator("#query-result td")
    next_ = pages.get_by_role("button", name="Next")
    next_.focus()
    for said, first in (("1,001–2,000", "1,001"), ("2,001–2,500", "2,001")):
        console.keyboard.press("Enter")
        expect(pages).to_contain_text(f"rows {said} of 2,500")
        expect(cells.first).to_have_text(first)
    expect(cells).to_have_count(500)
    expect(next_).to_be_focused()
    expect(next_).to_have_attribute("aria-disabled", "true")
    with console.expect_download() as download:
        console.get_by_role("button", name="CSV").click()
    assert len(Path(download.value.path()).read_text().splitlines()) == 2501
    for _ in range(2):
        pages.get_by_role("button", name="Previous").click()
    expect(cells.first).to_have_text("1")


def test_truncated_is_said(console: Page) -> None:
    """A result that was cut says so, and where all of it is."""
    write(console, "SELECT x.x FROM UNNEST(sequence(1, 101)) AS x(x) "
          "CROSS JOIN UNNEST(sequence(1, 1000)) AS y(y)")  # fmt: skip
    console.keyboard.press("Control+Enter")
    expect(console.locator("#query-result .notice")).to_contain_text("more than 100,000 rows")
    expect(console.locator(".pages")).to_contain_text("rows 1–1,000 of 100,000")
