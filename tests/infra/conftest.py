"""The templates of all tiers, synthesised and checked once a run by the worker that comes first."""

import fcntl
import json
from pathlib import Path

import pytest

from infra.bundles import PLACEHOLDER
from infra.snapshot import every_tier
from infra.template import Template, load
from tallybrook.costs.tiers import tiers

TIERS = tuple(tier.from_mrr_usd for tier in tiers())


@pytest.fixture(scope="session")
def assemblies(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """A folder with one synthesised stack a tier; cdk-nag found nothing that is not accepted."""
    base = tmp_path_factory.getbasetemp()
    folder = (base if worker_id == "master" else base.parent) / "cdk"
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "done").exists():
            every_tier(folder, PLACEHOLDER)
            (folder / "done").touch()
    return folder


@pytest.fixture(scope="session")
def templates(assemblies: Path) -> dict[int, Template]:
    """Each tier's template, by the revenue it starts from."""
    return {tier: load(assemblies / str(tier) / "tallybrook.template.json") for tier in TIERS}


@pytest.fixture(scope="session")
def reports(assemblies: Path) -> list[dict]:
    """What cdk-nag says about each tier."""
    found = [(assemblies / str(tier) / "validation-report.json").read_bytes() for tier in TIERS]
    return [report for text in found for report in json.loads(text)["pluginReports"]]


@pytest.fixture(scope="session")
def lowest(templates: dict[int, Template]) -> Template:
    return templates[TIERS[0]]


@pytest.fixture(scope="session")
def highest(templates: dict[int, Template]) -> Template:
    return templates[TIERS[-1]]
