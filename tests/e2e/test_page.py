"""The page itself: keys, policy, hostile data, keyboard, colours, width."""

import re

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.e2e.browser import Watch, fail, post, visited, wait_live
from tests.support import Running, tallybrook

pytestmark = pytest.mark.browser

TABS = (
    "Live", "Totals", "Entities", "Alerts", "Assessments", "Agreement", "Query", "Costs", "Runs",
    "Failed",
)  # fmt: skip
HOSTILE = "<img src=x onerror=window.pwned=1>"


def make_key(product: Running, scope: str) -> str:
    made = tallybrook("keys", "create", "--scope", scope, "--data", str(product.data))
    assert made.code == 0, made.err
    return made.out.strip()


def test_policy_headers(product: Running) -> None:
    """Page and assets carry a policy without inline code, other hosts or frames."""
    for path in ("/", "/assets/js/main.js"):
        answer = httpx.get(product.url + path)
        assert answer.status_code == 200
        policy = answer.headers["content-security-policy"]
        assert "default-src 'self'" in policy
        assert "connect-src 'self'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_key_leaves_the_address(page: Page, watch: Watch) -> None:
    """The key in the address is taken into the session and nowhere else."""
    # After signing out the page asks once without a key, for servers that need none.
    watch.refusals.add(401)
    assert "key" not in page.url
    assert page.evaluate("sessionStorage.getItem('tallybrook.key')")
    assert page.evaluate("Object.values(localStorage).join()") == ""
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_label("Key", exact=True)).to_be_visible()
    assert page.evaluate("sessionStorage.getItem('tallybrook.key')") is None


def test_unknown_key_then_the_right_one(window: Page, product: Running) -> None:
    """A wrong key is named as such; the form takes the right one."""
    with visited(window, product, key="") as (page, watch):
        watch.refusals.add(401)
        page.get_by_label("Key", exact=True).fill("not-the-key-0123456789")
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("alert").first).to_contain_text("not known")
        page.get_by_label("Key", exact=True).fill(product.key)
        page.get_by_role("button", name="Sign in").click()
        wait_live(page)


def test_key_without_the_scope(window: Page, product: Running) -> None:
    """A key that may only write signs in, and each panel says what it may not."""
    with visited(window, product, key=make_key(product, "write")) as (page, watch):
        watch.refusals.add(403)
        expect(page.locator("#live-problem")).to_contain_text("may not")
        expect(page.locator("#connection")).to_have_attribute("data-state", "denied")
        page.get_by_role("tab", name="Query").click()
        page.get_by_role("button", name="Run", exact=True).click()
        expect(page.locator("#query-result [role=alert]")).to_be_visible()


def test_hostile_text_stays_text(page: Page, watch: Watch, product: Running) -> None:
    """Markup in types, bodies and results is shown as it is and never becomes an element."""
    watch.refusals.add(400)
    post(product, HOSTILE, 3)
    failed_id = fail(product, event_type=HOSTILE, user_id="u", timestamp=HOSTILE)
    expect(page.locator("#live-legend")).to_contain_text(HOSTILE)
    page.locator("#buckets").get_by_role("button", name=HOSTILE).click()
    expect(page.get_by_role("dialog").locator(".ways .mark").first).to_have_text("✓")
    page.keyboard.press("Escape")
    page.locator("#live-chart").hover()
    page.get_by_role("tab", name="Totals").click()
    page.locator("#metric").select_option(HOSTILE)
    page.get_by_role("button", name="Show").click()
    expect(page.locator("#totals-result")).to_contain_text(HOSTILE)
    page.get_by_role("tab", name="Query").click()
    page.get_by_label("SQL", exact=True).fill(f"SELECT '{HOSTILE}' AS \"{HOSTILE}\"")
    page.keyboard.press("Control+Enter")
    expect(page.locator("#query-result td")).to_have_text(HOSTILE)
    page.get_by_label("SQL", exact=True).fill(f"SELECT {HOSTILE}")
    page.keyboard.press("Control+Enter")
    expect(page.locator("#query-result [role=alert]")).to_be_visible()
    page.get_by_role("tab", name="Failed").click()
    page.locator(f"[data-failed-id='{failed_id}']").click()
    expect(page.get_by_label("Body")).to_have_value(re.compile(re.escape(HOSTILE)))
    assert page.evaluate("window.pwned") is None
    assert page.locator("img:not(.brand img), script:not([src])").count() == 0


