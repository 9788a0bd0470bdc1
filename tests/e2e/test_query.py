"""The query console: run, read, cancel, and refusals that say what to do."""

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


def test_history_comes_back(console: Page) -> None:
    """A query that ran can be picked again after a reload; only this browser keeps it."""
    write(console, COUNT + "\n-- kept")
    console.get_by_role("button", name="Run", exact=True).click()
    expect(console.locator("#history")).to_contain_text("-- kept")
    console.reload()
    write(console, "")
    console.locator("#history button", has_text="-- kept").click()
    expect(console.get_by_label("SQL", exact=True)).to_have_value(COUNT + "\n-- kept")
    console.get_by_role("button", name="Clear").click()
    expect(console.locator("#history button")).to_have_count(0)


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
