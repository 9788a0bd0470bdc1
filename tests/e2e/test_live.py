"""The live view: numbers that rise by themselves, and agree."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.browser import Watch, opened, post, run_before, visited, wait_live
from tests.e2e.conftest import SETTINGS
from tests.support import Running, running_product, start_cli, wait_for
from tests.support.product import ADMIN_KEY

pytestmark = pytest.mark.browser


def number(page: Page, element: str) -> int:
    return int(page.locator(f"#{element}").inner_text().replace(",", "").replace("–", "0"))


def test_number_rises_without_reload(page: Page, product: Running) -> None:
    """Events posted over HTTP are on the page a moment later; nobody reloads."""
    page.evaluate("window.stillTheSame = true")
    before = number(page, "stat-hour")
    post(product, "rise", 1234)
    expect(page.locator("#stat-hour")).to_have_text(f"{before + 1234:,}")
    expect(page.locator("#live-legend")).to_contain_text("rise")
    assert page.evaluate("window.stillTheSame") is True


def test_minutes_have_a_table(page: Page, product: Running) -> None:
    """What the chart shows can be read as a table."""
    post(product, "tabled", 7)
    expect(page.locator("#live-legend")).to_contain_text("tabled")
    page.get_by_text("Show as a table").first.click()
    expect(page.locator("#live-table th", has_text="tabled")).to_be_visible()
    expect(page.locator("#live-table tbody tr")).to_have_count(60)


def test_a_type_can_be_hidden(page: Page, product: Running) -> None:
    """A press on the legend takes a type out of the chart and says so to assistive software."""
    post(product, "hidden_one", 5)
    button = page.locator("#live-legend button", has_text="hidden_one")
    expect(button).to_have_attribute("aria-pressed", "true")
    button.click()
    expect(button).to_have_attribute("aria-pressed", "false")
    expect(page.locator("#live-chart")).not_to_have_attribute("aria-label", "hidden_one")


def test_buckets_agree(page: Page, product: Running) -> None:
    """Every row and the panel itself carry a tick, also after late events."""
    late = (datetime.now(UTC) - timedelta(minutes=20)).isoformat()
    post(product, "agreeing", 40)
    post(product, "agreeing", 2, timestamp=late)
    mine = page.locator("#buckets tbody tr", has_text="agreeing")
    expect(mine.locator(".mark")).to_have_text("✓")
    expect(page.locator("#buckets-check")).to_contain_text("Cross-check holds")
    expect(page.locator("#buckets .mark[data-tone=bad]")).to_have_count(0)


def test_a_wrong_number_gets_a_cross(page: Page, product: Running) -> None:
    """The page does not take the server's word: a bucket unlike its minutes is crossed out."""
    found = page.evaluate(
        """async () => {
          const { createMetrics, floorTo } = await import("/assets/js/metrics.js");
          const now = Date.parse("2026-01-01T10:30:30Z");
          const metrics = createMetrics(() => now);
          const iso = (ms) => new Date(ms).toISOString();
          const at = (size, back) => iso(floorTo(now, size) - back * size * 60000);
          const pair = (size, count) => ({ current: { start: at(size, 0), count },
                                           previous: { start: at(size, 1), count: 0 } });
          metrics.applySnapshot({ as_of: new Date(now).toISOString(), minutes: [
            { series: "x", kind: "event", start: at(1, 0), count: 3 }],
            series: [{ series: "x", kind: "event", buckets:
              { 1: pair(1, 3), 5: pair(5, 3), 15: pair(15, 4), 60: pair(60, 3) } }] });
          return metrics.crossCheck().faults;
        }"""
    )
    assert found == [{"series": "x", "size": 15, "back": 0, "count": 4, "sum": 3}]


TWIST = """(() => {
  const Real = WebSocket;
  window.WebSocket = class extends Real {
    set onmessage(fn) {
      super.onmessage = (event) => {
        const message = JSON.parse(event.data);
        if (message.type === "snapshot" && message.topic === "metrics" && TIMES-- > 0) {
          for (const s of message.data.series) s.buckets["60"].current.count += 1;
        }
        fn({ data: JSON.stringify(message) });
      };
    }
  };
})()"""


@pytest.mark.parametrize(("times", "mark"), [(1, "✓"), (1000, "✗")])
def test_a_fault_is_shown_once_confirmed(
    window: Page, product: Running, times: int, mark: str
) -> None:
    """A wrong snapshot is asked for again; only what is still wrong then gets a cross."""
    post(product, "doubted", 3)
    twist = f"let TIMES = {times};{TWIST}"
    with run_before(window, twist), visited(window, product) as (page, _):
        wait_live(page)
        expect(page.locator("#buckets-check .mark")).to_have_text(mark)