def test_totals(page: Page, product: Running) -> None:
    """A metric over a range: total, where it came from, chart and table; filters and averages."""
    post(product, "sold", 3, properties={"price": 10})
    post(product, "sold", 1, properties={"price": 30})
    page.get_by_role("tab", name="Totals").click()
    page.locator("#metric").select_option("sold")
    page.get_by_role("button", name="Show").click()
    expect(page.locator("#totals-result .big")).to_have_text("4")
    expect(page.locator("#totals-result")).to_contain_text("from counters")
    expect(page.locator("#totals-chart canvas")).to_be_visible()
    page.locator("#totals-table summary").click()
    expect(page.locator("#totals-table tbody tr")).to_have_count(7)
    page.locator("#metric").select_option("avg:")
    page.get_by_label("Property").fill("price")
    page.get_by_label("Only where").fill("event_type=sold")
    page.get_by_role("button", name="Show").click()
    expect(page.locator("#totals-result .big")).to_have_text("15")
    expect(page.locator("#totals-result")).to_contain_text("from scan")


def test_by_keyboard_alone(window: Page, product: Running) -> None:
    """From the key form to a query's rows without a mouse, and the focus can be seen."""
    post(product, "typed", 2)
    with visited(window, product, key="") as (page, watch):
        watch.refusals.add(401)
        expect(page.get_by_label("Key", exact=True)).to_be_focused()
        page.keyboard.type(product.key)
        page.keyboard.press("Enter")
        wait_live(page)
        page.locator(".skip").focus()
        expect(page.locator(".skip")).to_be_in_viewport()
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        expect(page.get_by_role("tab", name="Live")).to_be_focused()
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
        page.keyboard.press("ArrowLeft")
        expect(page.get_by_role("tab", name="Failed")).to_be_focused()
        page.keyboard.press("Home")
        for name in TABS[1:7]:
            page.keyboard.press("ArrowRight")
            expect(page.get_by_role("tab", name=name)).to_have_attribute("aria-selected", "true")
        reach(page, "#sql")
        page.keyboard.press("Control+Enter")
        expect(page.locator("#query-result tbody tr").first).to_be_visible()


def test_every_control_is_reached_by_tab(page: Page, product: Running) -> None:
    """Tab comes to each visible button and field of the live view, explanations included."""
    post(product, "reached", 2)
    expect(page.locator("#buckets")).to_contain_text("reached")
    reach(page, "#live-legend button")
    reach(page, "#live-table summary")
    reach(page, "#buckets tbody button")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    reach(page, "#explain input[type=radio]")
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.closest('#buckets') !== null")


def reach(page: Page, selector: str, within: int = 60) -> None:
    """Press Tab until an element that matches has the focus."""
    for _ in range(within):
        page.keyboard.press("Tab")
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
    pytest.fail(f"{selector} was not reached in {within} steps")


def brightness(page: Page) -> float:
    colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
    return sum(float(part) for part in re.findall(r"[\d.]+", colour)[:3]) / 3


def test_light_and_dark(window: Page, product: Running) -> None:
    """Colours follow the system until the viewer chooses; the choice survives a reload."""
    with visited(window, product, color_scheme="dark") as (page, _):
        wait_live(page)
        assert brightness(page) < 60
        button = page.get_by_role("button", name="Colour theme")
        button.click()
        expect(button).to_have_accessible_name("Colour theme: light")
        assert brightness(page) > 200
        page.reload()
        assert brightness(page) > 200
        button.click()
        assert brightness(page) < 60
        button.click()
        expect(button).to_have_accessible_name("Colour theme: follows the system")


def test_phone_width(window: Page, product: Running) -> None:
    """At 360 pixels no view scrolls sideways, with long names and a result wider than that."""
    post(product, "a_rather_long_event_type_that_goes_on_" + "x" * 80, 4)
    fail(product, event_type="wide", user_id="u", timestamp="y" * 300)
    with visited(window, product, viewport={"width": 360, "height": 740}) as (page, _):
        wait_live(page)
        for name in TABS:
            page.get_by_role("tab", name=name).click()
            if name == "Query":
                page.locator("#examples").select_option("3")
                page.get_by_role("button", name="Run", exact=True).click()
                expect(page.locator("#query-result .facts")).to_be_visible()
            if name == "Failed":
                page.locator(".failed button").first.click()
                expect(page.get_by_label("Body")).to_be_visible()
            width = page.evaluate("document.documentElement.scrollWidth")
            assert width == 360, f"{name} is {width} pixels wide"


def test_reduced_motion(window: Page, product: Running) -> None:
    """Nothing moves for those who asked for that."""
    with visited(window, product, reduced_motion="reduce") as (page, _):
        wait_live(page)
        assert page.evaluate("document.getAnimations().length") == 0
