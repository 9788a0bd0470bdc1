"""Templates, synthesised once a run by the worker that comes first."""

import fcntl
from pathlib import Path

import pytest

from infra.bundles import PLACEHOLDER
from infra.choices import everything
from infra.snapshot import every_tier
from infra.synth import synthesize
from infra.template import Template, load
from tallybrook.costs.tiers import tiers

SHOP = """name = "shop"

[[entities]]
type = "buyer"
id = ["buyer_id"]

[[entities.facts]]
name = "order"
events = ["order_placed"]
key = ["order_id"]

[[entities.metrics]]
name = "orders_{days}d"
kind = "count"
of = "order"
days = [7]
"""

TIERS = tuple(tier.from_mrr_usd for tier in tiers())


@pytest.fixture(scope="session")
def assemblies(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """A folder with one synthesised stack a tier, and ``chosen``. ``make lint`` checks such."""
    base = tmp_path_factory.getbasetemp()
    folder = (base if worker_id == "master" else base.parent) / "cdk"
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "done").exists():
            every_tier(folder, PLACEHOLDER)
            (folder / "shop.toml").write_text(SHOP)
            synthesize(everything(folder / "shop.toml"), folder / "chosen", checked=False)
            (folder / "done").touch()
    return folder


@pytest.fixture(scope="session")
def templates(assemblies: Path) -> dict[int, Template]:
    """Each tier's template, by the revenue it starts from."""
    return {tier: load(assemblies / str(tier) / "tallybrook.template.json") for tier in TIERS}


@pytest.fixture(scope="session")
def lowest(templates: dict[int, Template]) -> Template:
    return templates[TIERS[0]]


@pytest.fixture(scope="session")
def highest(templates: dict[int, Template]) -> Template:
    return templates[TIERS[-1]]


@pytest.fixture(scope="session")
def shop(assemblies: Path) -> Path:
    """A file of definitions of one's own."""
    return assemblies / "shop.toml"


@pytest.fixture(scope="session")
def chosen(assemblies: Path) -> Template:
    """A stack with everything that can be chosen."""
    return load(assemblies / "chosen" / "tallybrook.template.json")
