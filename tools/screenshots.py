"""Takes the pictures in docs/images from the demo, with Debian's Chromium: `make screenshots`.

python tools/screenshots.py [--live-s 45]   how long the demo streams before the pictures
python tools/screenshots.py --data DIR      go on with the data of an earlier demo, whose chart of
                                            the last hour is fuller
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT)]

from tests.e2e.browser import chromium, wait_live  # noqa: E402
from tests.support.commands import ARGV, clean_env  # noqa: E402
from tests.support.waiting import wait_for  # noqa: E402

IMAGES = ROOT / "docs" / "images"
KEY = "screenshots-" + "0" * 16
WIDE = {"width": 1280, "height": 860}
PHONE = {"width": 390, "height": 844}

# The page shows a mean of ten seconds and compares its numbers once it has some.
SETTLE_MS = 15_000
TAB_SETTLE_MS = 4_000


def _live(page: Page) -> None:
    page.wait_for_timeout(SETTLE_MS)


def _tab(name: str) -> Callable[[Page], None]:
    def show(page: Page) -> None:
        page.get_by_role("tab", name=name).click()
        page.wait_for_timeout(TAB_SETTLE_MS)

    return show


def _query(page: Page) -> None:
    """A query with its price before and after, as a chart."""
    _tab("Query")(page)
    page.locator("#examples").select_option("2")
    page.get_by_role("button", name="Run", exact=True).click()
    page.get_by_role("button", name="Chart", exact=True).click()
    page.locator("#chart-y").select_option(label="users")
    page.mouse.move(0, 0)
    page.wait_for_timeout(TAB_SETTLE_MS)


PICTURES: dict[str, tuple[Callable[[Page], None], dict[str, Any]]] = {
    "dashboard.png": (_live, {"viewport": WIDE}),
    "dashboard-dark.png": (_live, {"viewport": WIDE, "color_scheme": "dark"}),
    "dashboard-phone.png": (_live, {"viewport": PHONE}),
    "dashboard-query.png": (_query, {"viewport": {"width": 1280, "height": 980}}),
    "dashboard-entities.png": (_tab("Entities"), {"viewport": WIDE}),
    "dashboard-costs.png": (_tab("Costs"), {"viewport": {"width": 1280, "height": 1240}}),
    "dashboard-runs.png": (_tab("Runs"), {"viewport": WIDE}),
}


def page_address(log: Path) -> str:
    """The page's address with its key, once the demo has printed it."""
    return next((word for word in log.read_text("utf-8").split() if "#key=" in word), "")


@contextmanager
def demo(data: Path | None) -> Iterator[str]:
    """A running demo on a free port, on an empty directory or on ``data``; its page's address."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [*ARGV, "demo", "--port", "0", "--data", str(data or f"{folder}/data")],
                env=clean_env({} if data else {"TALLYBROOK_ADMIN_KEY": KEY}),
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        try:
            yield wait_for(lambda: page_address(log), 90, "the demo's address")
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(60)


def make_run(address: str) -> None:
    """A run for the list of runs: the hour before last, counted again."""
    url, _, key = address.partition("/#key=")
    end = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=1)
    asked = {"kind": "range", "start": (end - timedelta(hours=1)).isoformat()}
    headers = {"Authorization": f"Bearer {key}"}
    httpx.post(
        f"{url}/runs", json=asked | {"end": end.isoformat()}, headers=headers
    ).raise_for_status()


def take(address: str, names: list[str]) -> None:
    with sync_playwright() as playwright, chromium(playwright) as browser:
        for name in names:
            prepare, options = PICTURES[name]
            with browser.new_context(locale="en-US", **options) as context:
                page = context.new_page()
                page.goto(address)
                wait_live(page)
                prepare(page)
                page.screenshot(path=IMAGES / name)
                print(f"wrote {(IMAGES / name).relative_to(ROOT)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--live-s", type=float, default=45.0)
    parser.add_argument("--data", type=Path)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(PICTURES))
    given = parser.parse_args()
    os.environ.setdefault("TALLYBROOK_REQUIRE_BROWSER", "1")
    IMAGES.mkdir(parents=True, exist_ok=True)
    with demo(given.data) as address:
        make_run(address)
        time.sleep(given.live_s)
        take(address, given.names or list(PICTURES))


if __name__ == "__main__":
    main()
