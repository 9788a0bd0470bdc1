"""Takes the pictures in docs/images from the demo, with Debian's Chromium: `make screenshots`.

python tools/screenshots.py [--live-s 45]   how long the demo streams before the pictures
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

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

PICTURES: dict[str, dict[str, Any]] = {
    "dashboard.png": {"viewport": WIDE, "color_scheme": "light"},
    "dashboard-light.png": {"viewport": WIDE, "color_scheme": "light", "full": True},
    "dashboard-dark.png": {"viewport": WIDE, "color_scheme": "dark", "full": True},
    "dashboard-entities.png": {"viewport": WIDE, "color_scheme": "light", "tab": "Entities"},
    "dashboard-phone.png": {"viewport": PHONE, "color_scheme": "light", "full": True},
}


def page_address(log: Path) -> str:
    """The page's address with its key, once the demo has printed it."""
    return next((word for word in log.read_text("utf-8").split() if "#key=" in word), "")


@contextmanager
def demo() -> Iterator[str]:
    """A running demo on a free port and an empty directory; its page's address."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [*ARGV, "demo", "--port", "0", "--data", f"{folder}/data"],
                env=clean_env({"TALLYBROOK_ADMIN_KEY": KEY}),
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        try:
            yield wait_for(lambda: page_address(log), 90, "the demo's address")
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(60)


def take(address: str, names: list[str]) -> None:
    with sync_playwright() as playwright, chromium(playwright) as browser:
        for name in names:
            wanted = PICTURES[name]
            options = {key: value for key, value in wanted.items() if key not in ("full", "tab")}
            with browser.new_context(locale="en-US", **options) as context:
                page = context.new_page()
                page.goto(address)
                wait_live(page)
                if "tab" in wanted:
                    page.get_by_role("tab", name=wanted["tab"]).click()
                page.wait_for_timeout(SETTLE_MS)
                page.screenshot(path=IMAGES / name, full_page=wanted.get("full", False))
                print(f"wrote {(IMAGES / name).relative_to(ROOT)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--live-s", type=float, default=45.0)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(PICTURES))
    given = parser.parse_args()
    os.environ.setdefault("TALLYBROOK_REQUIRE_BROWSER", "1")
    IMAGES.mkdir(parents=True, exist_ok=True)
    with demo() as address:
        time.sleep(given.live_s)
        take(address, given.names or list(PICTURES))


if __name__ == "__main__":
    main()
