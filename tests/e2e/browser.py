"""Debian's Chromium, and a page that remembers everything it should not have done."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import (
    Browser,
    ConsoleMessage,
    Error,
    Page,
    Playwright,
    Request,
    ViewportSize,
    expect,
)

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
LOCALE = "en-US"
# What a page has unless a visit asks for something else.
DESK: ViewportSize = {"width": 1280, "height": 720}
MEDIA = {"color_scheme": "light", "reduced_motion": "no-preference"}
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
        self._page = page
        page.on("console", self._console)
        page.on("pageerror", self._uncaught)
        page.on("request", self._request)

    def end(self) -> None:
        """Hear no more of the page."""
        self._page.remove_listener("console", self._console)
        self._page.remove_listener("pageerror", self._uncaught)
        self._page.remove_listener("request", self._request)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self._errors.append(message.text)

    def _uncaught(self, error: Error) -> None:
        self._errors.append(f"uncaught: {error}")

    def _request(self, request: Request) -> None:
        if urlsplit(request.url).netloc != self._host:
            self._strangers.append(request.url)

    def assert_clean(self) -> None:
        """No error, no policy violation, no request to another host."""
        assert self._strangers == []
        unexpected = [text for text in self._errors if not self._expected(text)]
        assert not unexpected, unexpected

    def _expected(self, text: str) -> bool:
        refused = any(f"status of {status} " in text for status in self.refusals)
        gone = self.offline and ("ERR_CONNECTION" in text or "WebSocket" in text)
        return refused or gone


@contextmanager
def opened(browser: Browser, product: Running) -> Iterator[tuple[Page, Watch]]:
    """The dashboard in a context of its own, with the product's key.

    Leaving the block checks that the page stayed clean; the product may have ended by then.
    """
    with browser.new_context(locale=LOCALE) as made:
        page = made.new_page()
        with _watched(page, product, product.key) as watch:
            yield page, watch


@contextmanager
def visited(
    window: Page,
    product: Running,
    *,
    key: str | None = None,
    viewport: ViewportSize = DESK,
    **media: Any,
) -> Iterator[tuple[Page, Watch]]:
    """The dashboard in a page that others use before and after, loaded anew, with the product's
    key (or ``key``; "" for none) and no memory of an earlier visit.

    The start of a renderer is most of what an ``opened`` page costs, and this does without it.
    ``media`` are those of ``emulate_media``. Leaving the block checks that the page stayed clean.
    """
    window.set_viewport_size(viewport)
    window.emulate_media(**(MEDIA | media))
    try:
        with _watched(window, product, product.key if key is None else key) as watch:
            yield window, watch
    finally:
        _forget(window)


@contextmanager
def run_before(page: Page, script: str) -> Iterator[None]:
    """Inside the block ``script`` runs ahead of the own scripts of what ``page`` loads."""
    protocol = page.context.new_cdp_session(page)
    protocol.send("Page.enable")
    protocol.send("Page.addScriptToEvaluateOnNewDocument", {"source": script})
    try:
        yield
    finally:
        protocol.detach()  # takes the script with it


@contextmanager
def _watched(page: Page, product: Running, key: str) -> Iterator[Watch]:
    page.set_default_timeout(WITHIN_MS)
    watch = Watch(page, urlsplit(product.url).netloc)
    try:
        page.goto(f"{product.url}/" + (f"#key={key}" if key else ""))
        yield watch
        watch.assert_clean()
    finally:
        watch.end()


def _forget(page: Page) -> None:
    """Clear what the page's origin keeps, let its scripts keep no more, and leave it."""
    page.evaluate(
        """() => {
          Storage.prototype.setItem = () => {};
          for (const kept of [localStorage, sessionStorage]) kept.clear();
        }"""
    )
    page.goto("about:blank")
    page.context.clear_cookies()
    page.mouse.move(0, 0)


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
