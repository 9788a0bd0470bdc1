"""``tallybrook simulate`` into a running product, and ``tallybrook alerts backtest`` over it."""

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.support import Running, running_product, tallybrook, wait_for

DAYS = "8"


@pytest.fixture
def lively(tmp_path: Path) -> Iterator[Running]:
    with running_product(tmp_path) as running:
        yield running


def test_same_seed_same_stream() -> None:
    """Byte for byte, and every line an envelope."""
    args = ("simulate", "--seed", "3", "--days", "2", "--end", "2026-01-31", "--students", "20")
    first, second = tallybrook(*args), tallybrook(*args)
    assert first.code == 0, first
    assert first.out == second.out
    lines = [json.loads(line) for line in first.out.splitlines()]
    assert {"event_type", "timestamp", "payload"} <= set(lines[0])


@pytest.mark.parametrize("args", [["--days", "0"], ["--end", "later"], ["--students", "0"]])
def test_wrong_plans(args: list[str]) -> None:
    """Refused in a line."""
    assert tallybrook("simulate", *args).code == 2


def test_panel_lives(lively: Running) -> None:
    """The product takes the stream in: entities with metrics, and the alerts that a backtest over
    its log finds too."""
    # Whole seconds: what is told of the last instants must not depend on when it is asked.
    end = datetime.fromtimestamp(int(time.time()), UTC).isoformat()
    args = ("simulate", "--days", DAYS, "--students", "40", "--end", end)
    ran = tallybrook(*args, "--url", lively.url, "--key", lively.key)
    assert ran.code == 0, ran
    client = lively.client

    def caught_up() -> bool:
        found = {c["name"]: c for c in client.get("/consumers").json()["consumers"]}
        return found.get("entities", {}).get("lag", 1) == 0 and found["entities"]["position"] > 0

    wait_for(caught_up, 60, "the entities")
    students = client.get("/entities/student", params={"limit": 100}).json()
    assert 30 < students["total"] <= 40
    assert any(one["metrics"]["sessions_7d"] for one in students["entities"])
    told = client.get("/alerts", params={"limit": 1000}).json()["alerts"]
    rules = ("high_ib_call_frequency", "low_health_score", "supply_demand_imbalance")
    expected = 0
    for rule in rules:
        ran = tallybrook("alerts", "backtest", rule, "--data", str(lively.data))
        assert ran.code == 0, ran
        expected += len(ran.out.splitlines())
    assert len(told) >= expected > 0
    assert client.get("/failed").json()["failed"] == []
    assert tallybrook("alerts", "backtest", "nothing", "--data", str(lively.data)).code == 1
