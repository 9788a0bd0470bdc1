"""What ``make lint`` checks of the stack is checked: it finds what is there to be found."""

from pathlib import Path

import pytest

from tallybrook.errors import TallybrookError


@pytest.mark.slow
def test_nothing_is_accepted_without_a_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A finding of cdk-nag that is not on the list stops synthesis."""
    from infra import checks, linting

    kept = [accepted for accepted in checks.ACCEPTED if accepted.rule != "SMG4"]
    monkeypatch.setattr(checks, "ACCEPTED", kept)
    with pytest.raises(TallybrookError, match="cdk-nag"):
        [*linting.findings(tmp_path)]
