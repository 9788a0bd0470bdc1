"""The page of failures names tests that exist."""

import re

from tests.docs.repository import ROOT

PAGE = ROOT / "docs" / "concepts" / "failures.md"
NAMED = re.compile(r"`(tests/[a-z_0-9/]+\.py)(?:::(test_[a-z_0-9]+))?`")


def test_every_failure_has_a_test() -> None:
    """Each row ends with a test, and the test is there."""
    rows = [line for line in PAGE.read_text("utf-8").splitlines() if line.startswith("| ")][1:]
    assert len(rows) > 20
    for row in rows:
        (found,) = NAMED.findall(row)
        path, name = ROOT / found[0], found[1]
        assert path.exists(), found
        assert f"def {name}(" in path.read_text("utf-8") or not name, found
