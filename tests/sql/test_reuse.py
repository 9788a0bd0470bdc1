"""How long an answer is kept, and for whom."""

from io import BytesIO
from pathlib import Path

import pytest

from tallybrook.costs.tiers import Tier, tiers
from tallybrook.ports.sql import results
from tallybrook.ports.sql.local import LocalSqlEngine
from tallybrook.ports.sql.results import Answer, Results
from tallybrook.settings import Settings
from tallybrook.wiring.local import open_sql

KEY = b"the same question"


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What the time is."""
    now = [100.0]
    monkeypatch.setattr(results.time, "monotonic", lambda: now[0])
    return now


def test_an_answer_is_reused_for_a_while_and_read_for_longer(clock: list[float]) -> None:
    """Who asks the same again gets it for ``reuse_s``; its own pages are there for ``keep_s``."""
    kept = Results(keep_s=50, reuse_s=10)
    kept.keep("one", Answer("acme", file=BytesIO(), key=KEY))
    clock[0] = 110.0
    assert kept.same(KEY) is not None
    clock[0] = 110.1
    assert kept.same(KEY) is None
    assert kept.get("one") is not None
    clock[0] = 150.1
    assert kept.get("one") is None


@pytest.mark.parametrize("tier", tiers(), ids=lambda tier: str(tier.from_mrr_usd))
def test_the_tier_says_how_long(
    tier: Tier, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """``cache_s`` of the table of tiers."""
    monkeypatch.setenv("CURRENT_MRR", str(tier.from_mrr_usd))
    engine = open_sql(Settings(data=str(tmp_path)))
    assert isinstance(engine, LocalSqlEngine)
    assert engine._results._reuse_s == tier.cache_s
