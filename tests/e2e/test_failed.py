"""Failed records on the page: seen, corrected, replayed."""

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.browser import Watch, fail
from tests.support import Running

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
