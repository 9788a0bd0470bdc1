"""One product and one browser for all tests of a module, which load the page anew each."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, Playwright, sync_playwright

from tests.e2e.browser import LOCALE, Watch, chromium, chromium_path, visited, wait_live
from tests.support import Running, running_product

# The page asks more often than a person would; no test is about the rate of queries.
SETTINGS = {
    "TALLYBROOK_QUERY_RATE": "0",
    "TALLYBROOK_SIMULATED": "assessments",
    "TALLYBROOK_BUDGET_STOP": "on",
}


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    chromium_path()
    with sync_playwright() as started:
        yield started


@pytest.fixture(scope="module")
def browser(playwright: Playwright) -> Iterator[Browser]:
    with chromium(playwright) as started:
        yield started


@pytest.fixture(scope="module")
def product(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Shared: tests keep apart by event types of their own."""
    with running_product(tmp_path_factory.mktemp("e2e"), **SETTINGS) as running:
        yield running


@pytest.fixture(scope="module")
def window(browser: Browser) -> Iterator[Page]:
    """The page that ``visited`` loads the dashboard into."""
    with browser.new_context(locale=LOCALE) as context:
        yield context.new_page()


@pytest.fixture
def visit(window: Page, product: Running) -> Iterator[tuple[Page, Watch]]:
    """A live page and its watch; errors at any time fail the test."""
    with visited(window, product) as (page, watch):
        wait_live(page)
        yield page, watch


@pytest.fixture
def page(visit: tuple[Page, Watch]) -> Page:
    return visit[0]


@pytest.fixture
def watch(visit: tuple[Page, Watch]) -> Watch:
    return visit[1]
