"""What the documents tell a reader to type works when it is typed."""

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.repository import ROOT, fences
from tests.support import Running, running_product

ADDRESS = "http://127.0.0.1:8090"
PAGES = ["README.md", "docs/guides/first-steps.md", "docs/guides/sending-events.md"]
PAGES += ["docs/guides/querying.md"]
MAX_TIME_S = 20


def examples() -> list[tuple[str, str]]:
    """Each block with curl lines. A stream has no end to wait for and is tested elsewhere."""
    return [
        (page, block)
        for page in PAGES
        for block in fences(ROOT / page, "sh")
        if "curl" in block and "/live" not in block
    ]


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running_product(tmp_path_factory.mktemp("examples")) as running:
        yield running


def run(script: str, product: Running, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    text = script.replace(ADDRESS, product.url)
    text = text.replace("curl -s", f"curl --fail-with-body --max-time {MAX_TIME_S} -sS")
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", text],
        cwd=folder,
        env=os.environ | {"KEY": product.key, "no_proxy": "127.0.0.1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=3 * MAX_TIME_S,
    )


@pytest.mark.parametrize(("page", "block"), examples())
def test_curl_lines_work(page: str, block: str, product: Running, tmp_path: Path) -> None:
    """Each block of curl lines, pasted into a shell, is answered without an error."""
    done = run(block, product, tmp_path)
    assert done.returncode == 0, f"{page}\n{block}\n{done.stdout}{done.stderr}"
    assert '"rejected":0' in done.stdout.replace(" ", "") or "rejected" not in done.stdout


def test_readme_second_request_says_duplicate(product: Running) -> None:
    """The README's story holds: first-1 is accepted once and then a duplicate."""
    first, second = [
        block
        for block in fences(ROOT / "README.md", "sh")
        if "/events" in block and "curl" in block
    ][:2]
    run(first, product)
    assert run(second, product).stdout.replace(" ", "").count('"status":"duplicate"') >= 1


def test_python_example_sends_and_repeats(product: Running) -> None:
    """The Python function of the guide sends a batch, and a repetition adds nothing."""
    [code] = fences(ROOT / "docs" / "guides" / "sending-events.md", "python")
    scope: dict[str, object] = {}
    exec(code.replace(ADDRESS, product.url), scope)
    send = scope["send"]
    assert callable(send)
    events = [{"event_type": "page_view", "user_id": "u9", "event_id": f"py-{n}"} for n in range(3)]
    assert send(events, product.key)["accepted"] == 3
    assert send(events, product.key)["duplicate"] == 3


def test_addresses_in_pages_are_the_default_one() -> None:
    """A reader who starts the product and pastes an example reaches it."""
    used = set()
    for page in [ROOT / name for name in PAGES]:
        used |= set(re.findall(r"http://127\.0\.0\.1:\d+", Path(page).read_text("utf-8")))
    assert used == {ADDRESS}
