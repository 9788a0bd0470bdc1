"""Entities and alerts on the page: a real worker makes them of real events, nobody reloads."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.e2e.browser import Watch, visited, wait_live
from tests.support import Running, wait_for

pytestmark = pytest.mark.browser

HOSTILE = "<img src=x onerror=window.pwned=1>"


def ago(**span: float) -> str:
    return (datetime.now(UTC) - timedelta(**span)).isoformat()


def tell(product: Running, event_type: str, timestamp: str, **payload: Any) -> None:
    envelope = {"event_type": event_type, "timestamp": timestamp, "payload": payload}
    answer = product.client.post("/ingest", json=envelope)
    assert answer.status_code == 202, answer.text


def health(product: Running, student: str, score: int, timestamp: str | None = None) -> None:
    tell(
        product, "customer_health_update", timestamp or ago(),
        student_id=student, health_score=score, sessions_last_7_days=9, churn_risk="low",
    )  # fmt: skip


def known(product: Running, path: str) -> None:
    """Wait until the worker has taken an entity in."""
    wait_for(lambda: product.client.get(f"/entities/{path}").status_code == 200, 30, path)


@pytest.fixture(scope="module")
def told(product: Running) -> Running:
    """A product that three students, a tutor and two balances were told of."""
    for student, score, sessions in (("anna", 40, 1), ("ben", 65, 3), ("cleo", 90, 2)):
        health(product, student, score, ago(hours=5))
        for n in range(sessions):
            ids = {"session_id": f"{student}{n}", "student_id": student, "tutor_id": "tom"}
            tell(product, "session_started", ago(days=1 + 9 * n), **ids)
    for region, status in (("eu", "balanced"), ("us", "high_demand")):
        tell(
            product, "supply_demand_update", ago(hours=1),
            subject="algebra", region=region, balance_status=status, available_tutors=4,
        )  # fmt: skip
    known(product, "supply_demand/algebra:us")
    return product


@pytest.fixture
def entities(told: Running, page: Page) -> Page:
    page.get_by_role("tab", name="Entities").click()
    expect(rows(page).filter(has_text="cleo")).to_be_visible()
    return page


def rows(page: Page) -> Locator:
    return page.locator("#entities-list tbody tr")


def names(page: Page) -> list[str]:
    """The three students that every test has, in the order of the page."""
    found = page.locator("#entities-list tbody th").all_inner_texts()
    return [name for name in found if name in ("anna", "ben", "cleo")]


def cell(page: Page, row: str, column: str) -> Locator:
    """A cell of the list by its row's entity and its column's heading."""
    heads = page.locator("#entities-list thead th").all_inner_texts()
    at = next(i for i, head in enumerate(heads) if head.replace("\xa0", " ").startswith(column))
    return rows(page).filter(has=page.get_by_role("button", name=row, exact=True)).locator(
        f":nth-child({at + 1})"
    ).first  # fmt: skip


def eventually(is_so: Callable[[], bool], what: str) -> None:
    wait_for(is_so, 15, what)


def test_sorted_by_health_and_any_metric(entities: Page) -> None:
    """Lowest health first; a heading sorts by its metric, a second press turns it round."""
    assert names(entities) == ["anna", "ben", "cleo"]
    health_head = entities.get_by_role("columnheader", name="Health score")
    expect(health_head).to_have_attribute("aria-sort", "ascending")
    health_head.get_by_role("button").click()
    eventually(lambda: names(entities) == ["cleo", "ben", "anna"], "the other way round")
    expect(health_head).to_have_attribute("aria-sort", "descending")
    sessions = entities.get_by_role("columnheader", name="Sessions 30 d")
    sessions.get_by_role("button").click()
    eventually(lambda: names(entities) == ["ben", "cleo", "anna"], "the order by sessions")
    expect(sessions).to_have_attribute("aria-sort", "descending")
    expect(health_head).not_to_have_attribute("aria-sort", "descending")


def test_health_has_its_source(entities: Page, told: Running) -> None:
    """A reported score says so, and the one that nobody reported is the default."""
    tell(told, "session_started", ago(), session_id="d", student_id="dora", tutor_id="tom")
    expect(cell(entities, "dora", "Health")).to_have_text("100default")
    expect(cell(entities, "ben", "Health")).to_have_text("65reported")
    expect(cell(entities, "anna", "Health").locator(".tag")).to_have_attribute("data-tone", "bad")


def test_threshold(entities: Page) -> None:
    """A threshold leaves those below it; descending, those from it on."""
    entities.get_by_label("Health score below").fill("66")
    entities.keyboard.press("Enter")
    eventually(lambda: names(entities) == ["anna", "ben"], "those below")
    entities.get_by_role("columnheader", name="Health score").get_by_role("button").click()
    eventually(lambda: "cleo" in names(entities) and "ben" not in names(entities), "those above")
    entities.get_by_label("Health score from").fill("101")
    entities.keyboard.press("Enter")
    expect(entities.locator("#entities-list")).to_contain_text("None that the filter lets in")


def test_one_entity(entities: Page) -> None:
    """Windows side by side, the report beside what was computed, facts by day, its alerts; and
    back to where one came from."""
    entities.get_by_role("button", name="ben", exact=True).click()
    detail = entities.locator("#entity-detail")
    expect(detail.get_by_role("heading", name="Student ben")).to_be_focused()
    windows = detail.get_by_role("row").filter(
        has=entities.get_by_role("rowheader", name="Sessions")
    )
    expect(windows.first.locator("td")).to_have_text(["1", "2", "3"])
    expect(detail).to_contain_text("Sessions last 7 days9")
    expect(detail.get_by_text("Facts inside 7 days: 1 · 14 days: 2 · 30 days: 3")).to_be_visible()
    expect(detail.locator("canvas")).to_be_visible()
    detail.get_by_text("Show as a table").click()
    expect(detail.locator("details table tbody tr").first).to_be_visible()
    expect(detail.locator(".alerts li")).to_have_count(1)
    expect(detail.locator(".alerts li")).to_contain_text("below 70")
    detail.get_by_role("button", name="Back to the list").click()
    expect(entities.get_by_role("button", name="ben", exact=True)).to_be_focused()


def test_looking_back(entities: Page) -> None:
    """At an earlier instant the numbers are those of then; the page says that it is not live."""
    earlier = (datetime.now() - timedelta(days=2)).strftime("%Y-%m-%dT%H:%M")
    zone = entities.evaluate("new Date().getTimezoneOffset()")
    assert zone == 0
    entities.get_by_label("As at").fill(earlier)
    expect(entities.locator("#entities-past")).to_be_visible()
    expect(cell(entities, "anna", "Sessions 7 d")).to_have_text("0")
    expect(cell(entities, "anna", "Health")).to_have_text("100default")
    entities.get_by_role("button", name="Now", exact=True).click()
    expect(cell(entities, "anna", "Sessions 7 d")).to_have_text("1")
    expect(entities.locator("#entities-past")).to_be_hidden()


def test_supply_and_demand_by_subject_and_region(entities: Page) -> None:
    """Types with two keys are a grid of them; a metric can be chosen, a cell opens its entity."""
    entities.get_by_label("Type", exact=True).select_option("supply_demand")
    grid = entities.locator(".grid")
    expect(grid.get_by_role("columnheader")).to_have_text(["subject / region", "eu", "us"])
    expect(grid.get_by_role("button", name="algebra, us")).to_have_attribute("data-tone", "info")
    expect(grid.get_by_role("button", name="algebra, us")).to_contain_text("high demand")
    entities.get_by_label("Show", exact=True).select_option("available_tutors")
    expect(grid.get_by_role("button", name="algebra, eu")).to_contain_text("4")
    entities.get_by_role("button", name="Table", exact=True).click()
    expect(rows(entities)).to_have_count(2)
    entities.get_by_role("button", name="Grid", exact=True).click()
    grid.get_by_role("button", name="algebra, eu").click()
    expect(entities.locator("#entity-detail")).to_contain_text("Available tutors")


def test_an_alert_comes_without_reload(told: Running, page: Page) -> None:
    """A new alert is inserted above the others and announced; its entity is one press away; when
    the rule holds no more, its state changes."""
    page.get_by_role("tab", name="Alerts").click()
    alerts = page.locator("#alerts-list li")
    expect(alerts.filter(has_text="anna").first).to_be_visible()
    page.evaluate("window.stillTheSame = true")
    health(told, "emil", 60)
    mine = alerts.filter(has=page.get_by_role("button", name="emil", exact=True))
    expect(mine).to_contain_text("warning firing")
    expect(alerts.first).to_contain_text("emil")
    expect(page.locator("#announcer")).to_contain_text("emil")
    health(told, "emil", 80)
    expect(mine).to_contain_text("warning over")
    assert page.evaluate("window.stillTheSame") is True
    mine.get_by_role("button").click()
    expect(page.get_by_role("tab", name="Entities")).to_have_attribute("aria-selected", "true")
    expect(page.locator("#entity-detail")).to_contain_text("emil")


def test_alerts_by_severity(told: Running, page: Page) -> None:
    """The filter keeps to its severity, for those that come live as well."""
    page.get_by_role("tab", name="Alerts").click()
    page.get_by_role("button", name="Critical", exact=True).click()
    alerts = page.locator("#alerts-list li")
    expect(alerts).to_have_count(1)
    expect(alerts).to_contain_text("anna")
    health(told, "frida", 60)
    health(told, "gustav", 30)
    expect(alerts.filter(has_text="gustav")).to_be_visible()
    expect(alerts.filter(has_text="frida")).to_have_count(0)
    expect(page.locator("#alerts-badge")).to_be_visible()


def test_numbers_fall_by_time_alone(entities: Page, told: Running) -> None:
    """A session that leaves its window is gone from the page with no event at all."""
    ids = {"session_id": "leaving", "student_id": "hana", "tutor_id": "tom"}
    tell(told, "session_started", ago(days=7, seconds=-12), **ids)
    expect(cell(entities, "hana", "Sessions 7 d")).to_have_text("1")
    expect(cell(entities, "hana", "Sessions 7 d")).to_have_text("0", timeout=30_000)
    expect(cell(entities, "hana", "Sessions 14 d")).to_have_text("1")


def test_pages(entities: Page, told: Running) -> None:
    """Fifty to a page; a page is of the instant that the first was of."""
    for n in range(60):
        health(told, f"page{n:02}", 95)
    known(told, "student/page59")
    older = entities.get_by_role("button", name="Next")
    expect(older).to_be_visible()
    older.click()
    expect(entities.locator("#entities-foot")).to_contain_text("51–")
    expect(rows(entities).filter(has_text="anna")).to_have_count(0)
    entities.get_by_role("button", name="Previous").click()
    expect(rows(entities).filter(has_text="anna")).to_have_count(1)


def test_hostile_entities_stay_text(page: Page, watch: Watch, told: Running) -> None:
    """Markup in ids, keys and reported values is shown as it is, wherever entities are shown."""
    tell(
        told, "customer_health_update", ago(),
        student_id=HOSTILE, health_score=10, churn_risk=HOSTILE,
    )  # fmt: skip
    tell(
        told, "supply_demand_update", ago(),
        subject=HOSTILE, region=f"{HOSTILE}:%/", balance_status="high_demand",
    )  # fmt: skip
    page.get_by_role("tab", name="Alerts").click()
    page.get_by_role("button", name="Critical", exact=True).click()
    page.locator("#alerts-list").get_by_role("button", name=HOSTILE, exact=True).first.click()
    detail = page.locator("#entity-detail")
    expect(detail.get_by_role("heading", name=HOSTILE)).to_be_visible()
    expect(detail).to_contain_text(f"Churn risk{HOSTILE}")
    expect(detail.locator(".alerts li").first).to_be_visible()
    detail.get_by_role("button", name="Back to the list").click()
    page.get_by_label("Type", exact=True).select_option("supply_demand")
    page.locator(".grid").get_by_role("button", name=f"{HOSTILE}, {HOSTILE}:%/").click()
    expect(detail.get_by_role("heading", name=HOSTILE)).to_be_visible()
    assert page.evaluate("window.pwned") is None
    assert page.locator("img:not(.brand img), script:not([src])").count() == 0


def test_nothing_yet(window: Page, told: Running) -> None:
    """An account without entities is told how to get some."""
    from tests.support import tallybrook

    made = tallybrook("keys", "create", "--account", "empty", "--data", str(told.data))
    assert made.code == 0, made.err
    with visited(window, told, key=made.out.strip()) as (page, _):
        wait_live(page)
        for tab in ("Entities", "Alerts"):
            page.get_by_role("tab", name=tab).click()
            panel = page.locator(f"#panel-{tab.lower()}")
            expect(panel.locator("pre")).to_contain_text("tallybrook simulate --days 30")


def test_by_keyboard(entities: Page) -> None:
    """Sorting, opening and going back without a mouse; the focus stays where it was in between."""
    health_head = entities.get_by_role("columnheader", name="Health score")
    health_head.get_by_role("button").focus()
    for order in ("descending", "ascending"):
        entities.keyboard.press("Enter")
        expect(health_head).to_have_attribute("aria-sort", order)
        expect(health_head.get_by_role("button")).to_be_focused()
    anna = entities.get_by_role("button", name="anna", exact=True)
    anna.focus()
    entities.keyboard.press("Enter")
    expect(entities.get_by_role("heading", name="Student anna")).to_be_focused()
    entities.keyboard.press("Tab")
    expect(entities.get_by_role("button", name="Back to the list")).to_be_focused()
    entities.keyboard.press("Enter")
    expect(anna).to_be_focused()


def test_narrow(window: Page, told: Running) -> None:
    """At 360 pixels neither panel scrolls sideways, with ids much wider than that."""
    wide = "w" * 120
    health(told, wide, 20)
    known(told, f"student/{wide}")
    with visited(window, told, viewport={"width": 360, "height": 740}) as (page, _):
        wait_live(page)
        page.get_by_role("tab", name="Alerts").click()
        page.locator("#alerts-list").get_by_role("button", name=wide, exact=True).first.click()
        expect(page.locator("#entity-detail canvas")).to_be_visible()
        widths = {"detail": page.evaluate("document.documentElement.scrollWidth")}
        page.get_by_role("button", name="Back to the list").click()
        expect(rows(page).first).to_be_visible()
        widths["list"] = page.evaluate("document.documentElement.scrollWidth")
        page.get_by_role("tab", name="Alerts").click()
        expect(page.locator("#alerts-list li").first).to_be_visible()
        widths["alerts"] = page.evaluate("document.documentElement.scrollWidth")
    assert widths == {"detail": 360, "list": 360, "alerts": 360}
