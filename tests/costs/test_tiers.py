"""The table of tiers, and which of them a revenue gives."""

from pathlib import Path

import pytest

from tallybrook.costs.bill import bill
from tallybrook.costs.prices import prices
from tallybrook.costs.standing import standing_of, standing_uses
from tallybrook.costs.tiers import Tier, current_tier, tier_of, tiers
from tallybrook.errors import UsageError

TABLE = [
    # MRR, memory, X-Ray, provisioned, enhanced, SQS batch and wait s, retry ms, batch, cache s
    (0, 128, False, False, False, (5, 20), 2000, (50, 10), 600),
    (1000, 256, False, False, True, (5, 20), 2000, (50, 10), 600),
    (5000, 256, True, False, True, (10, 20), 1000, (100, 10), 300),
    (10000, 512, True, True, True, (10, 5), 1000, (100, 50), 300),
]


def row(t: Tier) -> tuple[object, ...]:
    return (
        t.from_mrr_usd, t.memory_mb, t.xray, t.provisioned, t.enhanced_monitoring,
        (t.queue_batch, t.queue_wait_s), t.retry_base_ms, (t.batch, t.concurrency), t.cache_s,
    )  # fmt: skip


def test_the_table_is_the_specification_s() -> None:
    """Every column of every tier is as agreed."""
    assert [row(tier) for tier in tiers()] == TABLE


@pytest.mark.parametrize(
    ("mrr_usd", "lower_bound"),
    [(0, 0), (999.99, 0), (1000, 1000), (4999, 1000), (5000, 5000), (9999.5, 5000),
     (10000, 10000), (2.5e6, 10000)],
)  # fmt: skip
def test_a_lower_bound_belongs_to_its_tier(mrr_usd: float, lower_bound: int) -> None:
    """A revenue of exactly the bound is in the higher tier."""
    assert tier_of(mrr_usd).from_mrr_usd == lower_bound


@pytest.mark.parametrize(
    ("function", "memory_mb"),
    [
        ("anonymizer", (128, 256, 256, 256)),
        ("ocean", (128, 256, 256, 256)),
        ("files", (128, 256, 256, 256)),
        ("dual_ai", (128, 128, 256, 256)),
        ("forwarder", (128, 128, 128, 128)),
        ("http", (128, 256, 256, 512)),
    ],
)
def test_some_functions_have_a_memory_of_their_own(
    function: str, memory_mb: tuple[int, ...]
) -> None:
    """By tier: those with a rule keep to it, all others have the tier's memory."""
    assert tuple(tier.memory_of(function) for tier in tiers()) == memory_mb


def test_only_the_highest_tier_reserves_concurrency() -> None:
    """A reservation takes from the account's allowance, so small accounts have none."""
    *lower, highest = tiers()
    assert not any(tier.reserved_concurrency for tier in lower)
    assert highest.reserved_concurrency == {"anonymizer": 10, "ocean": 20, "dual_ai": 5}


def test_the_environment_chooses() -> None:
    """CURRENT_MRR gives the tier; without it, or empty, it is the lowest."""
    assert current_tier({"CURRENT_MRR": "5000"}).from_mrr_usd == 5000
    assert current_tier({}) == current_tier({"CURRENT_MRR": ""}) == tiers()[0]


def test_the_guide_tells_what_stands() -> None:
    """Its table of idle months is what each tier's stack costs at list price, and to pay."""
    guide = Path(__file__).parents[2] / "docs" / "guides" / "deploying-to-aws.md"
    for tier in tiers():
        found = bill(standing_uses(standing_of(tier, "arm64")), prices())
        row = f"| ${tier.from_mrr_usd:,} | {found.listed_usd:.2f} | {found.payable_usd:.2f} |"
        assert row in guide.read_text()


@pytest.mark.parametrize("value", ["a lot", "-1", "nan", "inf"])
def test_nonsense_is_refused(value: str) -> None:
    """What is not a revenue is not taken for zero."""
    with pytest.raises(UsageError, match="CURRENT_MRR"):
        current_tier({"CURRENT_MRR": value})
