"""cdk-nag and cfn-lint."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.infra.conftest import CHECKED, TIERS


def test_nag_finds_nothing_that_is_not_accepted(reports: list[dict]) -> None:
    """In the lowest and the highest tier the AwsSolutions rules pass."""
    assert [report["pluginName"] for report in reports] == ["AwsSolutions"] * len(CHECKED)
    assert [report["violations"] for report in reports] == [[]] * len(CHECKED)


def test_every_accepted_finding_is_still_found(reports: list[dict]) -> None:
    """No reason outlives what it was given for."""
    from infra.checks import ACCEPTED

    used = {found["reason"] for report in reports for found in report["suppressedViolations"]}
    assert {accepted.reason for accepted in ACCEPTED} == used
    assert all(len(accepted.reason) > 40 for accepted in ACCEPTED)


LINT = "import sys; from cfnlint import runner; sys.exit(runner.main())"


@pytest.mark.parametrize("tier", [pytest.param(TIERS[0], marks=pytest.mark.slow), TIERS[-1]])
def test_lint_finds_nothing(assemblies: Path, tier: int) -> None:
    """cfn-lint knows every property, value and reference. The highest tier has all that the others
    have, but for other numbers."""
    from infra.checks import LINT_ACCEPTED

    template = assemblies / str(tier) / "tallybrook.template.json"
    ignored = [word for rule in LINT_ACCEPTED for word in ("--ignore-checks", rule)]
    done = subprocess.run(
        [sys.executable, "-c", LINT, "--regions", "us-east-1", "-t", str(template), *ignored],
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