def test_deltas_are_idempotent_and_buckets_roll_over(page: Page) -> None:
    """A delta told twice counts once; when its minute ends, a bucket becomes the previous one."""
    found = page.evaluate(
        """async () => {
          const { createMetrics } = await import("/assets/js/metrics.js");
          let now = Date.parse("2026-01-01T10:59:30Z");
          const metrics = createMetrics(() => now);
          metrics.applySnapshot({ as_of: new Date(now).toISOString(), series: [], minutes: [] });
          const change = { series: "x", kind: "event", minute: "2026-01-01T10:59:00Z",
                           count: 5, delta: 5 };
          for (const _ of [1, 2]) {
            metrics.applyDelta({ as_of: new Date(now).toISOString(), changes: [change] });
          }
          const read = () => [1, 5, 15, 60].map((size) =>
            [0, 1].map((back) => metrics.bucket(metrics.list()[0], size, back).count));
          const before = read();
          now += 60000;
          return [before, read(), metrics.crossCheck().faults];
        }"""
    )
    assert found == [[[5, 0]] * 4, [[0, 5]] * 4, []]


def test_explain_this_number(page: Page, product: Running) -> None:
    """An opened bucket is counted in every finer size and as a range, and all ways agree."""
    post(product, "explained", 9)
    page.locator("#buckets").get_by_role("button", name="explained").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("heading", name="explained")).to_be_visible()
    expect(dialog.locator(".ways li")).to_have_count(5)
    expect(dialog.locator(".ways .mark")).to_have_text(["✓"] * 5)
    dialog.get_by_role("radio", name="5 min", exact=True).check()
    expect(dialog.locator(".ways li")).to_have_count(3)
    expect(dialog.locator("table tbody tr")).to_have_count(6)
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()


def test_names_with_slashes_are_explained(page: Page, watch: Watch, product: Running) -> None:
    """An event type may hold any character, also those that mean something in an address."""
    watch.refusals.add(404)
    name = "shop/cart?open=1&x#y %2F"
    post(product, name, 2)
    page.locator("#buckets").get_by_role("button", name=name).click()
    expect(page.get_by_role("dialog").locator(".big")).to_have_text("2")


def test_consumers_are_listed(page: Page) -> None:
    """Every consumer shows how far it is behind."""
    expect(page.locator("#consumers")).to_contain_text("lake")
    expect(page.locator("#consumers")).to_contain_text("users")
    expect(page.locator("#consumers")).to_contain_text("behind")


def test_a_killed_server_is_not_noticed_for_long(window: Page, tmp_path: Path) -> None:
    """The server process dies and is replaced: the page goes on from where it was."""
    with (
        running_product(tmp_path, **SETTINGS) as product,
        visited(window, product) as (page, watch),
    ):
        wait_live(page)
        post(product, "before_the_kill", 3)
        expect(page.locator("#stat-hour")).to_have_text("3")
        watch.offline = True
        pid = product.pids["server"]
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda: product.pids.get("server", pid) != pid, what="a new server")
        wait_for(product.is_ready, what="readiness")
        post(product, "after_the_kill", 4)
        expect(page.locator("#stat-hour")).to_have_text("7")
        wait_live(page)


def test_empty_then_restart(browser: Browser, tmp_path: Path) -> None:
    """A new page says how to begin; after a restart of the server it goes on by itself."""
    with running_product(tmp_path, **SETTINGS) as first:
        port = first.url.rpartition(":")[2]
        with opened(browser, first) as (page, watch):
            wait_live(page)
            expect(page.locator("#empty pre")).to_contain_text(f"curl {first.url}/events")
            post(first, "before_restart", 3)
            expect(page.locator("#empty")).to_be_hidden()
            expect(page.locator("#stat-hour")).to_have_text("3")
            watch.offline = True
            first.end()
            expect(page.locator("#connection")).to_have_attribute("data-state", "waiting")
            continues(page, tmp_path, port)


def continues(page: Page, tmp_path: Path, port: str) -> None:
    page.evaluate("window.stillTheSame = true")
    with again(tmp_path, port) as second:
        wait_live(page)
        post(second, "after_restart", 4)
        expect(page.locator("#stat-hour")).to_have_text("7")
        expect(page.locator("#buckets-check .mark")).to_have_text("✓")
        assert page.evaluate("window.stillTheSame") is True
        page.goto("about:blank")


@contextmanager
def again(tmp_path: Path, port: str) -> Iterator[Running]:
    """A product on the data and the port of one that has ended."""
    data, log = tmp_path / "data", tmp_path / "again.log"
    log.touch()
    env = SETTINGS | {"TALLYBROOK_ADMIN_KEY": ADMIN_KEY}
    process = start_cli("serve", "--port", port, "--data", str(data), env=env)
    running = Running(process, data, ADMIN_KEY, log)
    try:
        yield running.become_ready()
    finally:
        running.end()
