"""cdk-nag, the CDK's validation and cfn-lint over every stack that can be chosen, in kind."""

import json
from collections.abc import Iterator
from pathlib import Path

from cfnlint.api import ManualArgs, lint_file

from infra.bundles import PLACEHOLDER
from infra.checks import ACCEPTED, LINT_ACCEPTED
from infra.choices import everything
from infra.settings import StackSettings
from infra.synth import synthesize
from tallybrook.costs.tiers import tiers
from tallybrook.entities import library

LINTED = ("highest", "everything")
"""By cfn-lint, which takes ten seconds for one: the highest tier has all that the lowest has."""

_DEFINITIONS = Path(library.__file__).parent / "data" / "tutoring.toml"
_LEAST_REASON = 40
"""Characters: shorter is no reason."""


def stacks() -> dict[str, StackSettings]:
    """The lowest and the highest tier (those between differ in numbers alone), and a stack with
    everything that is there only when it is asked for."""
    revenues = [tier.from_mrr_usd for tier in tiers()]
    lowest, highest = (
        StackSettings(mrr_usd=revenue, bundles=PLACEHOLDER)
        for revenue in (min(revenues), max(revenues))
    )
    return {"lowest": lowest, "highest": highest, "everything": everything(_DEFINITIONS)}


def findings(folder: Path) -> Iterator[str]:
    """What is not as it should be, a line each; the stacks are written below ``folder``.

    Raises ``TallybrookError`` where cdk-nag finds what is not accepted; it has said what by then.
    """
    used: set[str] = set()
    for name, settings in stacks().items():
        template = synthesize(settings, folder / name)
        used |= _suppressed(folder / name / "validation-report.json")
        if name in LINTED:
            for match in lint_file(template, ManualArgs(ignore_checks=[*LINT_ACCEPTED])):
                yield f"cfn-lint: {name}: {match}"
    for accepted in ACCEPTED:
        if accepted.reason not in used:
            yield f"infra/checks.py: {accepted.rule} is accepted but not found any more"
        if len(accepted.reason) < _LEAST_REASON:
            yield f"infra/checks.py: {accepted.rule} has no reason worth the name"


def _suppressed(report: Path) -> set[str]:
    """The reasons by which something was accepted."""
    reports = json.loads(report.read_bytes())["pluginReports"]
    return {found["reason"] for said in reports for found in said["suppressedViolations"]}
