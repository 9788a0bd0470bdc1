"""The template in a form to compare: what changes with every build or day is left out."""

import json
import re
from itertools import pairwise
from pathlib import Path
from typing import Any

from infra.settings import StackSettings
from infra.synth import synthesize
from infra.template import Template, load
from tallybrook.costs.tiers import tiers

FOLDER = Path("tests/infra/snapshots")
_HASH = re.compile(r"[0-9a-f]{64}")


def normalised(template: Template) -> Template:
    """Without hashes of code, the GraphQL schema (a file of its own) and the key's expiry."""
    text = _HASH.sub("HASH", json.dumps(template))
    result: Template = json.loads(text)
    for resource in result["Resources"].values():
        if resource["Type"] == "AWS::AppSync::GraphQLSchema":
            resource["Properties"]["Definition"] = "SCHEMA"
        if resource["Type"] == "AWS::AppSync::ApiKey":
            resource["Properties"]["Expires"] = 0
    return result


def difference(lower: Template, higher: Template) -> dict[str, Any]:
    """What the higher tier has more, less and otherwise than the lower one."""
    before, after = lower["Resources"], higher["Resources"]
    return {
        "added": {name: after[name] for name in sorted(after.keys() - before.keys())},
        "removed": sorted(before.keys() - after.keys()),
        "changed": {
            name: changes
            for name in sorted(before.keys() & after.keys())
            if (changes := _changes(before[name], after[name]))
        },
    }


def _changes(before: Any, after: Any, path: str = "") -> dict[str, Any]:
    if isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        before, after = dict(enumerate(before)), dict(enumerate(after))
    if isinstance(before, dict) and isinstance(after, dict):
        found: dict[str, Any] = {}
        for key in sorted(before.keys() | after.keys()):
            found |= _changes(before.get(key), after.get(key), f"{path}/{key}")
        return found
    if isinstance(before, list) and isinstance(after, list):
        more = [item for item in after if item not in before]
        less = [item for item in before if item not in after]
        return {path: {"more": more, "less": less}} if more or less else {}
    return {} if before == after else {path: {"before": before, "after": after}}


def snapshots(templates: dict[int, Template]) -> dict[str, str]:
    """File names and contents: the lowest tier whole, each higher one by what differs."""
    ordered = sorted(templates)
    shown: dict[str, Any] = {f"tier-{ordered[0]}.json": normalised(templates[ordered[0]])}
    for lower, higher in pairwise(ordered):
        shown[f"tier-{higher}.json"] = difference(
            normalised(templates[lower]), normalised(templates[higher])
        )
    return {name: json.dumps(what, indent=1, sort_keys=True) + "\n" for name, what in shown.items()}


def every_tier(folder: Path, bundles: Path) -> dict[int, Template]:
    """The template of each tier, by the revenue it starts from. ``infra check`` is what checks."""
    return {
        tier.from_mrr_usd: load(
            synthesize(
                StackSettings(mrr_usd=tier.from_mrr_usd, bundles=bundles),
                folder / str(tier.from_mrr_usd),
                checked=False,
            )
        )
        for tier in tiers()
    }
