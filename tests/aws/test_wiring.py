"""What the settings open on each backend, and that closing it leaves nothing running."""

import threading
from pathlib import Path

import pytest

from tallybrook.settings import Settings
from tallybrook.wiring import open_counters, open_log, open_product, open_state
from tests.contracts.logs import NOW_US
from tests.support.emulator import make_tables


@pytest.fixture(params=["local", "aws"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    if request.param == "local":
        return Settings(data=str(tmp_path / "data"))
    stack = request.getfixturevalue("stack")
    make_tables(stack)
    return Settings(backend="aws", stack=stack)


def running() -> set[str]:
    return {thread.name for thread in threading.enumerate()}


def test_state_is_kept(settings: Settings) -> None:
    """By the settings' backend, for whoever opens it next."""
    open_state(settings).put("p", "k", b"value")
    found = open_state(settings).get("p", "k")
    assert found is not None
    assert found.value == b"value"


def test_a_closed_product_leaves_no_thread(settings: Settings) -> None:
    """Of the stores' nor the log's, after they were at work."""
    before = running()
    product = open_product(settings, sql=False)
    counters = product.stores.counters
    counters.correct({("acme", "event", f"s{n}", 60, 0): 1 for n in range(9)}, NOW_US)
    assert len(counters.series("acme")) == 9
    product.stores.failed.settle({"none": "discarded", "nothing": "discarded"}, NOW_US)
    product.log.close()
    product.stores.close()
    assert running() <= before


def test_closed_counters_leave_no_thread(settings: Settings) -> None:
    """Those of a command too."""
    if settings.backend == "local":
        open_log(settings).close()
    before = running()
    with open_counters(settings) as counters:
        counters.correct({("acme", "event", f"s{n}", 60, 0): 1 for n in range(9)}, NOW_US)
        assert len(counters.series("acme")) == 9
    assert running() <= before
