"""The templates as they were looked at last."""

import pytest

from infra.rights import as_text
from infra.snapshot import FOLDER, snapshots
from infra.template import Template

AGAIN = "if the difference is meant: .venv/bin/python -m infra snapshot, and read its diff"


@pytest.mark.parametrize("name", ["tier-0", "tier-1000", "tier-5000", "tier-10000"])
def test_nothing_changes_unseen(templates: dict[int, Template], name: str) -> None:
    """Every property of every resource of every tier is what was committed."""
    file = f"{name}.json"
    assert snapshots(templates)[file] == (FOLDER / file).read_text("utf-8"), AGAIN


def test_rights_are_this_table(highest: Template) -> None:
    """Each role has exactly these actions on exactly these resources."""
    assert as_text(highest) == (FOLDER / "rights.txt").read_text("utf-8"), AGAIN
