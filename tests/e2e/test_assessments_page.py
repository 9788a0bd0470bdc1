"""Assessments and agreement on the page: real messages, worked off by a real worker."""

import random
import re
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tallybrook.events.instants import DAY_US, HOUR_US, format_instant
from tallybrook.ports.clock import system_clock
from tests.assessments.dual import drawn
from tests.assessments.raw import assessment
from tests.e2e.browser import Watch, visited, wait_live
from tests.support import Running, wait_for

pytestmark = pytest.mark.browser

HOSTILE = "<img src=x onerror=window.pwned=1>"
PEOPLE = (("Technology", 14), ("Education", 12), ("Retail", 6), ("Finance", 5))
LIKED = {str(n): n % 3 + 2 for n in range(1, 121)}


def respondent(user_id: str, industry: str = "Technology", **fields: Any) -> dict[str, Any]:
    draw = random.Random(user_id)
    answers = [
        {"questionId": item, "answer": min(5, max(1, answer + draw.choice((-1, 0, 1))))}
        for item, answer in LIKED.items()
    ]
    told = assessment()["demographics"] | {"industry": industry}
    now = format_instant(system_clock() - HOUR_US)
    return assessment(
        userId=user_id, assessmentId=f"of-{user_id}", timestamp=now, responses=answers,
        demographics=told,
    ) | fields  # fmt: skip


def take_in(product: Running, path: str, field: str, items: list[dict[str, Any]]) -> None:
    answer = product.client.post(path, json={field: items}).json()
    assert answer["accepted"] == len(items), answer


def careless() -> dict[str, Any]:
    threes = [{"questionId": str(n), "answer": 3} for n in range(1, 121)]
    return respondent("careless", responses=threes)


def incomplete() -> dict[str, Any]:
    return respondent("incomplete", responses=respondent("incomplete")["responses"][:100])


@pytest.fixture(scope="module")
def scored(product: Running) -> Running:
    """A product with two groups that are large enough, and two that are not."""
    people = [respondent(f"{name}-{n}", name) for name, count in PEOPLE for n in range(count)]
    people += [careless(), incomplete(), respondent(HOSTILE)]
    take_in(product, "/assessments/batch", "assessments", people)
    wait_for(lambda: product.client.get("/users/careless/ocean").status_code == 200, 30)
    wait_for(lambda: product.client.get("/users/Finance-4/ocean").status_code == 200, 30)
    return product


@pytest.fixture
def assessments(scored: Running, page: Page) -> Page:
    page.get_by_role("tab", name="Assessments").click()
    expect(groups(page).filter(has_text="technology")).to_be_visible()
    return page


def groups(page: Page) -> Locator:
    return page.locator(".spreads tbody tr")


def look_up(page: Page, user: str, which: str = "") -> Locator:
    page.get_by_label("User", exact=True).fill(user)
    page.get_by_label("Assessment (optional)").fill(which)
    page.keyboard.press("Enter")
    return page.locator("#profile")


def test_groups_and_what_is_withheld(assessments: Page) -> None:
    """Large groups are drawn and written; small ones are not there, and the page says how many."""
    expect(assessments.locator("#spread-said")).to_contain_text("2 groups are withheld")
    expect(assessments.locator("#spread-said")).to_contain_text("fewer than 10 people")
    expect(groups(assessments).locator("th")).to_have_text(["education", "technology"])
    expect(groups(assessments).first.get_by_role("img")).to_have_count(5)
    assessments.get_by_label("Scale").select_option("anxiety")
    cells = groups(assessments).first.locator("td")
    expect(cells.nth(0)).to_have_text("12")
    expect(cells.filter(has_text="withheld")).to_have_count(5)
    assessments.get_by_text("People by ten points, as a table").click()
    expect(assessments.locator("details .withheld").first).to_have_text("< 10")
    assessments.locator("#spread-group").select_option("region")
    expect(groups(assessments).locator("th")).to_have_text(["europe"])


def test_simulated_data_is_called_so(assessments: Page) -> None:
    """What the server says is simulated has a note above it, and nothing else has."""
    expect(assessments.locator("#simulated")).to_contain_text("Simulated: nobody real")
    assessments.get_by_role("tab", name="Agreement").click()
    expect(assessments.locator("#simulated")).to_be_hidden()
    assessments.get_by_role("tab", name="Live").click()
    expect(assessments.locator("#simulated")).to_have_text(
        "Partly simulated: what comes from assessments is made up."
    )


