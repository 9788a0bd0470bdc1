"""The reference pages say what the code does: they are made from it, and stale ones fail here."""

import re
import subprocess
import sys

from tests.docs.repository import ROOT, files

# Handed from the supervisor to its children; not for users.
INTERNAL = {"TALLYBROOK_PARENT_FD", "TALLYBROOK_LOCK_FD"}


def reference(name: str) -> str:
    return (ROOT / "docs" / "reference" / f"{name}.md").read_text("utf-8")


def test_reference_pages_are_fresh() -> None:
    """Every command, option, route, setting, metric, error and table is documented as it is."""
    done = subprocess.run(
        [sys.executable, ROOT / "tools" / "reference.py", "--check"],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_environment_variable_is_documented() -> None:
    """A variable that the code reads, wherever it does, is on the page of settings."""
    named: set[str] = set()
    for path in files():
        if path.suffix == ".py" and path.is_relative_to(ROOT / "src"):
            named |= set(re.findall(r"TALLYBROOK_[A-Z][A-Z_]*[A-Z]", path.read_text("utf-8")))
    documented = set(re.findall(r"TALLYBROOK_[A-Z_]+", reference("settings")))
    assert named - INTERNAL <= documented
