"""Debian's Chromium, and a page that remembers everything it should not have done."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Playwright, Request, expect

from tests.support import Running

NAMES = ("chromium", "chromium-browser", "google-chrome")
ARGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
WITHIN_MS = 15_000
MOST = 500

expect.set_options(timeout=WITHIN_MS)


def chromium_path() -> str:
    """The browser's executable. Skips without one, unless a browser is required: then fails."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        text = f"no Chromium on PATH (looked for {', '.join(NAMES)})"
        if os.environ.get("TALLYBROOK_REQUIRE_BROWSER"):
            pytest.fail(f"{text} and TALLYBROOK_REQUIRE_BROWSER is set")
        pytest.skip(f"{text}; install the package chromium, or set TALLYBROOK_REQUIRE_BROWSER")
    return found


@contextmanager
def chromium(playwright: Playwright) -> Iterator[Browser]:
    """A running browser, closed at the end."""
    browser = playwright.chromium.launch(executable_path=chromium_path(), args=ARGS)
    try:
        yield browser
    finally:
        browser.close()


class Watch:
    """What a page complained about and where it went. ``refusals``: statuses the test provokes."""

    def __init__(self, page: Page, host: str) -> None:
        self.refusals: set[int] = set()
        self.offline = False
        self._host = host
        self._errors: list[str] = []
        self._strangers: list[str] = []
        page.on("console", self._console)
        page.on("pageerror", lambda error: self._errors.append(f"uncaught: {error}"))
        page.on("request", self._request)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self._errors.append(message.text)

    def _request(self, request: Request) -> None:
        if urlsplit(request.url).netloc != self._host:
            self._strangers.append(request.url)

    def assert_clean(self) -> None:
        """No error, no policy violation, no request to another host."""
        assert self._strangers == []
        assert [text for text in self._errors if not self._expected(text)] == []

    def _expected(self, text: str) -> bool:
        refused = any(f"status of {status} " in text for status in self.refusals)
        gone = self.offline and ("ERR_CONNECTION" in text or "WebSocket" in text)
        return refused or gone


@contextmanager
def opened(
    browser: Browser,
    product: Running,
    *,
    key: str | None = None,
    before: str | None = None,
    **context: Any,
) -> Iterator[tuple[Page, Watch]]:
    """The dashboard in a new context with the product's key (or ``key``; "" for none).

    ``before`` is a script that runs ahead of the page's own. Leaving the block checks that the
    page stayed clean.
    """
    key = product.key if key is None else key
    with browser.new_context(locale="en-US", **context) as made:
        page = made.new_page()
        page.set_default_timeout(WITHIN_MS)
        watch = Watch(page, urlsplit(product.url).netloc)
        if before:
            page.add_init_script(before)
        page.goto(f"{product.url}/" + (f"#key={key}" if key else ""))
        yield page, watch
        watch.assert_clean()


def wait_live(page: Page) -> None:
    """Wait until the page says that it is live, and has its first numbers."""
    expect(page.locator("#connection")).to_have_attribute("data-state", "live")
    expect(page.locator("#stat-hour")).not_to_have_text("–")


def post(product: Running, event_type: str, n: int = 1, **fields: Any) -> None:
    """Post ``n`` events of one type over HTTP, in batches."""
    event = {"event_type": event_type, "user_id": "u-1"} | fields
    for done in range(0, n, MOST):
        events = [event] * min(MOST, n - done)
        answer = product.client.post("/events/batch", json={"events": events})
        assert answer.json()["accepted"] == len(events), answer.text


def fail(product: Running, **event: Any) -> str:
    """Post one event that cannot be processed; the id of its failed record."""
    answer = product.client.post("/events/batch", json={"events": [event]}).json()
    assert answer["rejected"] == 1, answer
    return str(answer["results"][0]["error"]["failed_id"])