def test_one_profile(assessments: Page) -> None:
    """Five domains with six facets each, raw where norms do not apply and why, and its validity."""
    found = look_up(assessments, "Technology-3")
    expect(found.get_by_role("heading", name="Technology-3")).to_be_focused()
    expect(found.locator(".scales")).to_have_count(5)
    for n in range(5):
        expect(found.locator(".scales").nth(n).locator("tbody tr")).to_have_count(7)
    expect(found).to_contain_text("Scores are raw, from 0 to 100")
    expect(found).to_contain_text("norms need the gender")
    expect(found.locator(".validity li").nth(0)).to_contain_text("100%enough answers")
    expect(found.locator(".validity li").nth(2)).to_contain_text("none")


def test_what_is_not_to_be_believed(assessments: Page) -> None:
    """A careless answerer is called inconsistent for the run; without scores the reason is given;
    who is not known is said to be so."""
    found = look_up(assessments, "careless")
    expect(found.locator(".validity li").nth(1)).to_contain_text("inconsistent: below .30")
    expect(found.locator(".validity li").nth(2)).to_contain_text("too often in a row")
    found = look_up(assessments, "incomplete", "of-incomplete")
    expect(found.locator(".validity li").nth(0)).to_contain_text("20 items are not answered")
    expect(found.locator(".scales .null")).to_have_count(35)


def test_unknown_and_hostile_ids(assessments: Page, watch: Watch) -> None:
    """An id that nobody has is answered in words; one that is markup stays text."""
    watch.refusals.add(404)
    expect(look_up(assessments, "nobody/..?x=1")).to_contain_text("no assessment of this user")
    found = look_up(assessments, HOSTILE)
    expect(found.get_by_role("heading", name=HOSTILE)).to_be_visible()
    assert assessments.evaluate("window.pwned") is None
    assert assessments.locator("img:not(.brand img), script:not([src])").count() == 0


def messages(first: int, count: int, since_us: int, **how: float) -> list[dict[str, Any]]:
    draw = random.Random(first)
    return [drawn(draw, first + n, since_us + n * HOUR_US, **how) for n in range(count)]


def test_agreement_and_its_drift(product: Running, page: Page) -> None:
    """Nothing yet has reasons; then statistics with intervals, the trend with a table, and a drift
    that is pushed as an alert, leads here, and is marked."""
    page.get_by_role("tab", name="Agreement").click()
    panel = page.locator("#panel-agreement")
    expect(panel.locator(".stats")).to_contain_text("no message has both scores")
    expect(panel).to_contain_text("undefined: there are no messages")
    begun = system_clock() - 8 * DAY_US
    take_in(product, "/agreement/batch", "messages", messages(0, 100, begun))
    page.get_by_role("tab", name="Alerts").click()
    later = begun + 100 * HOUR_US
    take_in(product, "/agreement/batch", "messages", messages(100, 50, later, spread=14.0))
    alert = page.locator("#alerts-list li").filter(has_text="the two AIs agree less")
    expect(alert).to_have_class("fresh", timeout=30_000)
    alert.get_by_role("button", name="dual-ai").click()
    expect(page.get_by_role("tab", name="Agreement")).to_be_focused()
    expect(panel.locator(".stats")).to_contain_text("95 %: 0.")
    expect(panel.locator(".stats")).to_contain_text("150")
    expect(panel.locator(".chart")).to_have_accessible_name(re.compile("alerts of drift: 1"))
    panel.get_by_text("Show as a table").click()
    days = (begun + 149 * HOUR_US) // DAY_US - begun // DAY_US + 1  # 7, or 8 late in the day
    expect(panel.locator("details tbody tr")).to_have_count(days)
    expect(panel.locator(".alerts li")).to_contain_text("firing")
    expect(panel.get_by_role("region", name="By domain").locator("tbody tr")).to_have_count(5)


def test_narrow(window: Page, scored: Running) -> None:
    """At 360 pixels neither view scrolls sideways."""
    with visited(window, scored, viewport={"width": 360, "height": 740}) as (page, _):
        wait_live(page)
        page.get_by_role("tab", name="Assessments").click()
        expect(groups(page).first).to_be_visible()
        expect(look_up(page, "Technology-3").locator(".scales").first).to_be_visible()
        widths = [page.evaluate("document.documentElement.scrollWidth")]
        page.get_by_role("tab", name="Agreement").click()
        expect(page.locator("#panel-agreement .stats")).to_be_visible()
        widths.append(page.evaluate("document.documentElement.scrollWidth"))
    assert widths == [360, 360]
